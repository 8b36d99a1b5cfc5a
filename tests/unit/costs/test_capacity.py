"""The replica search against trying every number, laid out traffic, and the staircase."""

import doctest
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.costs import capacity
from app.costs.capacity import (
    Load,
    SlotsByVolume,
    TimeLimit,
    as_rehearsed,
    expanded,
    replicas_for_volume,
    replicas_of,
    slots_for_volumes,
    slots_needed,
)
from app.costs.queue_replay import stream_of
from tests.unit.costs.test_queue_replay import SECOND, step_by_step

requests = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), min_size=1, max_size=60)


def load(rows: list[tuple[int, int]], *, wait: float = 0.0, limit: float | None = None, unknown: int = 0) -> Load:
    arrived, service = (np.array(column) for column in zip(*rows, strict=True))
    times = service.astype(np.float64)
    times[:unknown] = np.nan
    limits = () if limit is None else (TimeLimit(times, limit),)
    return Load(arrived * SECOND, service.astype(np.float64), np.ones(len(rows)), wait, limits)


def keeps(asked: Load, slots: int) -> bool:
    """Said anew, from the waits of the plain simulation: of all requests at most one in twenty is above each limit."""
    stream = stream_of(asked.arrived_us, asked.service_seconds)
    waits = np.array(step_by_step(stream, slots)) / SECOND
    kept = bool((waits > asked.wait_p95_seconds).sum() * 20 <= len(waits))
    for limit in asked.limits:
        times = limit.times_seconds[stream.rows]
        known = ~np.isnan(times)
        kept = kept and bool((waits + times > limit.seconds)[known].sum() * 20 <= known.sum())
    return kept


def test_the_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(capacity, extraglobs={"np": np})
    assert (result.attempted > 0, result.failed) == (True, 0)


@given(requests, st.sampled_from([0.0, 1.0, 4.0]), st.sampled_from([None, 9.0, 12.0, 14.0]), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_the_fewest_slots_keep_the_objective_and_one_fewer_does_not(
    rows: list[tuple[int, int]], wait: float, limit: float | None, unknown: int
) -> None:
    asked = load(rows, wait=wait, limit=limit, unknown=unknown)
    found = slots_needed(asked)
    if found is None:
        assert not keeps(asked, len(rows))
        return
    assert keeps(asked, found)
    assert found == 1 or not keeps(asked, found - 1)


def test_waiting_may_take_up_what_the_limit_leaves() -> None:
    three_at_once = [(0, 2), (0, 2), (0, 2)]
    assert slots_needed(load(three_at_once)) == 3
    assert slots_needed(load(three_at_once, wait=2.0)) == 2
    assert slots_needed(load(three_at_once, wait=4.0)) == 1
    assert slots_needed(load(three_at_once, wait=4.0, limit=4.0)) == 2
    assert slots_needed(load(three_at_once, wait=4.0, limit=3.9)) == 3
    assert slots_needed(load(three_at_once, wait=4.0, limit=1.9)) is None


def test_where_the_times_are_known_to_keep_the_limit_waiting_adds_none_above_it() -> None:
    # Two of 20 are above the limit by themselves; a third would be if it waited for the one before.
    rows = [(100 * place, 9 if place < 2 else 5) for place in range(18)] + [(1800, 5), (1802, 5)]
    assert slots_needed(load(rows, wait=10.0, limit=6.0)) is None
    known = load(rows, wait=10.0, limit=6.0)
    known = replace(known, limits=(replace(known.limits[0], is_kept_alone=True),))
    assert slots_needed(known) == 2
    assert slots_needed(replace(known, limits=(replace(known.limits[0], seconds=11.0),))) == 1


def test_one_in_twenty_may_wait() -> None:
    alone = [(100 * place, 5) for place in range(18)]
    assert slots_needed(load([*alone, (0, 5), (5000, 1)])) == 1
    assert slots_needed(load([*alone, (0, 5)])) == 2
    assert slots_needed(load([*alone, (0, 5), (100, 5)])) == 2


def test_nothing_needs_nothing() -> None:
    empty = Load(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))
    assert slots_needed(empty) == 0


