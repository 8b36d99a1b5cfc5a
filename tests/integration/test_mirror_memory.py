"""What mirrors know together, in whatever order they come to it."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4

import pytest
import redis.asyncio

from app.pipeline.mirroring import remembered
from app.pipeline.mirroring.attempts import Attempt
from app.pipeline.mirroring.budget import Budget, keys
from app.pipeline.mirroring.memory import Memory, open_memory
from app.pipeline.mirroring.remembered import ERAS, Remembered, scripted
from app.stack.redis import EmbeddedRedis

SECOND = 1_000_000
KEPT_SECONDS = 3600.0
Found = TypeVar("Found")
With = Callable[[Memory, str], Awaitable[Found]]


@pytest.fixture
def url(redis_server: EmbeddedRedis) -> str:
    return f"{redis_server.url}?db=7"


def told(url: str, story: With[Found]) -> Found:
    async def run() -> Found:
        client = open_memory(url)
        try:
            return await story(
                Memory(client, retry_window_seconds=60.0, conversation_seconds=KEPT_SECONDS), f"p-{uuid4().hex[:8]}"
            )
        finally:
            await client.aclose()

    return asyncio.run(run())


async def meet(
    memory: Memory, pilot: str, number: int, at: float, *, said: int | None = None, body: str = "same"
) -> str | None:
    met = await memory.meet(pilot, "c", "other", Attempt(f"b-{number}", int(at * SECOND), said), body)
    return met.retry_of


def test_attempts_fold_into_the_first_however_many_fail(url: str) -> Any:
    async def story(memory: Memory, pilot: str) -> list[str | None]:
        found = []
        for number in range(1, 4):
            found.append(await meet(memory, pilot, number, number * 10))
            await memory.note_failed(pilot, f"b-{number}", (number * 10 + 1) * SECOND)
        return [*found, await meet(memory, pilot, 4, 40), await meet(memory, pilot, 5, 41)]

    assert told(url, story) == [None, "b-1", "b-1", "b-1", None]


def test_after_one_that_worked_the_next_failure_begins_anew(url: str) -> Any:
    async def story(memory: Memory, pilot: str) -> list[str | None]:
        found = [await meet(memory, pilot, 1, 1), await meet(memory, pilot, 2, 2)]
        await memory.note_failed(pilot, "b-2", 3 * SECOND)
        return [*found, await meet(memory, pilot, 3, 4), await meet(memory, pilot, 4, 5, body="another")]

    assert told(url, story) == [None, None, "b-2", None]


def test_a_failure_that_is_known_late_folds_nothing_that_came_before_it(url: str) -> Any:
    async def story(memory: Memory, pilot: str) -> list[str | None]:
        found = [await meet(memory, pilot, 1, 1), await meet(memory, pilot, 2, 2)]
        await memory.note_failed(pilot, "b-1", 5 * SECOND)
        return [*found, await meet(memory, pilot, 3, 6)]

    assert told(url, story) == [None, None, None]


def test_who_is_met_again_is_told_the_same(url: str) -> Any:
    async def story(memory: Memory, pilot: str) -> list[str | None]:
        await meet(memory, pilot, 1, 1)
        found = [
            await meet(memory, pilot, 2, 2, said=1),
            await meet(memory, pilot, 2, 2, said=1),
            await meet(memory, pilot, 1, 1),
        ]
        return [*found, await meet(memory, pilot, 3, 3, said=2), await meet(memory, pilot, 1, 1)]

    assert told(url, story) == ["b-1", "b-1", None, "b-1", None]


def test_two_mirrors_at_once_agree_on_one_first_attempt(url: str) -> Any:
    async def story(memory: Memory, pilot: str) -> list[str | None]:
        await meet(memory, pilot, 1, 1)
        await memory.note_failed(pilot, "b-1", 2 * SECOND)
        return await asyncio.gather(*(meet(memory, pilot, number, 3, said=1) for number in range(2, 10)))

    assert told(url, story) == ["b-1"] * 8


def test_the_first_segment_of_a_conversation_stays(url: str) -> Any:
    async def story(memory: Memory, pilot: str) -> tuple[str, str, str | None, str | None]:
        one = await memory.meet(pilot, "eve@example.com", "extraction", Attempt("b-1", 1, None), "x")
        two = await memory.meet(pilot, "eve@example.com", "chat", Attempt("b-2", 2, None), "y")
        found = await memory.first_segment(pilot, "eve@example.com"), await memory.first_segment(pilot, "c-2")
        client = open_memory(url)
        names = [name async for name in client.scan_iter("pilot:*")]
        names += [field async for key in client.scan_iter(f"pilot:segment:{pilot}:*") for field in await client.hkeys(key)]
        await client.aclose()
        assert not any(b"eve" in name for name in names)
        return (one.segment, two.segment, *found)

    assert told(url, story) == ("extraction", "extraction", "extraction", None)


def test_a_redis_that_knows_no_script_is_told_it_and_nothing_is_done_twice(url: str) -> Any:
    async def story(memory: Memory, pilot: str) -> list[str | None]:
        client = open_memory(url)
        await client.script_flush()
        met = await memory.meet(pilot, "c", "chat", Attempt("b-1", 1, None), "x")
        await client.script_flush()
        found = await memory.first_segment(pilot, "c")
        await client.aclose()
        return [met.segment, met.retry_of, found]

    assert told(url, story) == ["chat", None, "chat"]


def test_a_name_is_forgotten_in_time_unless_it_is_met_again(url: str) -> Any:
    seconds = float(ERAS)

    async def story(_: Memory, pilot: str) -> str | None:
        client = open_memory(url)
        names = Remembered(client, "segment", seconds=seconds)
        await names.put(pilot, "once", "chat")
        began, seen_at, missed_at, first = time.monotonic(), 0.0, [], "chat"
        while time.monotonic() - began < seconds + 2.5:
            async with client.pipeline(transaction=False) as pipeline:
                names.meet(pipeline, pilot, "again", first)
                assert await scripted(pipeline) == [b"chat"]
            first = "another"
            asked_at = time.monotonic() - began
            if await names.look(pilot, "once") is not None:
                seen_at = asked_at
            else:
                missed_at.append(time.monotonic() - began)
            await asyncio.sleep(0.1)
        ends = [await client.ttl(key) async for key in client.scan_iter(f"pilot:segment:{pilot}:*")]
        found = await names.look(pilot, "again")
        await client.aclose()
        assert missed_at[0] > seconds
        assert seen_at <= seconds + 1.1
        assert all(-2 <= each <= seconds + 1 and each != -1 for each in ends)
        return found

    assert told(url, story) == "chat"


def test_what_is_put_counts_from_then_on_and_keys_of_the_version_before_are_read(url: str) -> Any:
    async def story(memory: Memory, pilot: str) -> list[str | None]:
        client = open_memory(url)
        names = Remembered(client, "response", seconds=KEPT_SECONDS)
        for conversation in ("c-1", "c-2"):
            await names.put(pilot, "resp_1", conversation)
        old = hashlib.sha256(b"c").hexdigest()[:32]
        await client.set(f"pilot:segment:{pilot}:{old}", "strict", ex=60)
        first = await memory.first_segment(pilot, "c")
        met = await memory.meet(pilot, "c", "lax", Attempt("b-1", 1, None), "x")
        await client.delete(f"pilot:segment:{pilot}:{old}")
        found = [await names.look(pilot, "resp_1"), first, met.segment, await memory.first_segment(pilot, "c")]
        await client.aclose()
        return found

    assert told(url, story) == ["c-2", "strict", "strict", "strict"]


def test_many_names_take_a_third_of_what_a_key_for_each_would(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(remembered, "BUCKET_DIGITS", 2)  # else it took millions of names to fill a hash

    async def story(_: Memory, pilot: str) -> tuple[int, int]:
        client, count = open_memory(url), 400
        names = [name for name in map(str, range(200_000)) if hashlib.sha256(name.encode()).hexdigest().startswith("00")]
        segments = Remembered(client, "segment", seconds=KEPT_SECONDS)
        for name in names[:count]:
            await client.set(f"pilot:one:{pilot}:{hashlib.sha256(name.encode()).hexdigest()[:32]}", "chat", ex=3600)
            await segments.put(pilot, name, "chat")
        plain, together = [await _bytes(client, f"pilot:{kind}:{pilot}:*") for kind in ("one", "segment")]
        assert [await segments.look(pilot, name) for name in names[: count + 1]] == ["chat"] * count + [None]
        await client.aclose()
        return together, plain

    together, plain = told(url, story)
    assert together < plain / 3


async def _bytes(client: "redis.asyncio.Redis", pattern: str) -> int:
    return sum([int(await client.memory_usage(key) or 0) async for key in client.scan_iter(pattern)])


def test_arms_that_answered_are_known_until_the_request_is_done_with(url: str) -> Any:
    async def story(memory: Memory, pilot: str) -> list[frozenset[str]]:
        attempt = Attempt("b-1", 1, None)
        found = [(await memory.meet(pilot, "c", "other", attempt, "x")).answered]
        await memory.note_answered(pilot, "b-1", "qwen")
        found.append((await memory.meet(pilot, "c", "other", attempt, "x")).answered)
        await memory.forget_answered(pilot, "b-1")
        return [*found, (await memory.meet(pilot, "c", "other", attempt, "x")).answered]

    assert told(url, story) == [frozenset(), frozenset({"qwen"}), frozenset()]


def test_a_reply_s_id_stands_for_its_conversation_unless_nobody_can_name_it(url: str) -> Any:
    async def story(memory: Memory, pilot: str) -> list[object]:
        found: list[object] = [await memory.name_response(pilot, "b-1", "resp_1")]
        await memory.note_chained(pilot, "b-1", "c-1")
        await memory.note_chained(pilot, "b-2", None)
        found += [await memory.name_response(pilot, "b-1", "resp_1"), await memory.name_response(pilot, "b-2", "resp_2")]
        return [*found, *[await memory.conversation_of_response(pilot, name) for name in ("resp_1", "resp_2")]]

    assert told(url, story) == [False, True, True, "c-1", None]


def test_reserves_of_several_mirrors_count_and_a_dead_one_s_are_given_back(url: str) -> Any:
    async def story(_: Memory, pilot: str) -> list[bool]:
        client = open_memory(url)
        limit, part = Decimal("1.00"), Decimal("0.40")
        one, two = Budget(client, "one"), Budget(client, "two")
        found = [await budget.take(pilot, part, limit) for budget in (one, two, one)]
        await two.settle(pilot, part, Decimal("0.1"))
        found.append(await one.take(pilot, part, limit))  # 0.1 spent, 0.4 and 0.4 reserved
        found.append(await two.take(pilot, Decimal("0.11"), limit))
        found.append(await Budget(client, "one").take(pilot, Decimal("0.9"), limit))  # it came back: nothing is under way
        found.append(await two.take(pilot, Decimal("0.000000001"), limit))
        assert await client.get(keys(pilot)[0]) == b"100000000"
        await client.aclose()
        return found

    assert told(url, story) == [True, True, False, True, False, True, False]
