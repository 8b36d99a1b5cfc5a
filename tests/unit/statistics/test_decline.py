"""The guard against a falling candidate, vectorised, against an ordinary weighted line of each series."""

import math

import numpy as np
import pytest
from scipy.stats import t

from app.statistics.daily import Daily, levels
from app.statistics.decline import FALL_ALPHA, LATE, LATE_ERRORS, LEAST_DAYS, SAFE_ERRORS, WEEK_ERRORS, Decline, decline
from app.statistics.sums import Floats, Sums
from app.statistics.weeks import compare_weeks

DAYS, THRESHOLD = 28, 0.45


def path(seed: int, first: float, last: float, *, each: int = 50, swing: float = 0.02, empty: tuple[int, ...] = ()) -> Daily:
    """One series whose true level moves in a straight line."""
    chance = np.random.default_rng(seed)
    numbers = chance.poisson(each, size=DAYS)
    numbers[list(empty)] = 0
    places = np.repeat(np.arange(DAYS), numbers)
    level = np.linspace(first, last, DAYS) + swing * chance.normal(size=DAYS)
    values = np.clip(level[places] + 0.35 * chance.normal(size=len(places)), 0, 1)
    return Daily.of(values=values, places=places, shape=(DAYS,), weights=chance.choice([1.0, 3.0], size=len(places)))


def by_hand(trend: Daily, shift: float, scale: float, threshold: float = THRESHOLD) -> dict[str, float | bool]:
    """The same with numpy's weighted polynomial fit."""
    day, there = np.arange(1.0, DAYS + 1), trend.n > 0
    w, y, x = trend.sum_w[there], trend.means[there], day[there]
    slope, level_at_0 = np.polyfit(x, y, 1, w=np.sqrt(w))
    centre, mean = float(np.average(x, weights=w)), float(np.average(y, weights=w))
    rest = y - (level_at_0 + slope * x)
    after = levels(daily=trend)
    of_units = float(after.variance[-1] * w.sum() / after.effective_n[-1])
    per_weight = max(float((w * rest**2).sum()) / max(len(x) - 2, 1), of_units)
    mean_error, slope_error = math.sqrt(per_weight / w.sum()), math.sqrt(per_weight / float((w * (x - centre) ** 2).sum()))
    reach = x.max() - centre

    def at(part: float) -> tuple[float, float]:
        return mean + shift + scale * part * slope * reach, math.hypot(mean_error, part * scale * slope_error * reach)

    (end, end_error), (late, late_error) = at(1.0), at(LATE)
    week_mean, week_error = float(np.average(y[-7:], weights=w[-7:])), math.sqrt(per_weight / w[-7:].sum())
    week = mean + shift + scale * (week_mean - mean)
    falls = slope < -slope_error * float(t.isf(FALL_ALPHA, max(len(x) - 2, 1)))
    holds = late - threshold > LATE_ERRORS * late_error and end > threshold
    holds = holds and week - threshold > -WEEK_ERRORS * scale * week_error
    holds = holds and (not falls or end - threshold >= SAFE_ERRORS * end_error)
    weeks = compare_weeks(daily=trend)
    by_weeks = mean + shift + scale * (float(weeks.lower) - mean)
    differ = bool(weeks.differ) and not by_weeks > threshold
    holds = holds and not differ
    enough = len(x) >= LEAST_DAYS
    return {
        "end_level": end if enough else math.nan, "end_error": end_error if enough else math.nan, "last_week": week,
        "slope_per_week": 7 * scale * slope if enough else math.nan, "falls": falls and enough, "holds": holds and enough,
        "weeks_differ": differ,
    }  # fmt: skip


def same(found: Decline, hand: dict[str, float | bool], place: tuple[int, ...] = ()) -> None:
    for name in Decline.__slots__:
        assert float(getattr(found, name)[place]) == pytest.approx(float(hand[name]), nan_ok=True), name


LEVEL = [(0.5, 0.5), (0.55, 0.55), (0.45, 0.45)]
MOVING = [(0.52, 0.42), (0.48, 0.42), (0.42, 0.52), (0.6, 0.48), (0.7, 0.55), (0.35, 0.5)]


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (-0.04, 1.6), (0.03, 0.5)])
def test_the_guard_is_that_of_a_weighted_line(shift: float, scale: float) -> None:
    trends = [path(seed, *ends, empty=(3, 26, 27) if seed % 3 == 0 else ()) for seed, ends in enumerate((LEVEL + MOVING) * 3)]
    together = Daily(*(np.stack([getattr(trend, name) for trend in trends]) for name in Daily.__slots__))
    found = decline(trend=together, threshold=THRESHOLD, shift=np.full(len(trends), shift), scale=np.full(len(trends), scale))
    for place, trend in enumerate(trends):
        same(found, by_hand(trend, shift, scale), (place,))
    assert 0 < found.holds.sum() < len(trends)
    assert 0 < found.falls.sum() < len(trends)


def test_days_that_scatter_more_than_their_units_make_the_line_less_sure() -> None:
    calm, wild = path(1, 0.55, 0.5, each=400, swing=0.0), path(1, 0.55, 0.5, each=400, swing=0.08)
    same(decline(trend=calm, threshold=THRESHOLD), by_hand(calm, 0.0, 1.0))
    same(decline(trend=wild, threshold=THRESHOLD), by_hand(wild, 0.0, 1.0))
    assert decline(trend=wild, threshold=THRESHOLD).end_error > 3 * decline(trend=calm, threshold=THRESHOLD).end_error


