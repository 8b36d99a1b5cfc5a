"""The mirror when arms misbehave, and its bounds: room, time, size, money, and what others left."""

import asyncio
import time
from collections import Counter
from decimal import Decimal
from typing import Any

import orjson
from aiohttp import web

from app.domain.live import Hints
from app.pipeline.mirroring.assembly import IN_HAND_FACTOR
from app.pipeline.mirroring.breakers_seen import read_breakers
from app.pipeline.mirroring.budget import keys
from app.pipeline.mirroring.mirror import READ_AT_ONCE
from app.pipeline.mirroring.room import WAITING_BYTES
from app.store.session import SessionFactory
from tests.integration.mirroring import (
    Asked,
    MakeStage,
    Stage,
    a_candidate,
    a_reply,
    a_request,
    a_running_pilot,
    make_stage,
    pending_of,
)
from tests.model_servers import completion, model_server

__all__ = ["make_stage"]
PRICES: Any = {"input_usd_per_million_tokens": 1000, "output_usd_per_million_tokens": 1000}


async def hangs(request: web.Request) -> web.StreamResponse:
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - until the caller is gone
        await asyncio.sleep(0.05)
    return web.Response()


async def garbage(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\x00\xff<html>", content_type="application/json")


async def refuses(_: web.Request) -> web.StreamResponse:
    return web.json_response({"error": {"message": "you said hello, which is wrong"}}, status=400)


async def floods(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    try:
        for _ in range(100):
            await response.write(b"x" * 1024**2)
    except (ConnectionError, asyncio.CancelledError):
        pass
    return response


def kinds(stage: Stage, arm: str) -> set[str | None]:
    return {reply.columns["failure"] for reply in stage.replies(arm).values()}


def test_arms_that_hang_lie_or_flood_fail_alone(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    with (
        model_server(hangs) as one, model_server(garbage) as two, model_server(floods) as three, model_server(refuses) as four,
        model_server(Asked()) as good,
    ):  # fmt: skip
        a_running_pilot(
            session_factory, a_candidate(one, "hangs", timeout_seconds=0.3), a_candidate(two, "garbage"),
            a_candidate(three, "floods"), a_candidate(four, "refuses"), a_candidate(good, "good"),
            a_candidate("http://127.0.0.1:9/v1", "down"),
        )  # fmt: skip
        stage = make_stage(reply_bytes=1024**2)

        async def story() -> None:
            async with stage.mirror():
                stage.put(a_request(1), a_reply(1), a_request(2, "other"), a_reply(2))
                await stage.until_done()

        asyncio.run(story())
    assert kinds(stage, "hangs") == {"timeout"}
    assert kinds(stage, "garbage") == {"malformed"}
    assert kinds(stage, "floods") == {"too_large"}
    assert kinds(stage, "refuses") == {"http"}
    assert kinds(stage, "down") == {"connection"}
    assert kinds(stage, "good") == {None}
    assert kinds(stage, "incumbent") == {None}
    assert [reply.columns["status"] for reply in stage.replies("refuses").values()] == [400, 400]


def test_a_hanging_arm_s_bound_sheds_and_the_others_go_on(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    with model_server(hangs) as one, model_server(Asked()) as two:
        a_running_pilot(
            session_factory, a_candidate(one, "hangs", max_concurrency=2, timeout_seconds=1.0), a_candidate(two, "good")
        )
        stage = make_stage(mirror_wait_seconds=0.2)

        async def story() -> None:
            async with stage.mirror():
                stage.put(*(a_request(number, f"question {number}") for number in range(1, 11)))
                await stage.until(lambda: len(stage.replies("good")) == 10)
                await stage.until(lambda: Counter(reply.skipped for reply in stage.replies("hangs").values())["shed"] == 8)
                await stage.until_done()

        asyncio.run(story())
    found = stage.replies("hangs").values()
    assert Counter(reply.skipped or reply.columns["failure"] for reply in found) == {"shed": 8, "timeout": 2}
    assert kinds(stage, "good") == {None}


def test_a_failing_arm_is_left_alone_then_tried_and_asked_again(make_stage: MakeStage, session_factory: SessionFactory) -> Any:
    is_ill = True
    calls = 0

    async def moody(_: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        return web.json_response({"error": "no"}, status=503) if is_ill else web.json_response(completion())

    with model_server(moody) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage(breaker_failures=3, breaker_open_seconds=0.5)

        async def story() -> None:
            nonlocal is_ill
            async with stage.mirror():
                for number in range(1, 4):
                    stage.put(a_request(number, f"{number}"))
                    await stage.until_done()
                stage.put(a_request(4, "4"))
                await stage.until_done()
                assert calls == 3
                url = str(stage.settings.redis_url)
                (seen,) = await stage.until(lambda: read_breakers(url, "support-bot"))
                assert (seen.arm, seen.state.value in ("open", "half_open")) == ("qwen", True)
                assert read_breakers(url, "another-pilot") == []
                is_ill = False
                await asyncio.sleep(0.6)
                stage.put(a_request(5, "5"))
                await stage.until_done()
                await stage.until(lambda: read_breakers(url, "support-bot") == [])

        asyncio.run(story())
    failures = {number: reply.columns["failure"] for number, reply in stage.replies().items()}
    assert failures == {1: "http", 2: "http", 3: "http", 4: "unavailable", 5: None}
    assert calls == 4


def test_a_budget_is_kept_and_an_unknown_price_is_refused(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    asked, unpriced = Asked(), Asked()
    with model_server(asked) as one, model_server(unpriced) as two:
        a_running_pilot(session_factory, a_candidate(one, **PRICES), a_candidate(two, "unpriced"), mirror={"budget_usd": "0.1"})
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror():
                for number in range(1, 10):
                    stage.put(a_request(number, f"{number}", max_tokens=20))
                    await stage.until_done()

        asyncio.run(story())
    found = stage.replies().values()
    spent = sum(Decimal(reply.usd or 0) for reply in found)
    assert {reply.usd for reply in found if reply.skipped is None} == {"0.015"}
    assert Counter(reply.skipped for reply in found)["over_budget"] >= 2
    assert Decimal("0.015") <= spent <= Decimal("0.1")
    assert stage.client.get(keys("support-bot")[0]) == str(int(spent * 10**9)).encode()
    assert {reply.skipped for reply in stage.replies("unpriced").values()} == {"over_budget"}
    assert unpriced.requests == []


def test_what_a_mirror_left_is_done_when_it_is_back_and_what_was_told_is_not_asked_again(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    fast, slow = Asked(), Asked(seconds=1.5)
    with model_server(fast) as one, model_server(slow) as two:
        a_running_pilot(session_factory, a_candidate(one, "fast"), a_candidate(two, "slow"))
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror(drain_seconds=0.0):
                stage.put(*(a_request(number, f"{number}") for number in range(1, 6)))
                await stage.until(lambda: len(stage.replies("fast")) == 5)
                await asyncio.sleep(0.1)
            assert pending_of(stage) == 5
            assert stage.replies("slow") == {}
            async with stage.mirror():
                await stage.until_done()

        asyncio.run(story())
    assert sorted(stage.replies("fast")) == sorted(stage.replies("slow")) == [1, 2, 3, 4, 5]
    assert (len(fast.requests), len(slow.requests)) == (5, 10)
    told = Counter(event.number for event in stage.told() if hasattr(event, "reason"))
    assert told == dict.fromkeys(range(1, 6), 2)  # the recorder knows them by their ids


def test_an_order_to_end_lets_calls_under_way_finish(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    with model_server(Asked(seconds=0.7)) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror() as mirror:
                stage.put(a_request(1))
                await stage.until(lambda: pending_of(stage))
                mirror.stop()
                await asyncio.sleep(0.4)  # longer than a read waits
                stage.put(a_request(2))

        asyncio.run(story())
    assert (sorted(stage.replies()), stage.in_hand()) == ([1], 1)


def test_while_the_recorder_s_stream_is_full_nothing_is_lost(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    with model_server(Asked()) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage(stream_bytes=1024**2)

        async def story() -> None:
            async with stage.mirror():
                stage.put(a_request(1, "1"))
                await stage.until_done()
                full = stage.client.xadd("record", {"full": b"x" * 1024**2})
                await asyncio.sleep(1.1)  # the outbox measures the stream once a second
                stage.put(*(a_request(number, f"{number}") for number in range(2, 7)))
                await asyncio.sleep(0.2)
                assert stage.in_hand() == 5
                assert stage.client.xlen("record") == 3
                stage.client.xdel("record", full)
                await stage.until_done()

        asyncio.run(story())
    assert sorted(stage.exchanges()) == sorted(stage.replies()) == [1, 2, 3, 4, 5, 6]


def test_of_small_entries_no_more_are_in_hand_than_their_work_may_cost(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    most = IN_HAND_FACTOR * 1024**2 // WAITING_BYTES + READ_AT_ONCE
    with model_server(Asked()) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage(stream_bytes=8 * 1024**2, mirror_held_bytes=1024**2)

        async def story() -> None:
            async with stage.mirror():
                stage.put(a_request(1, "1"))
                await stage.until_done()
                full = stage.client.xadd("record", {"full": b"x" * 8 * 1024**2})
                await asyncio.sleep(1.1)  # the outbox measures the stream once a second
                stage.put(*(a_request(number, f"{number}") for number in range(2, 1502)))
                await stage.until(lambda: pending_of(stage) >= READ_AT_ONCE)
                await asyncio.sleep(1.0)
                assert pending_of(stage) <= most < 1000
                stage.client.xdel("record", full)
                await stage.until_done()

        asyncio.run(story())
    assert sorted(stage.exchanges()) == list(range(1, 1502))


def test_production_s_arrivals_reach_the_candidate_soon(make_stage: MakeStage, session_factory: SessionFactory) -> None:
    with model_server(Asked()) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage()

        async def story() -> None:
            async with stage.mirror() as mirror:
                await stage.until(mirror.is_consuming.is_set)
                for number in range(1, 41):
                    stage.put(a_request(number, f"{number}", hints=Hints(conversation=f"c-{number}")))
                    await asyncio.sleep(0.01)
                await stage.until_done()

        asyncio.run(story())
    lags = sorted(reply.columns["queue_lag_seconds"] for reply in stage.replies().values())
    assert len(lags) == 40
    assert lags[20] < 0.5  # a loaded machine; `./run bench live` measures it


def test_an_entry_that_cannot_be_read_has_its_line_and_stops_nobody(
    make_stage: MakeStage, session_factory: SessionFactory
) -> None:
    with model_server(Asked()) as url:
        a_running_pilot(session_factory, a_candidate(url))
        stage = make_stage()
        head: dict[str, Any] = {"v": 1, "kind": "request", "sealed": True, "pilot": "support-bot", "boot": "b00t", "number": 1}

        async def story() -> None:
            async with stage.mirror():
                stage.client.xadd("mirror", {b"h": orjson.dumps(head | {"at_us": time.time_ns() // 1000}), b"b": b"damaged"})
                stage.client.xadd("mirror", {b"something": b"else"})
                stage.put(a_request(2, pilot="unknown-pilot"), a_request(3))
                await stage.until_done()

        asyncio.run(story())
    reasons = {number: exchange.reason for number, exchange in stage.exchanges().items()}
    assert reasons == {1: "unreadable_body", 3: "captured"}