@pytest.mark.parametrize(
    ("slots", "each", "replicas"),
    [(0, 4, 1), (4, 4, 1), (5, 4, 2), (12, 12.5, 1), (13, 12.5, 2), (25, 12.5, 2), (26, 12.5, 3), (1, 0.5, 2), (3, 0.1, 30)],
)
def test_parts_of_slots_answer_nobody(slots: int, each: float, replicas: int) -> None:
    assert replicas_of(slots, each) == replicas
    assert math.floor(replicas * each + 1e-9) >= slots
    assert replicas == 1 or math.floor((replicas - 1) * each + 1e-9) < slots


def test_a_replica_without_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="slots_per_replica must be above 0, not 0"):
        replicas_of(1, 0.0)


def some_traffic(n: int = 4000, *, weight: float = 1.0, seed: int = 7) -> Load:
    random = np.random.default_rng(seed)
    arrived = np.sort(random.integers(0, n * SECOND, n))
    return Load(arrived, random.gamma(2.0, 2.0, n), np.full(n, weight))


def test_whole_traffic_is_replayed_as_it_came() -> None:
    asked = some_traffic()
    stream = expanded(asked)
    assert (stream.arrived_us == asked.arrived_us).all()
    assert (stream.rows == np.arange(4000)).all()
    assert stream.service_us.tolist() == np.round(asked.service_seconds * SECOND).astype(np.int64).tolist()


@pytest.mark.parametrize(("weight", "volume"), [(1.0, 0.3), (1.0, 1.5), (10.0, 1.0), (10.0, 0.05), (4.0, 2.5)])
def test_a_sample_is_laid_out_as_what_it_stands_for(weight: float, volume: float) -> None:
    asked = some_traffic(weight=weight)
    stream = expanded(asked, volume=volume)
    assert len(stream) == pytest.approx(4000 * weight * volume, abs=1)
    counts = np.bincount(stream.rows, minlength=4000)
    assert set(counts.tolist()) <= {math.floor(weight * volume), math.ceil(weight * volume)}
    moved = np.abs(stream.arrived_us - asked.arrived_us[stream.rows])
    assert moved.max() <= weight * volume / 2 * asked.service_seconds.mean() * SECOND + 1
    assert (np.diff(stream.arrived_us) >= 0).all()
    again = expanded(asked, volume=volume)
    assert (again.arrived_us == stream.arrived_us).all()


def test_more_volume_only_adds_requests() -> None:
    asked = some_traffic(weight=1.7)
    few, many = (np.bincount(expanded(asked, volume=volume).rows, minlength=4000) for volume in (0.4, 0.9))
    assert (many >= few).all()


def test_a_tenth_of_the_traffic_needs_what_all_of_it_needs() -> None:
    whole = some_traffic(40_000)
    drawn = np.random.default_rng(3).random(40_000) < 0.1
    tenth = Load(whole.arrived_us[drawn], whole.service_seconds[drawn], np.full(int(drawn.sum()), 10.0))
    of_whole, of_tenth = slots_needed(whole), slots_needed(tenth)
    assert of_whole is not None
    assert of_tenth is not None
    assert of_whole <= of_tenth <= 1.4 * of_whole


def test_large_traffic_is_replayed_from_a_part_that_needs_as_much() -> None:
    random = np.random.default_rng(5)
    rate = 0.2 + np.arange(24) % 12 / 10  # requests a second by hour
    hour = np.repeat(np.arange(24), random.poisson(rate * 3600))
    arrived = np.sort((hour * 3600 + random.random(len(hour)) * 3600) * SECOND).astype(np.int64)
    asked = Load(arrived, random.gamma(2.0, 2.0, len(arrived)), np.ones(len(arrived)))
    part = expanded(asked, most=10_000)
    assert 0.6 * 10_000 < len(part) <= 1.2 * 10_000
    of_all, of_part = slots_needed(asked), slots_needed(asked, most=10_000)
    assert of_all is not None
    assert of_part == pytest.approx(of_all, abs=1)