@pytest.mark.parametrize("ends", [(0.5, 0.5), (0.56, 0.5), (0.50, 0.56)])
def test_every_threshold_is_judged_as_by_hand(ends: tuple[float, float]) -> None:
    holds = []
    for seed in range(4):
        trend = path(seed, *ends, each=80, swing=0.03)
        for threshold in np.arange(0.42, 0.54, 0.003).tolist():
            hand = by_hand(trend, 0.0, 1.0, threshold)
            found = decline(trend=trend, threshold=threshold)
            assert (bool(found.holds), bool(found.weeks_differ)) == (hand["holds"], hand["weeks_differ"])
            holds.append(bool(found.holds))
    assert 20 < sum(holds) < len(holds) - 20


def test_a_fall_over_a_few_days_has_to_be_steeper() -> None:
    falls = []
    for seed in range(60):
        trend = path(seed, 0.75, 0.05, each=60, swing=0.03).where(np.arange(DAYS) < 7)
        hand = by_hand(trend, 0.0, 1.0)
        assert bool(decline(trend=trend, threshold=THRESHOLD).falls) == hand["falls"]
        falls.append(hand["falls"])
    assert 10 < sum(falls) < 50


def test_a_week_that_lies_below_by_chance_holds_and_one_clearly_below_does_not() -> None:
    days = [Sums.of(values=np.r_[np.ones(60), np.zeros(40)])] * 10 + [Sums.of(values=np.r_[np.ones(70), np.zeros(30)])] * 11
    days += [Sums.of(values=np.r_[np.ones(50), np.zeros(50)])] * 7
    trend = Daily.of_sums(sums=days)
    for threshold in np.arange(0.40, 0.56, 0.002).tolist():
        assert bool(decline(trend=trend, threshold=threshold).holds) == by_hand(trend, 0.0, 1.0, threshold)["holds"]


@pytest.mark.parametrize(("days", "enough"), [(6, False), (7, True)])
def test_six_days_are_no_trend(days: int, enough: bool) -> None:
    trend = path(2, 0.6, 0.6, each=300).where(np.arange(DAYS) < days)
    found = decline(trend=trend, threshold=THRESHOLD)
    assert math.isnan(found.end_level) != enough
    assert bool(found.holds) == enough
    same(found, by_hand(trend, 0.0, 1.0))


def steady(value: Floats) -> Daily:
    return Daily.of_sums(sums=[Sums.of(values=value)] * DAYS)


def test_a_level_that_only_reaches_what_is_asked_does_not_hold() -> None:
    trend = steady(np.tile([0.0, 1.0], 30))
    error = float(decline(trend=trend, threshold=0.0).end_error)
    late_error = math.sqrt((error**2 - 0.5**2 / 1680) * LATE**2 + 0.5**2 / 1680) if error else 0.0
    assert late_error > 0
    assert not decline(trend=trend, threshold=0.5).holds
    assert decline(trend=trend, threshold=0.5 - 2 * error).holds
    # A shift moves every level by as much.
    assert not decline(trend=trend, threshold=0.5 - 2 * error, shift=-2 * error).holds


def test_a_fall_needs_more_room_than_a_level_candidate() -> None:
    trend = path(4, 0.80, 0.65, each=300, swing=0.0)
    fitted = decline(trend=trend, threshold=THRESHOLD)
    assert (bool(fitted.falls), bool(fitted.holds)) == (True, True)
    end, error = float(fitted.end_level), float(fitted.end_error)
    assert not decline(trend=trend, threshold=end - (SAFE_ERRORS - 0.1) * error).holds
    assert decline(trend=trend, threshold=end - (SAFE_ERRORS + 0.1) * error).holds


def test_a_rise_is_no_fall() -> None:
    found = decline(trend=path(4, 0.45, 0.62, each=300, swing=0.0), threshold=THRESHOLD)
    assert (bool(found.falls), bool(found.holds)) == (False, True)
    assert found.slope_per_week > 0


def test_a_last_week_clearly_below_does_not_hold() -> None:
    days = [Sums.of(values=np.r_[np.ones(68), np.zeros(32)])] * 21 + [Sums.of(values=np.r_[np.ones(42), np.zeros(58)])] * 7
    found = decline(trend=Daily.of_sums(sums=days), threshold=THRESHOLD)
    assert found.last_week == pytest.approx(0.42)
    assert not found.holds


def test_nothing_known_holds_nothing() -> None:
    found = decline(trend=steady(np.array([0.5])).where(np.zeros(DAYS, dtype=bool)), threshold=THRESHOLD)
    assert math.isnan(found.end_level)
    assert not found.holds
    assert not found.falls


def test_a_scale_below_0_is_named() -> None:
    decline(trend=steady(np.array([0.5, 1.0])), threshold=THRESHOLD, scale=0.0)
    with pytest.raises(ValueError, match=r"-0\.1"):
        decline(trend=steady(np.array([0.5])), threshold=THRESHOLD, scale=np.array([1.0, -0.1]))
