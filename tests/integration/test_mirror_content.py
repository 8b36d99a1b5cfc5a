"""Content levels through the mirror: a planted value is asked of the candidates, and stands nowhere afterwards."""

import asyncio
from dataclasses import asdict
from typing import Any

import orjson
import pytest
from aiohttp import web

from app.domain.live import Hints
from app.store.session import SessionFactory
from tests.integration.mirroring import Asked, MakeStage, Stage, a_candidate, a_reply, a_request, a_running_pilot, make_stage
from tests.model_servers import completion, model_server

__all__ = ["make_stage"]
PLANTED = "eve.planted@example.com"


async def echoes(request: web.Request) -> web.StreamResponse:
    """An error that repeats what was said, as some servers do."""
    said = (await request.json())["messages"][0]["content"]
    return web.json_response({"error": {"message": f"cannot do: {said}"}}, status=400)


def planted_request(number: int, hints: Hints, **more: Any) -> Any:
    return a_request(
        number, f"write to {PLANTED}", hints=hints, user=PLANTED, metadata={"who": PLANTED}, prompt_cache_key=PLANTED, **more
    )


def everything(stage: Stage) -> str:
    """All that the mirror left in Redis, opened where it is sealed."""
    events = "".join(str(asdict(event)) for event in stage.told())
    keys: Any = stage.client.scan_iter("*")
    return events + "".join(str((key, value(stage, key))) for key in keys if key not in (b"record", b"mirror"))


def value(stage: Stage, key: bytes) -> Any:
    kind: Any = stage.client.type(key)
    return {b"string": stage.client.get, b"set": stage.client.smembers, b"hash": stage.client.hgetall}[kind](key)


@pytest.mark.parametrize(
    ("tables", "hints"),
    [
        ({"content": {"level": "metadata"}}, Hints(conversation=PLANTED)),
        ({"content": {"level": "masked"}}, Hints(conversation=PLANTED)),
        ({}, Hints(conversation=PLANTED, content="metadata")),
        ({}, Hints(conversation=PLANTED, content="masked")),
        ({"segment": [{"name": "mail", "match": {"header": "mail"}, "content": "metadata"}]}, Hints(segment="mail")),
    ],
)
def test_a_planted_value_is_nowhere_where_text_may_not_be_kept(
    make_stage: MakeStage, session_factory: SessionFactory, tables: Any, hints: Hints
) -> None:
    asked = Asked(f"I wrote to {PLANTED}.")
    with model_server(asked) as one, model_server(echoes) as two:
        a_running_pilot(session_factory, a_candidate(one, server="vllm"), a_candidate(two, "echoes"), **tables)
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                request = planted_request(1, hints)
                body = orjson.dumps(completion(f"Writing to {PLANTED}"))
                stage.put(request, a_reply(1, body=body, hints=hints, request=request.body), is_sealed=True)
                failed = orjson.dumps({"error": {"message": f"{PLANTED} is not known"}})
                stage.put(planted_request(2, hints), is_sealed=True)
                stage.put(a_reply(2, body=failed, status=500, hints=hints, request=request.body), is_sealed=True)
                await stage.until_done()

        asyncio.run(story())
    assert PLANTED in asked.requests[0]["messages"][0]["content"]
    assert "planted" not in everything(stage)
    exchange, reply = stage.exchanges()[1], stage.replies("incumbent")[1]
    assert exchange.level == ("masked" if "masked" in str((tables, hints)) else "metadata")
    assert (exchange.request is None) == (reply.body is None) == (exchange.level == "metadata")
    assert stage.replies("incumbent")[2].columns["failure"] == "http"
    assert stage.replies("echoes")[1].columns["status"] == 400
    assert reply.checks.keys() == stage.replies()[1].checks.keys() != set()


def test_a_conversation_whose_segment_is_strict_is_kept_strictly_throughout(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    segments = [{"name": "mail", "match": {"header": "mail"}, "content": "metadata"}]
    with model_server(Asked()) as url:
        a_running_pilot(session_factory, a_candidate(url), segment=segments)
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                for number, said in enumerate(("mail", None), 1):
                    request = a_request(number, f"{number}", hints=Hints(conversation="c-1", segment=said))
                    reply = a_reply(number, hints=request.hints, request=request.body)
                    stage.put(request, is_sealed=True)
                    await stage.until_done()
                    stage.put(reply, is_sealed=True)
                    await stage.until_done()

        asyncio.run(story())
    assert {exchange.level for exchange in stage.exchanges().values()} == {"metadata"}
    assert {reply.body for arm in ("incumbent", "qwen") for reply in stage.replies(arm).values()} == {None}
