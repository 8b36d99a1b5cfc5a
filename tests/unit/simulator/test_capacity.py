"""A simulated server of known capacity."""

import asyncio
import time

import pytest

from app.simulator.capacity import Slots


async def ends_of(slots: Slots, count: int) -> list[float]:
    clock = asyncio.get_running_loop().time
    begun = clock()

    async def one() -> float:
        async with slots.turn() as turn:
            await turn.last()
            return turn.ends_at - begun

    return await asyncio.gather(*(one() for _ in range(count)))


def test_so_many_at_once_and_the_others_in_their_turn() -> None:
    found = asyncio.run(ends_of(Slots(3, 0.02), 7))
    assert found == pytest.approx([0.02] * 3 + [0.04] * 3 + [0.06], abs=0.005)


def test_a_late_loop_takes_nothing_from_the_capacity() -> None:
    async def stalled() -> list[float]:
        ends = asyncio.create_task(ends_of(Slots(1, 0.02), 3))
        await asyncio.sleep(0.001)
        time.sleep(0.05)  # noqa: ASYNC251
        return await ends

    assert asyncio.run(stalled()) == pytest.approx([0.02, 0.04, 0.06], abs=0.01)


def test_a_client_that_goes_away_frees_its_slot_and_its_place() -> None:
    async def gone() -> float:
        slots = Slots(1, 10.0)
        clock = asyncio.get_running_loop().time

        async def one(seconds: float | None = None) -> None:
            async with slots.turn() as turn:
                await (turn.last() if seconds is None else asyncio.sleep(seconds))

        running, waiting, last = (asyncio.create_task(one(given)) for given in (None, None, 0.0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        begun = clock()
        waiting.cancel()
        running.cancel()
        await last
        await asyncio.gather(running, waiting, return_exceptions=True)
        await one(0.0)  # the slot is free again
        return clock() - begun

    assert asyncio.run(gone()) < 5
