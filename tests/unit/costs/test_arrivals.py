"""Requests a minute and at once against plain loops, burstiness, Little's law, and when requests come."""

import doctest
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.costs import arrivals
from app.costs.arrivals import (
    MINUTE_US,
    at_once,
    at_once_by_minute,
    little,
    mean_at_once,
    minute_counts,
    per_minute,
    profile,
)
from app.costs.queue_replay import Floats, Numbers
from tests.unit.costs.test_queue_replay import SECOND

# Seconds of arrival, seconds it takes, requests it stands for.
requests = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 150), st.integers(1, 3)), min_size=1, max_size=30)
Columns = tuple[Numbers, Floats, Floats]


def columns(rows: list[tuple[int, int, int]]) -> Columns:
    arrived, total, weights = (np.array(column) for column in zip(*rows, strict=True))
    return arrived * SECOND, total.astype(np.float64), weights.astype(np.float64)


def test_the_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(arrivals, extraglobs={"np": np})
    assert (result.attempted > 0, result.failed) == (True, 0)


@given(requests)
@example([(270, 150, 1), (270, 150, 1)])  # both end as a minute begins
@settings(max_examples=50, deadline=None)
def test_requests_at_once_second_by_second(rows: list[tuple[int, int, int]]) -> None:
    running = Counter(dict.fromkeys(range(600), 0))
    for begin, length, requests_each in rows:
        running.update(dict.fromkeys(range(begin, begin + length), requests_each))
    arrived, total, weights = columns(rows)
    found = at_once(arrived, total, weights)
    assert found is not None
    peak = max(running.values())
    assert (found.peak, found.peak_at_us // SECOND) == (peak, min(s for s, count in running.items() if count == peak))
    minutes, most = at_once_by_minute(arrived, total, weights)
    expected = {minute: max(running[60 * minute + second] for second in range(60)) for minute in range(10)}
    assert dict(zip((minutes // MINUTE_US).tolist(), most.tolist(), strict=True)) == {
        minute: expected[minute] for minute in (minutes // MINUTE_US).tolist()
    }
    assert sum(expected.values()) == most.sum()
    whole = mean_at_once(arrived, total, weights, begin_us=0, end_us=600 * SECOND)
    assert whole == pytest.approx(sum(running.values()) / 600)
    assert whole == pytest.approx(little(requests=found.requests, seconds=600, mean_seconds=found.mean_seconds))
    part = mean_at_once(arrived, total, weights, begin_us=100 * SECOND, end_us=160 * SECOND)
    assert part == pytest.approx(sum(running[second] for second in range(100, 160)) / 60)


@given(requests)
@settings(max_examples=50, deadline=None)
def test_requests_of_each_utc_minute(rows: list[tuple[int, int, int]]) -> None:
    arrived, _, weights = columns(rows)
    expected: Counter[int] = Counter()
    for second, _, weight in rows:
        expected[second // 60 * MINUTE_US] += weight
    at, counts = minute_counts(arrived, weights)
    assert dict(zip(at.tolist(), counts.tolist(), strict=True)) == dict(sorted(expected.items()))


def minutes_with(*counts: int) -> Numbers:
    """So many requests in each minute."""
    return np.repeat(np.arange(len(counts)) * MINUTE_US, counts) + 5 * SECOND


def test_empty_minutes_count() -> None:
    found = per_minute(minutes_with(0, 6, 0, 0, 2), np.ones(8), minutes=2000)
    assert found is not None
    assert (found.mean, found.p999, found.peak, found.peak_at_us) == (8 / 2000, 0.0, 6.0, MINUTE_US)
    found = per_minute(minutes_with(0, 6, 0, 0, 2), np.ones(8), minutes=1001)
    assert found is not None
    assert found.p999 == 2.0  # one minute in a thousand may be busier
    found = per_minute(minutes_with(0, 6, 0, 0, 2), np.ones(8))
    assert found is not None
    assert (found.mean, found.p999) == (2.0, 6.0)
    assert per_minute(np.empty(0, dtype=np.int64), np.empty(0)) is None


def test_bursts_are_told_from_a_rate_that_changes_by_the_hour() -> None:
    random = np.random.default_rng(4)
    hours = np.repeat(np.tile([5, 50], 24), 60)
    smooth, bursty = random.poisson(hours), random.poisson(hours * np.tile([0, 0, 0, 4], len(hours) // 4))
    found = [per_minute(minutes_with(*counts), np.ones(counts.sum())) for counts in (smooth, bursty)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].dispersion_within_hour == pytest.approx(1.0, abs=0.1)
    assert found[0].dispersion == pytest.approx(1 + hours.var() / hours.mean(), rel=0.05)
    assert found[1].dispersion_within_hour == pytest.approx(1 + (hours**2).mean() / hours.mean() * 3, rel=0.15)


def test_a_sample_is_as_bursty_as_what_it_stands_for() -> None:
    random = np.random.default_rng(6)
    counts = random.poisson(30 * random.gamma(2, 0.5, 20_000))
    sampled = random.binomial(counts, 0.2)
    whole, part = (
        per_minute(minutes_with(*each), np.full(each.sum(), weight), minutes=20_000)
        for each, weight in ((counts, 1.0), (sampled, 5.0))
    )
    assert whole is not None
    assert part is not None
    assert whole.dispersion == pytest.approx(16, rel=0.1)
    assert part.dispersion == pytest.approx(whole.dispersion, rel=0.1)
    assert part.dispersion_within_hour == pytest.approx(whole.dispersion_within_hour, rel=0.1)


def test_dispersion_of_few_minutes_by_hand() -> None:
    # Around 2: 4, -2, -2, 0; 24 / 3 over 2. And around 2: 1, -1; 2 / 1 over 2.
    for counts, expected in (((6, 0, 0, 2), 4.0), ((3, 1), 1.0)):
        found = per_minute(minutes_with(*counts), np.ones(sum(counts)))
        assert found is not None
        assert found.dispersion == pytest.approx(expected)
    # The hour between the first and the last: 30 minutes with 2 requests, 30 with none; 60 / 59 over 1.
    found = per_minute(minutes_with(*[7] * 60, *[2, 0] * 30, *[5] * 60), np.ones(60 * 13))
    assert found is not None
    assert found.dispersion_within_hour == pytest.approx(60 / 59)


def test_too_little_time_has_no_dispersion() -> None:
    found = per_minute(minutes_with(3), np.ones(3))
    assert found is not None
    assert (found.dispersion, found.dispersion_within_hour) == (None, None)


def test_requests_by_the_hour_of_the_day() -> None:
    quarters = np.array([1.0, 2.0, 3.0, 4.0, 10.0, 10.0, 10.0, 10.0, 8.0])
    weekday, weekend = profile(quarters, np.array([9] * 8 + [23]), np.array([False] * 8 + [True]))
    assert (weekday[9], weekday[23], weekend[9], weekend[23]) == (25.0, None, None, 32.0)
    assert (len(weekday), len(weekend)) == (24, 24)


def test_time_must_have_a_length() -> None:
    with pytest.raises(ValueError, match="seconds must be above 0, not 0"):
        little(requests=1, seconds=0, mean_seconds=1)
    with pytest.raises(ValueError, match="end_us must be after begin_us"):
        mean_at_once(np.array([0]), np.ones(1), np.ones(1), begin_us=5, end_us=5)
