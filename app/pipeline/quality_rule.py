"""What the rule says of a series of daily sums: passes, fails, or not known yet, in numbers and words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from app.domain.estimate import Estimate
from app.domain.scorecard import DayPoint
from app.domain.words import GateOutcome
from app.pipeline.conversations import HIGH, LOW, VALUE
from app.pipeline.correction import Asked
from app.statistics.asymptotic import METHOD, units_until
from app.statistics.band import Band, confidence_band
from app.statistics.daily import Daily, Flags, Numbers, Shape
from app.statistics.decline import Decline, decline
from app.statistics.hybrid import Hybrid, hybrid
from app.statistics.prediction_powered import PATIENCE_DAYS, Labelled, correct
from app.statistics.sums import Sums

RAW, CORRECTED = "raw", "corrected"
FALLING, FEW_LABELS = "quality_falling", "few_labels"
CORRECTED_METHOD = "prediction_powered_confidence_sequence"
# What a look after the planned end has to exceed, about: by it "how many more" is reckoned.
LATE_CRITICAL = 2.3


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Daily sums of one kind of work, shape (days,), within the present epoch.

    Attributes:
        lowest: With every unknown preference at 0.
        middle: Of the known ones.
        highest: With every unknown one at 1.
        trend: The judge's and the rules' own preferences, whose shape over time the guard reads.
        rests_on: `raw`, or `corrected` by people.
        entered: See `hybrid`; `None` = each day at its end.
        shape: See `hybrid`.
        scale: See `decline`.
        weights: The judge's weight by week.
        labels: Conversations with an answer of people.
        in_design: Whether people are asked about any of it; else its preferences need none.
    """

    lowest: Daily
    middle: Daily
    highest: Daily
    trend: Daily
    rests_on: str = RAW
    entered: Numbers | None = None
    shape: Shape | None = None
    scale: float = 1.0
    weights: tuple[float, ...] = ()
    labels: int = 0
    in_design: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What was registered of the rule, and where we stand.

    Attributes:
        margin: How much worse is good enough.
        alpha: Of this series.
        looks: Days of the looks.
        extension: Day of the look kept for an extension.
        n_optimal: Half of the planned conversations.
        begins: First day of the epoch.
        days: Closed days, as the number of the last.
        now: The day by whose end we look; above `days` where labels are waited for.
        least_labels: Fewer answers of people than these correct nothing that may pass.
    """

    margin: float
    alpha: float
    looks: tuple[int, ...]
    extension: int | None
    n_optimal: float
    begins: int
    days: int
    now: int
    least_labels: int = 100

    @property
    def threshold(self) -> float:
        """The least win rate that is good enough."""
        return 0.5 - self.margin


@dataclass(frozen=True, slots=True)
class Ruled:
    """What the rule says.

    Attributes:
        bound: The one-sided bound that decides, or the lower one as it stands.
        is_held_back: Shown to be good enough, but the guard or something else speaks against it.
        needed: About so many conversations more; `None` = not by waiting.
    """

    outcome: GateOutcome
    bound: float | None
    reason: str
    passed_on: int | None = None
    failed_on: int | None = None
    is_held_back: bool = False
    end_level: float | None = None
    last_week: float | None = None
    falls: bool = False
    needed: int | None = None
    codes: tuple[str, ...] = ()


def raw_series(sums: Mapping[str, Mapping[int, Sums]], days: int, begins: int) -> Series:
    """The series as the judge and the rules say it.

    Args:
        sums: Daily sums by series (`value`, `low`, `high`).
        days: Number of the last closed day.
        begins: First day of the epoch.
    """
    low, value, high = (
        Daily.of_sums(sums=[sums[name].get(day, Sums()) if day >= begins else Sums() for day in range(1, days + 1)])
        for name in (LOW, VALUE, HIGH)
    )
    return Series(low, value, high, value)


def corrected_series(asked: Asked, chosen: Flags, raw: Series, *, days: int, now: int, begins: int) -> Series:
    """The same corrected by what people said; `chosen` = which of the conversations."""
    inside = chosen & (asked.labelled.day >= begins)
    columns = {f.name: getattr(asked.labelled, f.name) for f in fields(Labelled)}
    labelled = Labelled(**{name: column[inside] for name, column in columns.items() if column is not None})
    found = correct(labelled=labelled, days=days, now=now, waits=asked.waits)
    shape = Shape(_only(found.shape.daily), found.shape.stretch[0], found.shape.witnesses[0])
    by_people = asked.by_people[inside]
    # Where no judge speaks, people's own answers are all that shows a trend.
    has_judge = raw.trend.n.sum() > raw.lowest.n.sum() / 2
    return Series(
        _only(found.lowest),
        _only(found.middle),
        _only(found.highest),
        raw.trend if has_judge else _only(found.middle),
        CORRECTED,
        found.entered[0],
        shape,
        float(found.scale[0]) if has_judge else 1.0,
        tuple(round(weight, 6) for weight in found.weights[0].tolist()),
        int((by_people & ~np.isnan(labelled.person) & (labelled.answered_on <= now)).sum()),
        bool(by_people.any()),
    )


def rule(series: Series, terms: Terms) -> Ruled:
    """Replays the registered looks and reads the guard at the present."""
    if not terms.days or not series.lowest.n.sum():
        return Ruled(GateOutcome.UNKNOWN, None, "there is no graded conversation yet")
    found = hybrid(
        lowest=series.lowest,
        middle=series.middle,
        highest=series.highest,
        threshold=terms.threshold,
        alpha=terms.alpha,
        n_optimal=terms.n_optimal,
        looks=terms.looks,
        extension=terms.extension,
        entered=series.entered,
        shape=series.shape,
        now=terms.now,
        begins=terms.begins,
    )
    guard = _guard(series, terms)
    passed, failed = (int(day) or None for day in (found.passed_on, found.failed_on))
    base = Ruled(
        GateOutcome.UNKNOWN,
        _number(found.lower),
        "",
        passed_on=passed,
        failed_on=failed,
        end_level=_number(guard.end_level),
        last_week=_number(guard.last_week),
        falls=bool(guard.falls),
    )
    if failed:
        return replace(base, outcome=GateOutcome.FAILS, bound=_number(found.upper), reason=_fails(series, terms, found, failed))
    if not passed:
        return replace(base, reason=_unknown(series, terms, found), needed=_needed(found, terms))
    words = _passes(series, terms, found, passed)
    base = replace(base, bound=_number(found.passing_bound), reason=words)
    if series.rests_on == CORRECTED and series.in_design and series.labels < terms.least_labels:
        few = f"{words}; but people answered {series.labels} of its drawn pairs, and {terms.least_labels} are needed to rest on"
        return replace(base, reason=few, is_held_back=True, codes=(FEW_LABELS,))
    if guard.holds:
        return replace(base, outcome=GateOutcome.PASSES)
    return replace(base, reason=f"{words}; but {_declines(guard, terms)}", is_held_back=True, codes=(FALLING,))


def waiting_days(series: Series, terms: Terms) -> list[int]:
    """Closed days that wait for answers of people."""
    if series.entered is None:
        return []
    return (np.flatnonzero((series.lowest.n > 0) & (series.entered > terms.now)) + 1).tolist()


def band_of(series: Series, terms: Terms) -> Band:
    """The mean by day with its always-valid band."""
    return confidence_band(
        lowest=series.lowest,
        middle=series.middle,
        highest=series.highest,
        n_optimal=terms.n_optimal,
        entered=series.entered,
        shape=series.shape,
        now=terms.now,
    )


def estimate_of(series: Series, terms: Terms) -> Estimate:
    """The mean as it stands, with its always-valid interval; n = conversations."""
    method = METHOD if series.rests_on == RAW else CORRECTED_METHOD
    if not terms.days:
        return Estimate(None, None, None, 0, method)
    band = band_of(series, terms)
    value = _number(band.value[-1])
    clipped = None if value is None else min(1.0, max(0.0, value))
    return Estimate(clipped, _number(band.low[-1]), _number(band.high[-1]), int(band.n[-1]), method)


def points_of(series: Series, terms: Terms) -> list[DayPoint]:
    """The band at the end of each day that has conversations."""
    if not terms.days:
        return []
    band, means = band_of(series, terms), series.middle.means
    there = np.flatnonzero(series.lowest.n > 0).tolist()
    return [
        DayPoint(
            day=day + 1,
            n=int(band.n[day]),
            value=_number(band.value[day]),
            low=_number(band.low[day]),
            high=_number(band.high[day]),
            day_value=_number(means[day]),
            day_n=int(series.middle.n[day]),
        )
        for day in there
        if band.n[day] > 0
    ]


def _guard(series: Series, terms: Terms) -> Decline:
    shift = 0.0
    if series.entered is not None:
        inside = series.entered <= terms.now
        shift = _mean(series.middle.where(inside)) - _mean(series.trend.where(inside))
    return decline(trend=series.trend, threshold=terms.threshold, shift=shift, scale=series.scale)


def _needed(found: Hybrid, terms: Terms) -> int | None:
    """How many conversations more would clear the limit one way, if mean and spread stay; what is unknown may forbid it."""
    level, most = found.level, float(found.highest_mean)
    least, n = float(level.mean), float(level.n)
    spread = float(level.variance * level.design_effect)
    if not n or math.isnan(least):
        return None
    wanted: float | None = None
    if least > terms.threshold:
        wanted = spread * (LATE_CRITICAL / (least - terms.threshold)) ** 2
    elif most < terms.threshold:
        wanted = units_until(mean=most, variance=spread, bound=terms.threshold, alpha=terms.alpha, n_optimal=terms.n_optimal)
    if wanted is None or wanted > 10**7:
        return None
    return max(1, math.ceil((wanted - float(level.effective_n)) * n / float(level.effective_n)))


def _said(series: Series, found: Hybrid) -> str:
    by_people = f", corrected by {series.labels:,} of them that people labelled," if series.rests_on == CORRECTED else ""
    return f"on {int(found.level.n):,} conversations{by_people} the win rate"


def _passes(series: Series, terms: Terms, found: Hybrid, day: int) -> str:
    at = f"at the look after day {int(found.by_look)}" if found.by_look else f"on day {day}"
    known = f", known on day {day}," if found.by_look and day != int(found.by_look) else ""
    return (
        f"{_said(series, found)} is {_now(series, terms):.1%} now; {at}{known} it was shown to be at least "
        f"{float(found.passing_bound):.1%}, above the limit {terms.threshold:.1%}"
    )


def _now(series: Series, terms: Terms) -> float:
    """The mean of what is known, as the estimate shows it."""
    inside = np.ones(series.middle.days, dtype=bool) if series.entered is None else series.entered <= terms.now
    return min(1.0, max(0.0, _mean(series.middle.where(inside))))


def _fails(series: Series, terms: Terms, found: Hybrid, day: int) -> str:
    return (
        f"{_said(series, found)} is {_now(series, terms):.1%} now; on day {day} it was shown to be below the limit "
        f"{terms.threshold:.1%}"
    )


def _unknown(series: Series, terms: Terms, found: Hybrid) -> str:
    low, high = max(0.0, float(found.lower)), min(1.0, float(found.upper))
    if not math.isfinite(float(found.level.mean)):
        return "no day is complete yet: its drawn pairs wait for people"
    where = "between" if low <= terms.threshold <= high else "above" if terms.threshold > high else "below"
    limit = f"the limit {terms.threshold:.1%} lies {where} them"
    bounds = f"its one-sided bounds are {low:.1%} and {high:.1%}, and {limit}"
    return f"{_said(series, found)} is {_now(series, terms):.1%} now; {bounds}"


def _declines(guard: Decline, terms: Terms) -> str:
    end, week = _number(guard.end_level), _number(guard.last_week)
    if end is None or week is None:
        return "there are too few days to see whether it stays there"
    if bool(guard.weeks_differ) and not bool(guard.falls):
        return (
            "its weeks differ by more than their days explain: so few weeks do not show what the next ones will be, longer "
            "evidence would"
        )
    change = float(guard.slope_per_week)
    return (
        f"it changes by {change:+.1%} a week: its fitted level on the last day is {end:.1%} and its last seven days' mean "
        f"{week:.1%}, which does not show that it stays above {terms.threshold:.1%}"
    )


def _mean(daily: Daily) -> float:
    weight = float(daily.sum_w.sum())
    return float(daily.sum_wx.sum()) / weight if weight else 0.0


def _only(daily: Daily) -> Daily:
    return Daily(*(getattr(daily, f.name)[0] for f in fields(daily)))


def _number(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None


def moment_of(now_day: int, days: int) -> int:
    """Where we stand: never before the last closed day, and not later than patience lasts."""
    return min(max(now_day, days), days + PATIENCE_DAYS)
