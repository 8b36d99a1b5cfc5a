"""Completions and Responses asked of real servers: as they are, or as Chat Completions where there is nothing else."""

import asyncio
from collections.abc import Iterator

import pytest
from aiohttp import web

from app.domain.exchange import Json, Reply
from app.domain.requests import CHAT, COMPLETIONS, RESPONSES
from app.domain.toml_table import Server
from app.providers.asking import Limits, open_client
from app.providers.model_server import Answer, Target
from app.simulator.assistant import CANDIDATE
from app.simulator.models import SimulatedModel
from app.simulator.serving import Endpoint, Speed, serve
from tests.contract.asking import failure_of, reply_of
from tests.model_servers import completion, model_server

QUESTIONS: dict[str, Json] = {
    CHAT: {"model": "gpt", "messages": [{"role": "user", "content": "Hello"}]},
    COMPLETIONS: {"model": "gpt", "prompt": "Hello"},
    RESPONSES: {"model": "gpt", "input": "Hello"},
}
TOOL = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}}}


@pytest.fixture(scope="module")
def simulated() -> Iterator[str]:
    model = SimulatedModel(CANDIDATE, "sim", reasoning_words=3)
    with serve(Endpoint(model, Speed(seconds_to_first=0.01, tokens_per_second=1000.0))) as url:
        yield f"{url}/v1"


def ask(url: str, *requests: tuple[str, Json], server: Server = "openai", stream: bool = False) -> list[Answer]:
    target = Target(url, "sim", server=server, timeout_seconds=5.0)

    async def run() -> list[Answer]:
        async with open_client(Limits()) as client:
            return [await client.ask(request, target, stream=stream, path=path) for path, request in requests]

    return asyncio.run(run())


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_question_has_the_same_reply_on_every_route(simulated: str, stream: bool) -> None:
    replies = [reply_of(answer) for answer in ask(simulated, *QUESTIONS.items(), stream=stream)]
    assert len({reply.content for reply in replies}) == 1
    assert {reply.finish_reason for reply in replies} == {"stop"}
    assert len({(reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.reasoning_tokens) for reply in replies}) == 1
    assert replies[0].reasoning == replies[2].reasoning != ""
    for reply in replies:
        first, visible, total = reply.timing.ttft_any_seconds, reply.timing.ttft_visible_seconds, reply.timing.total_seconds
        assert total is not None
        assert (first is not None) is (visible is not None) is stream
        assert not stream or 0 < (first or 0) <= (visible or 0) < total


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_without_the_responses_api_gives_the_same_reply(simulated: str, stream: bool) -> None:
    request = QUESTIONS[RESPONSES] | {"tools": [TOOL], "tool_choice": "required", "max_output_tokens": 99}
    native, converted = (ask(simulated, (RESPONSES, request), server=kind, stream=stream)[0] for kind in ("vllm", "llamacpp"))
    calls = [reply_of(answer).tool_calls for answer in (native, converted)]
    assert [(call.name, call.arguments) for call in calls[0]] == [(call.name, call.arguments) for call in calls[1]]
    assert reply_of(native).finish_reason == reply_of(converted).finish_reason == "tool_calls"
    assert "path" not in {entry.parameter for entry in native.adaptations}
    assert {"path", "input", "tools", "max_output_tokens"} <= {entry.parameter for entry in converted.adaptations}


def test_a_server_that_has_no_such_route_is_asked_by_chat_completions_from_then_on() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append((await request.json())["messages"][0]["content"])
        return web.json_response(completion())

    with model_server(handler) as url:
        first, second = ask(url, *[(RESPONSES, QUESTIONS[RESPONSES])] * 2)
    assert (first.calls, second.calls, asked) == (2, 1, ["Hello", "Hello"])
    assert isinstance(first.reply, Reply)
    assert "path" in {entry.parameter for entry in first.adaptations}


def test_a_model_that_is_missing_is_no_missing_route() -> None:
    paths: list[str] = []

    async def not_found(request: web.Request) -> web.StreamResponse:
        paths.append(request.path)
        return web.json_response({"error": {"message": "no such model"}}, status=404)

    with model_server(not_found, paths=("/v1/responses", "/v1/chat/completions")) as url:
        answers = ask(url, *[(RESPONSES, QUESTIONS[RESPONSES])] * 2)
    assert [failure_of(answer).status for answer in answers] == [404, 404]
    assert paths == ["/v1/responses", "/v1/chat/completions"] * 2