def test_few_stretches_of_large_traffic_are_not_left_out() -> None:
    busy = Load(np.arange(1000) * SECOND // 10, np.full(1000, 1.0), np.ones(1000))
    assert slots_needed(busy, most=10) == slots_needed(busy) == 10


def test_the_staircase_says_what_the_searches_said() -> None:
    asked = some_traffic()
    curve = slots_for_volumes(asked, volumes=(0.5, 1.0, 2.0, 4.0))
    assert curve is not None
    assert list(curve.slots) == sorted(curve.slots)
    assert curve.slots[1] == slots_needed(asked)
    grown = slots_for_volumes(asked, growth=2.0, volumes=(0.5, 1.0))
    assert grown is not None
    assert grown.slots[1] == slots_needed(asked, volume=2.0)
    steps = replicas_for_volume(curve, 2.5)
    assert [volume for volume, _ in steps] == sorted({volume for volume, _ in steps})
    assert [replicas for _, replicas in steps] == sorted({replicas for _, replicas in steps})
    for volume, slots in zip(curve.volumes, curve.slots, strict=True):
        assert next(replicas for edge, replicas in steps if edge >= volume) == replicas_of(slots, 2.5)


def test_a_step_ends_where_the_next_slot_is_needed() -> None:
    curve = SlotsByVolume((0.5, 1.0, 2.0), (4, 8, 24))
    assert replicas_for_volume(curve, 8.0) == [(1.0, 1), (1.5, 2), (2.0, 3)]
    assert replicas_for_volume(curve, 7.9) == [(0.875, 1), (1.4375, 2), (1.9375, 3), (2.0, 4)]
    assert replicas_for_volume(SlotsByVolume((1.0, 2.0), (900, 1800)), 1.0)[0] == (1.0, 900)
    assert len(replicas_for_volume(SlotsByVolume((1.0, 2.0), (900, 1800)), 1.0)) <= 402


def test_no_staircase_where_the_time_itself_is_above_the_limit() -> None:
    assert slots_for_volumes(load([(0, 2)], limit=1.0)) is None


def test_times_become_those_of_full_slots() -> None:
    times = np.random.default_rng(2).gamma(2.0, 2.0, 1000)
    moved = as_rehearsed(times, p50=6.0, p95=15.0)
    assert np.quantile(moved, 0.5, method="inverted_cdf") == pytest.approx(6.0)
    assert np.quantile(moved, 0.95, method="inverted_cdf") == pytest.approx(15.0)
    assert (np.argsort(moved) == np.argsort(times)).all()
    for times_, p50, p95, expected in (
        ([2.0, 2.0, 2.0], 3.0, 4.0, [3.0, 3.0, 3.0]),
        ([1.0, 2.0, 2.0], 3.0, 4.0, [1.5, 3.0, 3.0]),
        ([0.0, 0.0, 0.0, 5.0], 3.0, 4.0, [3.0, 3.0, 3.0, 3.0]),
        ([1.0, 2.0, 4.0, 8.0], 4.0, 4.0, [2.0, 4.0, 4.0, 4.0]),
        ([1.0] * 12 + [3.0] * 8 + [6.0], 2.0, 4.0, [2.0] * 12 + [4.0] * 8 + [8.0]),
    ):
        assert as_rehearsed(np.array(times_), p50=p50, p95=p95).tolist() == expected
    for p50, p95 in ((0.0, 1.0), (2.0, 1.0)):
        with pytest.raises(ValueError, match="p50 must be above 0"):
            as_rehearsed(times, p50=p50, p95=p95)


def test_every_other_stretch_by_size_in_that_order() -> None:
    """Three stretches of five minutes with 2, 10 and 6 requests: the largest and the least, one after the other."""
    at = np.concatenate([np.arange(2) + 7, 300 + np.arange(10), 600 + np.arange(6)]) * SECOND
    asked = Load(at, np.full(18, 1.0), np.ones(18))
    part = expanded(asked, most=9)
    assert (part.arrived_us // SECOND).tolist() == [*range(10), 307, 308]
    assert part.rows.tolist() == [*range(2, 12), 0, 1]
    assert expanded(asked, most=18).rows.tolist() == list(range(18))
    assert expanded(asked, most=17).rows.tolist() != list(range(18))


@pytest.mark.parametrize("volume", [0.0, -1.0, math.inf, math.nan])
def test_no_volume_is_refused(volume: float) -> None:
    with pytest.raises(ValueError, match="volume must be above 0"):
        expanded(some_traffic(10), volume=volume)
