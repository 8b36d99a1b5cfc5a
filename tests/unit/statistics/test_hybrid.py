"""The rule's ends: what is only reached, what comes too early, what is out of range; the band around the mean."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, t

from app.statistics.asymptotic import radius as plain_radius
from app.statistics.band import confidence_band
from app.statistics.daily import Daily, Level, levels
from app.statistics.hybrid import SEQUENCE_SHARE, Hybrid, hybrid, radius, whole_weeks
from app.statistics.sums import Sums
from tests.unit.statistics.test_hybrid_against_loops import (
    ALPHA,
    LOOKS,
    N_OPTIMAL,
    THRESHOLD,
    daily_of,
    distance,
    last_level,
    one_of,
)

SERIES = Daily.of_sums(sums=[Sums.of(values=np.tile([0.0, 0.5, 1.0, 1.0], 15))] * 28)


def said(daily: Daily, **given: Any) -> Hybrid:
    rule: dict[str, Any] = {"threshold": THRESHOLD, "alpha": ALPHA, "n_optimal": N_OPTIMAL, "looks": LOOKS}
    return hybrid(lowest=daily, **(rule | given))


def when(found: Hybrid) -> tuple[int, int]:
    """Moment and look that showed the level to be above."""
    return int(found.passed_on), int(found.by_look)


def test_looks_are_the_ends_of_whole_weeks_from_the_second() -> None:
    assert [whole_weeks(days=days) for days in (13, 14, 20, 21, 42)] == [(), (14,), (14,), (14, 21), (14, 21, 28, 35, 42)]


def test_a_bound_that_only_reaches_the_threshold_shows_nothing() -> None:
    by_look = said(SERIES)
    assert when(by_look) == (14, 14)
    assert said(SERIES, threshold=float(by_look.passing_bound), now=14).passed_on == 0
    by_sequence = said(SERIES, looks=())
    assert when(by_sequence) == (14, 0)
    assert by_sequence.passing_bound < by_look.passing_bound
    assert said(SERIES, looks=(), threshold=float(by_sequence.passing_bound), now=14).passed_on == 0
    failing = said(SERIES, threshold=0.9)
    assert failing.failed_on == 3
    assert said(SERIES, threshold=float(said(SERIES, now=3).upper), now=3).failed_on == 0


def test_nothing_passes_before_day_14_and_no_earlier_look_counts() -> None:
    assert said(SERIES, now=13).passed_on == 0
    assert said(SERIES, looks=(7, 13), now=13).passed_on == 0
    assert math.isnan(said(SERIES, now=13).passing_bound)
    # With the evidence beginning on day 3, day 16 is the first that may pass.
    later = said(SERIES, begins=3, looks=(14, 15, 21))
    assert when(later) == (16, 0)


def test_a_look_and_the_sequence_at_one_moment_count_as_the_look() -> None:
    both = said(SERIES, looks=(14,))
    assert when(both) == (14, 14)
    assert both.passing_bound == both.lower if both.lower == both.passing_bound else both.passing_bound > THRESHOLD
    assert both.passing_bound > said(SERIES, looks=(), now=14).lower


def test_the_lower_bound_now_is_that_of_the_last_known_look_if_it_is_higher() -> None:
    sequence, look = said(SERIES, looks=(), now=28), said(SERIES, now=28)
    assert look.lower > sequence.lower
    level = {name: float(getattr(levels(daily=SERIES), name)[-1]) for name in ("mean", "standard_error", "degrees")}
    assert look.lower < level["mean"] - 1.7 * level["standard_error"]
    # On day 27 the last look is still to come: that of day 21 holds.
    assert said(SERIES, now=27).lower == said(SERIES, now=21).lower
    waiting = np.arange(1, 29)
    waiting[4] = 30
    assert said(SERIES, entered=waiting, now=28).lower == said(SERIES, entered=waiting, looks=(), now=28).lower
    # A look that the sequence has overtaken is not what holds.
    much = Daily(*(getattr(SERIES, name) * np.where(np.arange(28) < 21, 1, 400) for name in Daily.__slots__))
    assert said(much, now=27).lower == said(much, looks=(), now=27).lower > said(much, now=21).lower


def test_the_extension_has_a_look_of_its_own() -> None:
    few, many = Sums.of(values=np.tile([0.0, 0.5, 1.0, 1.0], 5)), Sums.of(values=np.tile([0.0, 0.5, 1.0, 1.0], 100))
    long = Daily.of_sums(sums=[few] * 28 + [many] * 14)
    planned, extended = said(long, extension=42, now=28), said(long, extension=42, threshold=0.624)
    assert extended.passed_on == 0
    limit = float(max(planned.lower, said(long, looks=(14, 21), now=28).lower) + extended.lower) / 2
    found = said(long, extension=42, threshold=limit, n_optimal=1e9)
    assert when(found) == (42, 42)
    assert said(long, extension=42, threshold=limit, n_optimal=1e9, now=41).passed_on == 0
    assert said(long, threshold=limit, n_optimal=1e9).passed_on == 0  # no look is left, and the sequence is not there yet


def test_without_units_nothing_is_shown() -> None:
    empty = SERIES.where(np.zeros(28, dtype=bool))
    found = said(empty)
    assert when(found) == (0, 0)
    assert found.failed_on == 0
    assert (float(found.lower), float(found.upper)) == (-math.inf, math.inf)
    assert math.isnan(found.level.mean)


def test_the_radius_is_that_of_the_paper_where_days_do_not_differ() -> None:
    level = levels(daily=SERIES)
    found = radius(level=level, alpha=0.05, n_optimal=700)
    sums = Sums()
    for day in range(28):
        sums = sums + Sums.of(values=np.tile([0.0, 0.5, 1.0, 1.0], 15))
        z = norm.isf(0.05)
        widened = t.isf(0.05, day) / z if day else math.inf
        assert found[day] == pytest.approx(plain_radius(sums=sums, alpha=0.05, n_optimal=700) * widened)


def test_on_the_first_day_nothing_is_known_whatever_else_measures_days() -> None:
    first = Level(*(np.array([value]) for value in (60.0, 0.6, 60.0, 0.17, 1.0, 1.0, 40.0)))
    assert radius(level=first, alpha=0.05, n_optimal=700).tolist() == [math.inf]
    assert first.standard_error.tolist() == [math.inf]


@pytest.mark.parametrize("now", [None, 5])
def test_the_band_is_the_sequence_at_half_of_the_error_on_either_side(now: int | None) -> None:
    middle, gap = daily_of(1, 0.5), daily_of(2, 0.5, each=2)
    lowest = Daily(*(getattr(middle, name) + ("x" not in name) * getattr(gap, name) for name in Daily.__slots__))
    highest = Daily(*(getattr(middle, name) + getattr(gap, name) for name in Daily.__slots__))
    found = confidence_band(lowest=lowest, middle=middle, highest=highest, n_optimal=N_OPTIMAL, confidence=0.9, now=now)
    for pilot in (0, 1):
        for day in range(1, now or 6):
            days = list(range(1, day + 2))
            low, mid, high = (
                last_level(one_of(daily, pilot, days), known=one_of(middle, pilot, days)) for daily in (lowest, middle, highest)
            )
            assert found.value[pilot, day] == pytest.approx(mid["mean"])
            assert found.n[pilot, day] == mid["n"]
            assert found.low[pilot, day] == pytest.approx(max(0.0, low["mean"] - distance(low, 0.05)))
            assert found.high[pilot, day] == pytest.approx(min(1.0, high["mean"] + distance(high, 0.05)))
    assert found.low[0, 0] == 0.0
    assert found.value.shape == (6, now or 28)


def test_the_band_knows_a_day_when_it_entered() -> None:
    waiting = np.arange(1, 29) + 3
    band = confidence_band(lowest=SERIES, middle=SERIES, highest=SERIES, n_optimal=700, entered=waiting)
    assert np.isnan(band.value[:3]).all()
    assert np.isnan(band.low[:3]).all()
    assert np.isnan(band.high[:3]).all()
    assert band.n[:5].tolist() == [0, 0, 0, 60, 120]
    assert band.value[3] == 0.625


@pytest.mark.parametrize("seed", range(6))
def test_more_alpha_never_passes_later_and_shows_no_less(seed: int) -> None:
    daily = daily_of(seed, 0.49, pilots=2)
    strict, loose = said(daily, alpha=0.01), said(daily, alpha=0.05)
    passed = strict.passed_on > 0
    assert (loose.passed_on[passed] <= strict.passed_on[passed]).all()
    assert (loose.passed_on[passed] > 0).all()
    assert (loose.lower >= strict.lower).all()
    assert (loose.upper <= strict.upper).all()


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"alpha": 0.0, "looks": ()}, "alpha"),
        ({"alpha": 0.5}, "alpha"),
        ({"n_optimal": 0.0}, "n_optimal"),
        ({"n_optimal": math.inf}, "n_optimal"),
        ({"looks": (14, 14)}, "looks"),
        ({"looks": (21, 14)}, "looks"),
        ({"extension": 28}, "ascend"),
        ({"extension": 20}, "ascend"),
        ({"highest": SERIES.where(np.ones((2, 28), dtype=bool))}, "shape"),
    ],
)
def test_what_is_out_of_range_is_named(given: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        said(SERIES, **given)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_band_needs_a_confidence(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        confidence_band(lowest=SERIES, middle=SERIES, highest=SERIES, n_optimal=700, confidence=confidence)


def test_the_shares_of_alpha_add_up() -> None:
    assert 0 < SEQUENCE_SHARE < 0.1
