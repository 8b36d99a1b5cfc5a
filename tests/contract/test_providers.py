"""One call to real servers, well-behaved and not: a reply or a failure comes of it, and nothing else."""

import asyncio
import gc
import json
import time
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from app.domain.exchange import Json
from app.providers.asking import HttpModelServers, Limits, open_client
from app.providers.model_server import Answer, Target
from tests.contract.asking import REQUEST, USAGE, ask, ask_handler, failure_of, reply_of
from tests.model_servers import DONE, completion, event, event_stream, model_server, raw_server


def test_a_whole_reply_has_a_total_time_and_no_first_token() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.12)  # the server may wait already while the caller's clock is about to start
        return web.json_response(completion())

    answer = ask_handler(handler)
    reply = reply_of(answer)
    assert (reply.content, reply.finish_reason, answer.model) == ("Hello.", "stop", "served")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (10, 5)
    assert (reply.timing.ttft_any_seconds, reply.timing.ttft_visible_seconds) == (None, None)
    assert reply.timing.total_seconds is not None
    assert 0.1 <= reply.timing.total_seconds < 0.4


def test_the_role_frame_is_no_token_and_reasoning_is_one() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream(
            request, 0.1, event({"role": "assistant", "content": ""}), 0.1, event({"reasoning_content": "hm"}), 0.1,
            event({"content": "Yes"}), 0.1, event({}, finish_reason="stop"), event(usage=USAGE), DONE,
        )  # fmt: skip

    answer = ask_handler(handler, stream=True)
    reply = reply_of(answer)
    assert (reply.content, reply.reasoning, reply.usage.output_tokens) == ("Yes", "hm", 5)
    times = reply.timing
    assert times.ttft_any_seconds == pytest.approx(0.2, abs=0.08)
    assert times.ttft_visible_seconds == pytest.approx(0.3, abs=0.08)
    assert times.total_seconds == pytest.approx(0.4, abs=0.1)
    assert answer.lag_seconds is not None


def test_a_tool_call_is_visible() -> None:
    call = {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "get", "arguments": "{}"}}]}

    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream(
            request, event({"role": "assistant"}), 0.1, event(call), 0.1, event({}, finish_reason="stop"), DONE
        )

    reply = reply_of(ask_handler(handler, stream=True))
    assert reply.timing.ttft_visible_seconds == reply.timing.ttft_any_seconds == pytest.approx(0.1, abs=0.08)
    assert reply.tool_calls[0].name == "get"


def test_thoughts_inside_content_are_not_visible() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream(
            request, event({"content": "<th"}), event({"content": "ink>a"}), 0.15, event({"content": "</think>\n"}),
            event({"content": "B"}), event({}, finish_reason="stop"), DONE,
        )  # fmt: skip

    reply = reply_of(ask_handler(handler, stream=True, strip_think=True))
    assert (reply.content, reply.reasoning) == ("B", "a")
    assert reply.timing.ttft_any_seconds is not None
    assert reply.timing.ttft_visible_seconds is not None
    assert reply.timing.ttft_visible_seconds - reply.timing.ttft_any_seconds >= 0.1


def test_a_reply_is_complete_at_done_even_if_the_server_then_hangs() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream(request, event({"content": "x"}, finish_reason="stop"), DONE, 30.0)

    began = time.monotonic()
    assert reply_of(ask_handler(handler, stream=True)).content == "x"
    assert time.monotonic() - began < 3


def test_a_stream_without_done_but_with_a_finish_reason_is_complete() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream(request, event({"content": "x"}), event({}, finish_reason="length"))

    assert reply_of(ask_handler(handler, stream=True)).finish_reason == "length"


def test_a_server_that_does_not_stream_when_asked_to() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response(completion())

    reply = reply_of(ask_handler(handler, stream=True))
    assert reply.timing.ttft_any_seconds is None


def test_a_server_that_streams_unasked_or_under_another_content_type() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        kind = "text/event-stream" if not (await request.json()).get("stream") else "text/plain"
        return await event_stream(request, event({"content": "x"}, finish_reason="stop"), DONE, content_type=kind)

    assert reply_of(ask_handler(handler)).content == "x"
    assert reply_of(ask_handler(handler, stream=True)).content == "x"


