"""Bounds on what a mirror does at once."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY, generate_latest

from app.pipeline.mirroring import metrics
from app.pipeline.mirroring.room import WAITING_BYTES, Held, NoRoom, Room


async def enter(room: Room, arm: str, limit: int, leave: asyncio.Event, *, may_wait: bool = True) -> str:
    try:
        async with room.enter("pilot", arm, limit, may_wait=may_wait):
            await leave.wait()
            return "called"
    except NoRoom:
        return "shed"


def test_an_arm_has_its_own_limit_and_who_waits_too_long_is_shed() -> Any:
    async def story() -> list[str]:
        room, leave = Room(calls=10, wait_seconds=0.05), asyncio.Event()
        calls = [asyncio.create_task(enter(room, "qwen", 2, leave)) for _ in range(3)]
        await asyncio.wait([calls[2]])
        leave.set()
        return list(await asyncio.gather(*calls, enter(room, "qwen", 2, leave)))

    assert asyncio.run(story()) == ["called", "called", "shed", "called"]


def test_who_may_not_wait_is_shed_only_where_there_is_no_room_at_once() -> Any:
    async def story() -> list[str]:
        room, leave = Room(calls=10, wait_seconds=60), asyncio.Event()
        first = asyncio.create_task(enter(room, "qwen", 1, leave, may_wait=False))
        await asyncio.sleep(0)
        second = await enter(room, "qwen", 1, leave, may_wait=False)
        leave.set()
        return [await first, second]

    assert asyncio.run(story()) == ["called", "shed"]


def test_an_arm_that_hangs_leaves_half_of_all_calls_to_the_others() -> Any:
    async def story() -> list[str]:
        room, hangs, leave = Room(calls=4, wait_seconds=0.05), asyncio.Event(), asyncio.Event()
        hanging = [asyncio.create_task(enter(room, "hangs", 100, hangs)) for _ in range(10)]
        await asyncio.sleep(0)
        leave.set()
        found = [await enter(room, "good", 100, leave) for _ in range(3)]
        hangs.set()
        await asyncio.gather(*hanging)
        return found

    assert asyncio.run(story()) == ["called"] * 3


def test_room_is_given_back_whatever_happens_inside() -> Any:
    async def story() -> str:
        room, leave = Room(calls=2, wait_seconds=0.01), asyncio.Event()
        leave.set()
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                async with room.enter("pilot", "qwen", 1):
                    raise ZeroDivisionError
        return await enter(room, "qwen", 1, leave)

    assert asyncio.run(story()) == "called"


def test_bytes_are_held_up_to_a_limit_and_one_request_of_any_size_fits() -> None:
    held = Held(2 * WAITING_BYTES + 100)
    with held.hold(10**9) as alone:
        assert alone
        with held.hold(0) as second:
            assert not second
    with held.hold(50) as one, held.hold(50) as two, held.hold(1) as three:
        assert (one, two, three) == (True, True, False)
    assert held.bytes == 0


def test_every_series_of_an_arm_is_there_from_the_start() -> None:
    metrics.prepare_arm("seen-pilot", "qwen", is_asked=True)
    text = generate_latest(REGISTRY).decode()
    for reason in ("shed", "over_budget", "not_asked"):
        assert f'pilot_mirror_skipped_total{{arm="qwen",pilot="seen-pilot",reason="{reason}"}} 0.0' in text
    for outcome in ("answered", "timeout", "http", "connection", "empty", "malformed", "too_large", "unavailable"):
        assert f'pilot_mirror_replies_total{{arm="qwen",outcome="{outcome}",pilot="seen-pilot"}} 0.0' in text
    for reason in ("unreadable_entry", "unknown_pilot", "fault"):
        assert f'pilot_mirror_dropped_total{{reason="{reason}"}}' in text
    assert 'pilot_mirror_breaker_state{arm="qwen",pilot="seen-pilot"} 0.0' in text
