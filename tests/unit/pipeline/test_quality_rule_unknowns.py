"""Unknown values at their least and most, and days that wait, in what is said of a series."""

import math
from dataclasses import replace

import numpy as np
import pytest

from app.pipeline.correction import Asked
from app.pipeline.quality_rule import CORRECTED, LATE_CRITICAL, corrected_series, estimate_of, points_of, rule
from app.statistics.asymptotic import units_until
from app.statistics.band import confidence_band
from app.statistics.decline import decline
from app.statistics.hybrid import hybrid
from app.statistics.prediction_powered import Labelled, correct
from tests.unit.pipeline.test_quality_rule import EVEN, GOOD, NOTHING, TERMS, a_day, series_of


def test_the_band_rests_on_the_least_below_and_on_the_most_above() -> None:
    series, terms = series_of([EVEN] * 20, gap=10), replace(TERMS, days=20, now=20)
    band = confidence_band(lowest=series.lowest, middle=series.middle, highest=series.highest, n_optimal=700)
    estimate, last = estimate_of(series, terms), points_of(series, terms)[-1]
    assert estimate.value == pytest.approx(0.5)
    assert (estimate.low, estimate.high) == (float(band.low[-1]), float(band.high[-1]))
    assert (last.low, last.high) == (estimate.low, estimate.high)
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < 0.41
    assert estimate.high > 0.59


def test_a_day_that_waits_has_no_point_yet() -> None:
    series = series_of([EVEN, EVEN, EVEN], entered=np.array([9, 2, 3]))
    points = points_of(series, replace(TERMS, days=3, now=3))
    assert [(point.day, point.n) for point in points] == [(2, 50), (3, 100)]


@pytest.mark.parametrize(("known_on", "counts"), [(28, True), (29, False)])
def test_a_day_known_by_now_counts_for_the_level_and_the_guard(known_on: int, counts: bool) -> None:
    entered = np.arange(1, 29)
    entered[24:] = known_on
    better = series_of([EVEN] * 24 + [a_day(30, 10, 10)] * 4, entered=entered)
    trend = series_of([GOOD] * 28).middle
    ruled = rule(replace(better, trend=trend), TERMS)
    level = (0.5 * 24 + 0.7 * 4) / 28 if counts else 0.5
    assert f"the win rate is {level:.1%} now" in ruled.reason
    guard = decline(trend=trend, threshold=0.45, shift=level - 0.6)
    assert ruled.end_level == pytest.approx(float(guard.end_level))


@pytest.mark.parametrize(("gap", "needed"), [(0, True), (4, True), (30, False)])
def test_what_is_unknown_may_forbid_to_say_how_many_more(gap: int, needed: bool) -> None:
    series, terms = series_of([a_day(15, 10, 25)] * 3, gap=gap), replace(TERMS, days=3, now=3)
    ruled = rule(series, terms)
    found = hybrid(
        lowest=series.lowest, middle=series.middle, highest=series.highest, threshold=0.45, alpha=0.05, n_optimal=700,
        looks=(14, 21, 28), extension=42,
    )  # fmt: skip
    most = float(series.highest.sum_wx.sum() / series.highest.sum_w.sum())
    assert (most < 0.45) == needed
    if not needed:
        assert ruled.needed is None
        return
    spread = float(found.level.variance * found.level.design_effect)
    until = units_until(mean=most, variance=spread, bound=0.45, alpha=0.05, n_optimal=700)
    assert until is not None
    assert ruled.needed == max(1, math.ceil(until - 3 * (50 + gap)))


def test_above_the_limit_it_is_the_least_that_has_to_clear_it() -> None:
    series, terms = series_of([GOOD] * 4, gap=8), replace(TERMS, days=4, now=4)
    level = hybrid(
        lowest=series.lowest, middle=series.middle, threshold=0.45, alpha=0.05, n_optimal=700, looks=(14, 21, 28), extension=42
    ).level
    least, spread = float(level.mean), float(level.variance * level.design_effect)
    assert least == pytest.approx(30 / 58)
    assert rule(series, terms).needed == max(1, math.ceil(spread * (LATE_CRITICAL / (least - 0.45)) ** 2 - 4 * 58))


def test_unanswered_draws_are_the_worst_below_and_the_best_above() -> None:
    chance, m = np.random.default_rng(3), 400
    people, drawn = chance.choice([0.0, 0.5, 1.0], size=m), chance.random(m) < 0.5
    answered = np.where(drawn, chance.integers(7, 11, size=m), 10_000)
    labelled = Labelled(
        day=chance.integers(1, 8, size=m), judge=people, drawn=drawn, judge_drawn=people,
        person=np.where(drawn, people, np.nan), answered_on=answered, probability=np.full(m, 0.5),
    )  # fmt: skip
    asked = Asked(labelled, np.arange(m), drawn, np.zeros(m, dtype=bool), np.zeros(m, dtype=bool))
    found = corrected_series(asked, np.ones(m, dtype=bool), series_of([EVEN] * 7), days=7, now=8, begins=1)
    expected = correct(labelled=labelled, days=7, now=8)
    for name in ("lowest", "middle", "highest"):
        assert getattr(found, name).sum_wx == pytest.approx(getattr(expected, name).sum_wx[0])
    assert found.lowest.sum_wx.sum() < found.middle.sum_wx.sum() - 20
    assert found.highest.sum_wx.sum() > found.middle.sum_wx.sum() + 20
    assert found.labels == int((answered <= 8).sum())
    assert found.rests_on == CORRECTED


def test_without_units_there_is_no_level() -> None:
    assert rule(series_of([NOTHING, NOTHING]), replace(TERMS, days=2, now=2)).needed is None
