"""The clock of all arms."""

import asyncio
import math
import time

import pytest

from app.domain.exchange import Timing
from app.domain.measures import LAG_LIMIT_SECONDS, tpot_seconds
from app.providers.timing import LoopLag, Stopwatch, now


def test_first_outputs_count_from_the_last_request_byte() -> None:
    watch = Stopwatch()
    watch.start(10.0)
    assert watch.output(10.5, visible=False)
    assert not watch.output(10.6, visible=False)
    assert watch.output(11.0, visible=True)
    assert not watch.output(11.5, visible=True)
    watch.end(12.0)
    assert watch.timing() == Timing(0.5, 1.0, 2.0)


def test_content_that_turns_out_to_be_thought_was_not_visible() -> None:
    watch = Stopwatch()
    watch.start(0.0)
    watch.output(1.0, visible=True)
    watch.forget_visible()
    watch.output(2.0, visible=True)
    assert watch.timing() == Timing(1.0, 2.0, None)


def test_without_a_start_nothing_was_measured() -> None:
    watch = Stopwatch()
    watch.end(5.0)
    assert watch.timing() == Timing()


@pytest.mark.parametrize(
    ("ttft", "total", "tokens", "expected"),
    [
        (0.5, 2.5, 11, 0.2),
        (0.5, 2.5, 2, 2.0),
        (0.5, 2.5, 1, None),
        (0.5, 2.5, 0, None),
        (0.5, 2.5, None, None),
        (None, 2.5, 11, None),
        (0.5, None, 11, None),
    ],
)
def test_time_per_output_token(ttft: float | None, total: float | None, tokens: int | None, expected: float | None) -> None:
    measured = float(tpot_seconds(ttft, total, tokens))
    assert measured == pytest.approx(math.nan if expected is None else expected, nan_ok=True)


async def _lag_of(stall_seconds: float) -> float:
    lag = LoopLag()
    lag.start()
    await asyncio.sleep(0.05)
    asyncio.get_running_loop().call_soon(time.sleep, stall_seconds)
    await asyncio.sleep(0)
    moment = now()
    await asyncio.sleep(0.01)
    found = lag.since(moment)
    lag.stop()
    return found


def test_a_stalled_loop_is_seen() -> None:
    assert asyncio.run(_lag_of(0.08)) > 10 * LAG_LIMIT_SECONDS


def test_a_stall_that_is_over_before_the_read_is_not_the_reads() -> None:
    async def read_after_a_stall() -> float:
        lag = LoopLag()
        lag.start()
        time.sleep(0.2)  # noqa: ASYNC251 - the stall is the point
        await asyncio.sleep(0.05)
        moment = now()
        await asyncio.sleep(0.01)
        found = lag.since(moment)
        lag.stop()
        return found

    assert asyncio.run(read_after_a_stall()) < 0.15