def test_the_clock_begins_when_the_last_byte_is_sent() -> None:
    """A server that reads a large body slowly delays its own start, not its first token."""
    body = b"".join([event({"content": "x"}, finish_reason="stop"), DONE])
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = await reader.readuntil(b"\r\n\r\n")
        length = int(seen.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await asyncio.sleep(0.6)
        await reader.readexactly(length)
        await asyncio.sleep(0.1)
        writer.write(head + body)
        await writer.drain()

    large = REQUEST | {"messages": [{"role": "user", "content": "x" * 24_000_000}]}
    with raw_server(handler) as url:
        began = time.monotonic()
        reply = reply_of(ask(url, stream=True, request=large, timeout_seconds=20.0))
    assert time.monotonic() - began > 0.7
    assert reply.timing.ttft_any_seconds is not None
    assert 0.1 <= reply.timing.ttft_any_seconds < 0.5


def test_a_stalled_event_loop_is_told() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream(request, 0.15, event({"content": "x"}, finish_reason="stop"), DONE)

    async def stalled(url: str) -> Answer:
        async with open_client(Limits()) as client:
            asyncio.get_running_loop().call_later(0.05, time.sleep, 0.3)
            return await client.ask(REQUEST, Target(url, "m"), stream=True)

    with model_server(handler) as url:
        answer = asyncio.run(stalled(url))
    assert answer.lag_seconds is not None
    assert answer.lag_seconds > 0.05


def test_our_key_goes_along_and_nothing_of_the_clients() -> None:
    seen: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        response = web.json_response(completion())
        response.set_cookie("tracking", "1")
        return response

    async def twice(url: str) -> None:
        async with open_client(Limits()) as client:
            for key in (SecretStr("s3cret"), None):
                await client.ask(REQUEST, Target(url, "m", api_key=key), stream=False)

    with model_server(handler) as url:
        asyncio.run(twice(url))
    assert [headers.get("Authorization") for headers in seen] == ["Bearer s3cret", None]
    assert all("Cookie" not in headers and headers["Accept-Encoding"] == "identity" for headers in seen)


def test_a_key_is_not_in_what_comes_back() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": "no"}, status=401)

    answer = ask_handler(handler, api_key=SecretStr("s3cret"))
    assert "s3cret" not in repr(answer)
    assert "s3cret" not in repr(Target("http://x/v1", "m", api_key=SecretStr("s3cret")))


def test_a_refused_parameter_is_left_out_and_that_is_remembered() -> None:
    """As `transformers serve` does: it refuses fields that it does not use."""
    bodies: list[Json] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        bodies.append(body)
        unused = sorted({"metadata", "stream_options", "max_completion_tokens"} & body.keys())
        if unused:
            return web.json_response({"detail": f"Unexpected keys in the request: {unused}"}, status=422)
        return await event_stream(request, event({"content": "x"}, finish_reason="stop"), DONE)

    request = REQUEST | {"metadata": {"a": "b"}, "max_completion_tokens": 9}

    async def several(url: str) -> list[Answer]:
        async with open_client(Limits()) as client:
            asking = [client.ask(request, Target(url, "m"), stream=True) for _ in range(5)]
            return [*await asyncio.gather(*asking), await client.ask(request, Target(url, "m"), stream=True)]

    with model_server(handler) as url:
        answers = asyncio.run(several(url))
    assert [reply_of(answer).content for answer in answers] == ["x"] * 6
    assert answers[-1].calls == 1
    log = {entry.parameter: entry.action for entry in answers[-1].adaptations}
    assert log["metadata"] == "dropped"
    assert log["max_completion_tokens"] == "renamed"
    assert bodies[-1]["max_tokens"] == 9


def test_a_refusal_that_our_adaptation_caused_is_flagged() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": "max_tokens must be at most 4"}}, status=400)

    request = REQUEST | {"max_completion_tokens": 9}
    assert failure_of(ask_handler(handler, request=request, server="ollama")).adaptation
    assert not failure_of(ask_handler(handler, request=request, server="vllm")).adaptation


def test_a_kept_connection_that_the_server_closed_is_not_the_candidates_fault() -> None:
    """The server closes after each reply without saying so; the next call on that connection never reached it."""
    body = json.dumps(completion()).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        seen = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(seen.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.write(head + body)
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")  # closes only once the next request is on its way
        writer.transport.abort()

    async def twice(url: str) -> list[Answer]:
        async with open_client(Limits()) as client:
            return [await client.ask(REQUEST, Target(url, "m"), stream=False) for _ in range(2)]

    with raw_server(handler) as url:
        answers = asyncio.run(twice(url))
    assert [reply_of(answer).content for answer in answers] == ["Hello.", "Hello."]
    assert connections == 2


@pytest.mark.parametrize(("path", "is_ill"), [("", True), ("/v1", False)])
def test_illness_is_a_server_that_cannot_be_reached(path: str, is_ill: bool) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response(completion())

    async def illness(client_url: str) -> str | None:
        async with open_client(Limits()) as client:
            return await client.illness(Target(client_url, "m"))

    with model_server(handler) as url:
        answer = asyncio.run(illness("http://127.0.0.1:1/v1" if is_ill else url))
    assert (answer is not None) is is_ill


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_nothing_is_left_open() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream(request, event({"content": "x"}), 30.0)

    async def many(url: str) -> list[Answer]:
        async with open_client(Limits()) as client:
            return await asyncio.gather(*(_short(client, url) for _ in range(20)))

    async def _short(client: HttpModelServers, url: str) -> Answer:
        return await client.ask(REQUEST, Target(url, "m", timeout_seconds=0.2), stream=True)

    with model_server(handler) as url:
        asyncio.run(many(url))
        gc.collect()
        before = _open_files()
        asyncio.run(many(url))
        gc.collect()
        assert _open_files() <= before + 20  # the server's own ends may close a little later
