"""Counts of producers: the same sums whatever is repeated, lost or out of order."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations

import pytest

from app.domain.ledger import Boot, BootCounts, quarter_of, unknown_seconds
from app.domain.live import PilotCount
from app.pipeline.recording.counting import Lines, NumberSeen, with_count, with_seen, with_watermark
from app.pipeline.recording.watermark import AHEAD_SECONDS, Fence, Pace, watermark_of

START = datetime(2026, 9, 7, 12, tzinfo=UTC)
START_US = int(START.timestamp() * 1e6)
S = 1_000_000


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_any_order_of_cumulative_counts_gives_the_same_sums() -> None:
    said = [(PilotCount(n * 10, {"shed": n}), START_US + n * S) for n in range(1, 5)]
    for order in permutations([*said, said[1]]):
        counts, lines = BootCounts(), Counter[tuple[datetime, str]]()
        for each, at in order:
            counts = with_count(counts, each, at, lines)
        assert (counts.issued, counts.dropped, sum(lines.values())) == (40, {"shed": 4}, 4)


def test_drops_stand_in_the_quarter_in_which_they_were_counted() -> None:
    lines: Lines = Counter()
    counts = with_count(BootCounts(), PilotCount(3, {"shed": 3}), START_US, lines)
    counts = with_count(counts, PilotCount(9, {"shed": 5, "opted_out": 1}), START_US + 1000 * S, lines)
    assert lines == {(START, "shed"): 3, (after(900), "shed"): 2, (after(900), "opted_out"): 1}
    assert quarter_of(START_US + 899 * S) == START


def test_a_missing_number_is_lost_when_it_had_its_time() -> None:
    counts = with_count(BootCounts(), PilotCount(10, {}), START_US, Counter())
    counts = with_seen(counts, [NumberSeen("b", n, START_US) for n in range(1, 9)])
    assert (counts.missing, counts.lost(8)) == (2, 0)
    assert with_watermark(counts, START_US + 59 * S).lost(8) == 0
    settled = with_watermark(counts, START_US + 60 * S)
    assert (settled.settled, settled.lost(8), settled.checkpoints) == (10, 2, ())
    # One that is counted as dropped afterwards, or comes after all, is lost no longer.
    assert with_count(settled, PilotCount(10, {"too_large": 1}), START_US + 70 * S, Counter()).lost(8) == 1
    assert with_seen(settled, [NumberSeen("b", 9, START_US)]).lost(9) == 1


def test_checkpoints_stay_few_and_the_last_holds_the_highest_number() -> None:
    counts = BootCounts()
    for second in range(300):
        counts = with_count(counts, PilotCount(second + 1, {}), START_US + second * S, Counter())
    assert len(counts.checkpoints) <= 25
    assert counts.checkpoints[-1] == (START_US + 299 * S, 300)
    early = with_watermark(counts, START_US + 200 * S)
    assert 125 <= early.settled <= 141
    assert with_watermark(counts, START_US + 359 * S).settled == 300


def boot(
    last: float, *, name: str = "b1", slot: str = "gateway-1", started: float = 0, source: str = "gateway", final: bool = False
) -> Boot:
    return Boot(name, slot, source, after(started), after(last), is_final=final)


@pytest.mark.parametrize(
    ("boots", "until", "unknown"),
    [
        ([boot(100)], 130, 0),  # it may count again
        ([boot(100)], 161, 61),  # nobody heard of it for a minute
        ([boot(100, final=True)], 5000, 0),
        ([boot(100), boot(200, name="b2", started=103)], 201, 3),
        ([boot(100), boot(200, name="b2", started=103, slot="gateway-2")], 201, 101),
        ([boot(100), boot(150, name="b2", started=110), boot(300, name="b3", started=151)], 301, 11),
        # Two that were down at the same time: the time counts once.
        (
            [
                boot(100),
                boot(105, name="b2", slot="gateway-2"),
                boot(200, name="b3", started=120),
                boot(200, name="b4", started=121, slot="gateway-2"),
            ],
            201,
            21,
        ),
        ([boot(100, source="app", slot="app-1")], 5000, 60),  # an application that does not run makes no requests
        ([boot(-50), boot(200, name="b2", started=10)], 201, 10),  # only the pilot's own time
    ],
)
def test_unknown_time_lasts_from_the_last_count_to_the_next_boot(boots: list[Boot], until: float, unknown: float) -> None:
    assert unknown_seconds(boots, since=START, until=after(until)) == unknown


def test_the_watermark_waits_for_the_mirror_and_for_living_producers() -> None:
    now, heard = after(1000), after(0)
    assert watermark_of([], None, now=now, heard_since=heard) == now
    assert watermark_of([], int(after(700).timestamp() * 1000), now=now, heard_since=heard) == after(700)
    assert watermark_of([boot(998)], None, now=now, heard_since=heard) == after(998)
    assert watermark_of([boot(900)], None, now=now, heard_since=heard) == now  # it ended without a word
    assert watermark_of([boot(900)], None, now=now, heard_since=after(990)) == after(900)  # or Redis was away
    followed = [boot(990), boot(999, name="b2", started=991)]
    assert watermark_of(followed, None, now=now, heard_since=heard) == after(999)
    assert watermark_of([boot(999, final=True)], None, now=now, heard_since=heard) == now


def test_a_fence_is_passed_when_nothing_older_is_left() -> None:
    fence = Fence(START, 5000)
    assert fence.is_passed(None)
    assert fence.is_passed(5001)
    assert not fence.is_passed(5000)


def test_a_watermark_goes_with_the_time_that_passes_and_a_little_faster() -> None:
    pace, start = Pace(), after(0)
    assert pace.held(start, 100.0) == start
    assert pace.held(start + timedelta(seconds=2), 101.0) == start + timedelta(seconds=2)
    # Away for an hour by both clocks: nothing is held back.
    assert pace.held(start + timedelta(seconds=3602), 3701.0) == start + timedelta(seconds=3602)


def test_a_clock_that_is_put_ahead_ends_nobodys_time_and_is_followed_step_by_step() -> None:
    pace, start = Pace(), after(0)
    pace.held(start, 100.0)
    ahead = [pace.held(start + timedelta(hours=1, seconds=turn), 100.0 + turn) for turn in range(1, 4000)]
    assert ahead[0] == start + timedelta(seconds=1 + AHEAD_SECONDS)
    steps = {round((later - former).total_seconds()) for former, later in pairwise(ahead)}
    assert max(steps) == 1 + AHEAD_SECONDS
    assert ahead[-1] == start + timedelta(hours=1, seconds=3999)


def test_a_clock_that_is_put_back_and_right_again_is_followed_at_once() -> None:
    pace, start = Pace(), after(0)
    pace.held(start, 100.0)
    assert pace.held(start - timedelta(hours=1), 101.0) == start - timedelta(hours=1)
    assert pace.held(start + timedelta(seconds=2), 102.0) == start + timedelta(seconds=2)
