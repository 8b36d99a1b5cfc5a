"""Failures that come together: what they are worth, and how many outages they make up."""

import numpy as np
import pytest

from app.statistics.outages import design_effect_by_day, effective_counts, episodes
from app.statistics.rates import upper_rate


def test_evenly_spread_failures_are_worth_what_they_are() -> None:
    assert design_effect_by_day(events=np.full(28, 1), trials=np.full(28, 50)) == 1.0
    assert effective_counts(events=28, trials=1400, design_effect=1.0) == (28, 1400)


def test_one_outage_counts_as_little_as_one_day() -> None:
    events = np.zeros(28, dtype=np.int64)
    events[10] = 14
    effect = design_effect_by_day(events=events, trials=np.full(28, 50))
    assert effect == pytest.approx(14 / 0.99, rel=0.01)
    assert effective_counts(events=14, trials=1400, design_effect=effect) == (1, 99)


@pytest.mark.parametrize("events", [np.zeros(5, dtype=np.int64), np.full(5, 10)])
def test_nothing_measures_it_without_both_kinds(events: np.ndarray) -> None:
    assert design_effect_by_day(events=events, trials=np.full(5, 10)) == 1.0
    assert design_effect_by_day(events=np.array([3]), trials=np.array([10])) == 1.0


def test_days_without_requests_are_no_days() -> None:
    with_gap = design_effect_by_day(events=np.array([4, 0, 0]), trials=np.array([50, 0, 50]))
    assert with_gap == design_effect_by_day(events=np.array([4, 0]), trials=np.array([50, 50]))


def test_outages_pass_too_often_by_plain_counts_and_less_by_what_they_are_worth() -> None:
    """Outages of a whole day, by chance on one day in 25: the true rate is 2 %, half a day's requests fail."""
    chance = np.random.default_rng(11)
    limit, naive, inflated = 0.02, 0, 0
    for _ in range(200):
        events = chance.binomial(100, np.where(chance.random(28) < 0.04, 0.5, 0.0))
        trials = np.full(28, 100)
        effect = design_effect_by_day(events=events, trials=trials)
        counts = effective_counts(events=int(events.sum()), trials=2800, design_effect=effect)
        naive += upper_rate(events=int(events.sum()), trials=2800, alpha=0.05) <= limit
        inflated += events.sum() > 0 and upper_rate(events=counts[0], trials=counts[1], alpha=0.05) <= limit
    assert naive > 40
    assert inflated <= 4


def test_failures_within_five_minutes_are_one_outage() -> None:
    at = np.array([1000, 0, 200, 4000, 4300]) * 1_000_000
    assert episodes(failed_us=at) == 3
    assert episodes(failed_us=at, apart_seconds=5000) == 1
    assert episodes(failed_us=at[:0]) == 0


def test_what_is_out_of_range_is_named() -> None:
    with pytest.raises(ValueError, match="events and trials"):
        design_effect_by_day(events=np.array([3]), trials=np.array([2]))
    with pytest.raises(ValueError, match="design_effect"):
        effective_counts(events=1, trials=2, design_effect=0.5)
    with pytest.raises(ValueError, match="apart_seconds"):
        episodes(failed_us=np.array([1]), apart_seconds=-1.0)
