"""What the rule says of a series of daily sums: outcomes at their limits, numbers, words."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.domain.words import GateOutcome
from app.pipeline.correction import Asked
from app.pipeline.quality_rule import (
    CORRECTED,
    FALLING,
    LATE_CRITICAL,
    RAW,
    Series,
    Terms,
    band_of,
    corrected_series,
    estimate_of,
    moment_of,
    points_of,
    raw_series,
    rule,
    waiting_days,
)
from app.statistics.asymptotic import units_until
from app.statistics.band import confidence_band
from app.statistics.daily import Daily
from app.statistics.decline import decline
from app.statistics.hybrid import hybrid
from app.statistics.prediction_powered import Labelled, correct
from app.statistics.sums import Sums

TERMS = Terms(margin=0.05, alpha=0.05, looks=(14, 21, 28), extension=42, n_optimal=700.0, begins=1, days=28, now=28)


def a_day(wins: int, ties: int, losses: int) -> Sums:
    return Sums.of(values=np.repeat([1.0, 0.5, 0.0], [wins, ties, losses]))


def series_of(days: list[Sums], *, gap: int = 0, **given: Any) -> Series:
    """The days; each day `gap` conversations more whose preference is unknown."""
    low, high = ([day + Sums.of(values=np.full(gap, end)) if gap else day for day in days] for end in (0.0, 1.0))
    middle = Daily.of_sums(sums=days)
    return Series(Daily.of_sums(sums=low), middle, Daily.of_sums(sums=high), middle, **given)


EVEN, GOOD, BAD = a_day(18, 14, 18), a_day(25, 10, 15), a_day(12, 10, 28)
NOTHING = Sums()


def test_equal_days_pass_at_the_look_that_shows_it() -> None:
    series = series_of([EVEN] * 28)
    ruled = rule(series, TERMS)
    found = hybrid(lowest=series.lowest, threshold=0.45, alpha=0.05, n_optimal=700, looks=(14, 21, 28), extension=42)
    assert TERMS.threshold == pytest.approx(0.45)
    assert (ruled.outcome, ruled.passed_on, ruled.failed_on) == (GateOutcome.PASSES, int(found.passed_on), None)
    assert ruled.bound == pytest.approx(float(found.passing_bound))
    assert ruled.bound is not None
    assert ruled.bound > 0.45
    assert ruled.reason == (
        f"on 1,400 conversations the win rate is 50.0% now; at the look after day {int(found.by_look)} it was shown to be at "
        f"least {ruled.bound:.1%}, above the limit 45.0%"
    )
    assert ruled.end_level == pytest.approx(0.5)
    assert ruled.last_week == pytest.approx(0.5)
    assert (ruled.is_held_back, ruled.codes, ruled.needed) == (False, (), None)


def test_a_look_whose_days_are_known_later_says_when() -> None:
    series = series_of([EVEN] * 28, entered=np.arange(1, 29) + 2)
    ruled = rule(series, replace(TERMS, now=30))
    assert ruled.passed_on is not None
    look = ruled.passed_on - 2
    assert f"at the look after day {look}, known on day {look + 2}, it was shown" in ruled.reason
    by_sequence = rule(series_of([a_day(45, 2, 3)] * 28), replace(TERMS, looks=(28,), days=28))
    assert (by_sequence.passed_on, "; on day 14 it was shown" in by_sequence.reason) == (14, True)


def test_bad_days_fail_with_the_upper_bound() -> None:
    ruled = rule(series_of([BAD] * 28), TERMS)
    assert (ruled.outcome, ruled.passed_on) == (GateOutcome.FAILS, None)
    assert ruled.bound is not None
    assert ruled.bound < 0.45
    assert ruled.reason.startswith("on 1,400 conversations the win rate is ")
    assert ruled.reason.endswith(f"; on day {ruled.failed_on} it was shown to be below the limit 45.0%")


def test_what_is_unknown_counts_as_the_worst_for_passing_and_as_the_best_for_failing() -> None:
    good, bad = rule(series_of([EVEN] * 28, gap=6), TERMS), rule(series_of([BAD] * 28, gap=20), TERMS)
    assert (good.outcome, good.passed_on) == (GateOutcome.UNKNOWN, None)
    assert (bad.outcome, bad.failed_on) == (GateOutcome.UNKNOWN, None)
    # The days of the known values differ by nothing: what is unknown does not make them differ.
    series = series_of([EVEN] * 28, gap=6)
    found = hybrid(
        lowest=series.lowest, middle=series.middle, highest=series.highest, threshold=0.45, alpha=0.05, n_optimal=700,
        looks=(14, 21, 28), extension=42,
    )  # fmt: skip
    assert good.bound == pytest.approx(float(found.lower))
    between = (
        f"its one-sided bounds are {float(found.lower):.1%} and {float(found.upper):.1%}, and the limit 45.0% lies between them"
    )
    assert good.reason.startswith("on 1,568 conversations the win rate is ")
    assert good.reason.endswith(between)


def test_a_limit_outside_of_the_range_is_said_so() -> None:
    early = replace(TERMS, days=10, now=10)
    below = rule(series_of([a_day(45, 2, 3)] * 10), early)
    assert below.outcome is GateOutcome.UNKNOWN
    assert below.reason.endswith("and the limit 45.0% lies below them")
    # Nothing fails and the range lies below the limit: with the limit just above the upper bound on its first day.
    none = rule(series_of([NOTHING] * 28), TERMS)
    assert (none.outcome, none.bound, none.reason) == (GateOutcome.UNKNOWN, None, "there is no graded conversation yet")
    assert rule(series_of([EVEN] * 28), replace(TERMS, days=0)).reason == "there is no graded conversation yet"


def test_days_that_wait_for_people_are_named() -> None:
    series = series_of([NOTHING, EVEN, EVEN], entered=np.array([9, 9, 3]))
    terms = replace(TERMS, days=3, now=3)
    assert waiting_days(series, terms) == [2]
    assert waiting_days(series, replace(terms, now=9)) == []
    assert waiting_days(series_of([EVEN]), terms) == []
    all_wait = rule(series_of([EVEN, EVEN], entered=np.array([8, 8])), replace(TERMS, days=2, now=2))
    assert all_wait.reason == "no day is complete yet: its drawn pairs wait for people"
    assert (all_wait.bound, all_wait.needed) == (None, None)


def test_a_falling_candidate_is_held_back() -> None:
    swings = [8 if day % 2 else -8 for day in range(28)]
    days = [a_day(32 - day // 2 + swing, 4, 14 + day // 2 - swing) for day, swing in enumerate(swings)]
    ruled = rule(series_of(days), TERMS)
    guard = decline(trend=Daily.of_sums(sums=days), threshold=0.45)
    assert ruled.passed_on is not None
    assert (ruled.outcome, ruled.is_held_back, ruled.codes) == (GateOutcome.UNKNOWN, True, (FALLING,))
    assert not ruled.falls
    assert rule(series_of([a_day(34 - day, 10, 6 + day) for day in range(28)]), TERMS).falls
    assert ruled.end_level == pytest.approx(float(guard.end_level))
    assert (
        f"; but it changes by {float(guard.slope_per_week):+.1%} a week: its fitted level on the last day is "
        f"{float(guard.end_level):.1%} and its last seven days' mean {float(guard.last_week):.1%}, which does not show that it "
        "stays above 45.0%"
    ) in ruled.reason


def test_weeks_that_differ_are_said_so() -> None:
    good, bad = a_day(44, 2, 4), a_day(24, 2, 24)
    ruled = rule(series_of([bad] * 7 + [good] * 7 + [bad] * 7 + [good] * 7), replace(TERMS, margin=0.2))
    assert "its weeks differ by more than their days explain" in ruled.reason or not ruled.is_held_back
    held = rule(series_of([bad] * 7 + [good] * 7 + [bad] * 7 + [good] * 7), replace(TERMS, margin=0.02))
    assert held.outcome is not GateOutcome.PASSES


def test_the_guard_reads_the_judges_trend_moved_to_peoples_level() -> None:
    days, known = [EVEN] * 28, np.arange(1, 29)
    judge = series_of([a_day(30, 14, 6)] * 20 + [a_day(45, 2, 3)] * 8).middle
    known[20:] = 40  # these days wait: neither side's mean may rest on them
    series = replace(series_of(days), trend=judge, entered=known, rests_on=CORRECTED, scale=1.5)
    ruled = rule(series, TERMS)
    guard = decline(trend=judge, threshold=0.45, shift=0.5 - (30 + 7) / 50, scale=1.5)
    assert ruled.end_level == pytest.approx(float(guard.end_level))
    assert ruled.last_week == pytest.approx(float(guard.last_week))


@pytest.mark.parametrize(
    ("day", "side"), [(a_day(18, 12, 20), "above"), (a_day(16, 10, 24), "below"), (a_day(17, 11, 22), "at")]
)
def test_how_many_more_it_takes(day: Sums, side: str) -> None:
    terms = replace(TERMS, days=5, now=5)
    series = series_of([day] * 5)
    ruled = rule(series, terms)
    level = hybrid(lowest=series.lowest, threshold=0.45, alpha=0.05, n_optimal=700, looks=(14, 21, 28)).level
    mean, spread = float(level.mean), float(level.variance * level.design_effect)
    assert ruled.outcome is GateOutcome.UNKNOWN
    if side == "above":
        assert ruled.needed == math.ceil(spread * (LATE_CRITICAL / (mean - 0.45)) ** 2 - 250)
    elif side == "below":
        until = units_until(mean=mean, variance=spread, bound=0.45, alpha=0.05, n_optimal=700)
        assert until is not None
        assert ruled.needed == until - 250
    else:
        assert mean == pytest.approx(0.45)
        assert ruled.needed is None or ruled.needed > 10**5


def test_unequal_weights_take_more_conversations() -> None:
    values, weights = np.tile([1.0, 0.5, 0.0], 18), np.tile([1.0, 9.0], 27)
    even = Sums.of(values=values)
    uneven = Sums.of(values=values, weights=weights)
    terms = replace(TERMS, days=3, now=3)
    one, other = rule(series_of([even] * 3), terms).needed, rule(series_of([uneven] * 3), terms).needed
    assert one is not None
    assert other is not None
    assert other > one + 50


def test_a_near_certain_answer_needs_one_more() -> None:
    almost = rule(series_of([a_day(30, 10, 10)] * 13), replace(TERMS, days=13, now=13))
    assert almost.needed == 1


def test_the_series_begins_with_its_epoch() -> None:
    sums = {"low": {1: BAD, 2: BAD, 3: EVEN}, "value": {2: GOOD, 3: GOOD}, "high": {3: GOOD, 4: GOOD}}
    series = raw_series(sums, 4, 2)
    assert series.lowest.n.tolist() == [0, 50, 50, 0]
    assert series.middle.n.tolist() == [0, 50, 50, 0]
    assert series.highest.n.tolist() == [0, 0, 50, 50]
    assert series.lowest.means[1] == pytest.approx(0.34)
    assert series.middle.means[1] == pytest.approx(0.6)
    assert (series.rests_on, series.trend is series.middle, series.entered) == (RAW, True, None)


def test_the_estimate_is_the_band_at_its_end() -> None:
    series = series_of([NOTHING, EVEN, GOOD, NOTHING, EVEN], gap=0)
    terms = replace(TERMS, days=5, now=5)
    band = confidence_band(lowest=series.lowest, middle=series.middle, highest=series.highest, n_optimal=700)
    estimate, points = estimate_of(series, terms), points_of(series, terms)
    assert (estimate.value, estimate.low, estimate.high) == (float(band.value[-1]), float(band.low[-1]), float(band.high[-1]))
    assert (estimate.n, estimate.method) == (150, "asymptotic_confidence_sequence")
    assert [(point.day, point.n, point.day_n) for point in points] == [(2, 50, 50), (3, 100, 50), (5, 150, 50)]
    assert [point.day_value for point in points] == pytest.approx([0.5, 0.6, 0.5])
    assert points[1].value == pytest.approx(0.55)
    assert (points[1].low, points[1].high) == (float(band.low[2]), float(band.high[2]))
    assert points[0].low == 0.0
    corrected = estimate_of(replace(series, rests_on=CORRECTED), terms)
    assert corrected.method == "prediction_powered_confidence_sequence"
    assert np.array_equal(band_of(series, terms).value, band.value, equal_nan=True)
    nothing = estimate_of(series, replace(terms, days=0))
    assert (nothing.value, nothing.n, points_of(series, replace(terms, days=0))) == (None, 0, [])


def test_a_corrected_mean_beyond_the_range_is_cut_off() -> None:
    high = Daily(*(np.array([value] * 3) for value in (50.0, 50.0, 50.0, 60.0, 60.0, 90.0)))
    low = Daily(*(np.array([value] * 3) for value in (50.0, 50.0, 50.0, -10.0, -10.0, 20.0)))
    terms = replace(TERMS, days=3, now=3)
    for daily, end in ((high, 1.0), (low, 0.0)):
        assert estimate_of(Series(daily, daily, daily, daily, CORRECTED), terms).value == end


def test_the_corrected_series_takes_the_chosen_conversations_of_the_epoch() -> None:
    chance = np.random.default_rng(3)
    m = 300
    people, drawn = chance.choice([0.0, 0.5, 1.0], size=m), chance.random(m) < 0.5
    labelled = Labelled(
        day=chance.integers(1, 8, size=m), judge=people, drawn=drawn, judge_drawn=people,
        person=np.where(drawn, people, np.nan), answered_on=np.where(drawn, 7, 10_000), probability=np.full(m, 0.5),
        weight=np.ones(m),
    )  # fmt: skip
    asked = Asked(labelled, np.arange(m), drawn, np.zeros(m, dtype=bool), np.zeros(m, dtype=bool))
    chosen = np.arange(m) % 3 > 0
    raw = series_of([EVEN] * 7)
    found = corrected_series(asked, chosen, raw, days=7, now=9, begins=3)
    inside = chosen & (labelled.day >= 3)
    columns = {name: getattr(labelled, name) for name in Labelled.__slots__ if getattr(labelled, name) is not None}
    expected = correct(labelled=Labelled(**{name: column[inside] for name, column in columns.items()}), days=7, now=9)
    for name in ("lowest", "middle", "highest"):
        assert getattr(found, name).sum_wx == pytest.approx(getattr(expected, name).sum_wx[0])
    assert (found.rests_on, found.labels, found.scale) == (CORRECTED, int(expected.answered[0]), float(expected.scale[0]))
    assert found.trend is raw.trend
    assert found.lowest.n[:2].tolist() == [0, 0]
    assert found.lowest.n[2] > 0
    said = rule(found, replace(TERMS, days=7, now=9, begins=3))
    assert f"corrected by {found.labels:,} of them that people labelled, the win rate" in said.reason


def test_where_we_stand_is_not_before_the_last_day_nor_beyond_patience() -> None:
    assert [moment_of(now, 28) for now in (3, 28, 30, 35, 90)] == [28, 28, 30, 35, 35]
