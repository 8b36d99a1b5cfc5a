"""The rule of the quality gate: group-sequential looks and an always-on confidence sequence, both inflated by day.

H1: a level is shown to be above a threshold when the O'Brien-Fleming bound of a registered look says so (0.90 of alpha), or
that of the one look kept for an extension (0.06), or, at any moment from `FIRST_DAY` on, the asymptotic confidence sequence
(0.04). By the union bound the chance that this ever happens at the threshold is at most alpha, however often people look.
It is shown to be below when the upper confidence sequence at alpha lies below the threshold, on any day.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.stats import norm, t

from app.statistics.daily import Daily, Flags, Level, Numbers, Shape, levels
from app.statistics.group_sequential import obrien_fleming_bounds
from app.statistics.sums import Floats

LOOKS_SHARE, EXTENSION_SHARE, SEQUENCE_SHARE = 0.90, 0.06, 0.04
WEEK = 7
FIRST_DAY = 2 * WEEK
NEVER = 0


@dataclass(frozen=True, slots=True, eq=False)
class Hybrid:
    """What the rule says of each series; arrays of the leading shape (...,).

    Attributes:
        passed_on: Moment (day) at which the level was first shown to be above the threshold; 0 = never.
        failed_on: Moment at which it was first shown to be below; 0 = never.
        by_look: The look (its day) that showed it; 0 = the sequence did, or nothing.
        passing_bound: The lower bound that showed it; NaN = none did.
        lower: Greatest lower bound that holds now: the sequence's, or the last look's if that is higher.
        upper: The sequence's upper bound now.
        level: Of the lowest series, now.
        highest_mean: Mean of the highest series, now.
    """

    passed_on: Numbers
    failed_on: Numbers
    by_look: Numbers
    passing_bound: Floats
    lower: Floats
    upper: Floats
    level: Level
    highest_mean: Floats


def whole_weeks(*, days: int) -> tuple[int, ...]:
    """The registered looks: the end of each whole week from the second to `days / 7`.

    Example:
        >>> whole_weeks(days=28)
        (14, 21, 28)
    """
    return tuple(range(FIRST_DAY, days + 1, WEEK))


def hybrid(  # noqa: PLR0913 - one rule with all that was registered for it
    *,
    lowest: Daily,
    middle: Daily | None = None,
    highest: Daily | None = None,
    threshold: float,
    alpha: float,
    n_optimal: float,
    looks: Sequence[int],
    extension: int | None = None,
    entered: Numbers | None = None,
    shape: Shape | None = None,
    now: int | None = None,
    begins: int = 1,
) -> Hybrid:
    """Replays the looks of every day up to now.

    Args:
        lowest: The daily sums with every unknown value at its least, shape (..., days): what passes rests on them.
        middle: The sums of the known values, by which days differ. Default: `lowest`.
        highest: The same with every unknown value at its most, for what fails. Default: `lowest`.
        threshold: What the level is compared with.
        alpha: One-sided error probability of passing, over all moments together; that of failing is the same, apart.
        n_optimal: Number of units at which the confidence sequence is tightest: half of the planned ones.
        looks: Days after whose end the group-sequential part looks, ascending; may be empty.
        extension: The one later look, at the end of an extended pilot; `None` = none is registered.
        entered: Moment (as a day) at which each day's sums were known, shape (..., days); default: its own end. A look waits
            until all of its days are known.
        shape: Where the days' own ups and downs are read off, if not from the sums themselves.
        now: The last moment that is looked at; default: the last day.
        begins: The first day of the evidence: nothing passes before 14 days of it, and earlier looks are none.

    Raises:
        ValueError: If `alpha`, `n_optimal` or the looks are out of range, or the shapes differ.

    Source: the project's decision 22; Lan and DeMets 1983; Waudby-Smith et al. 2024 (arXiv 2103.06476).

    Example:
        >>> import numpy as np
        >>> from app.statistics.sums import Sums
        >>> day = Sums.of(values=np.tile([0.0, 0.5, 1.0], 20))
        >>> found = hybrid(lowest=Daily.of_sums(sums=[day] * 28), threshold=0.45, alpha=0.05, n_optimal=700, looks=(14, 21, 28))
        >>> int(found.passed_on), int(found.by_look), int(found.failed_on)
        (14, 14, 0)
    """
    upper_sums = lowest if highest is None else highest
    _check(lowest, upper_sums, alpha, n_optimal, [*looks, *([] if extension is None else [extension])])
    known = np.broadcast_to(np.arange(1, lowest.days + 1), lowest.n.shape) if entered is None else np.asarray(entered)
    last = lowest.days if now is None else now
    first_day = begins + FIRST_DAY - 1
    plan = _Plan(tuple(look for look in looks if look >= first_day), extension, alpha, begins)
    seen = _looks(levels(daily=lowest, shape=shape, known=middle), known, plan)
    low, high = (at_moments(daily, known, last, shape=shape, middle=middle) for daily in (lowest, upper_sums))
    sequence = _lower(low, alpha=alpha * SEQUENCE_SHARE, n_optimal=n_optimal)
    below = _upper(high, alpha=alpha, n_optimal=n_optimal)
    return _found(sequence, below, seen, (low, high), threshold=threshold, first_day=first_day)


def _found(
    sequence: Floats, below: Floats, seen: "list[_Look]", bounded: tuple[Level, Level], *, threshold: float, first_day: int
) -> Hybrid:
    """The first moment at which a look or the sequence shows it, and what holds now."""
    last = sequence.shape[-1]
    by_sequence = _first((sequence > threshold) & (np.arange(1, last + 1) >= first_day))
    by_look, look_at, look_bound = _first_look(seen, threshold, last)
    is_by_look = (look_at > 0) & ((by_sequence == 0) | (look_at <= by_sequence))
    passed = np.where(is_by_look, look_at, by_sequence)
    at_pass = np.take_along_axis(sequence, np.maximum(by_sequence - 1, 0)[..., None], axis=-1)[..., 0]
    return Hybrid(
        passed_on=passed,
        failed_on=_first(below < threshold),
        by_look=np.where(is_by_look, by_look, NEVER),
        passing_bound=np.where(passed > 0, np.where(is_by_look, look_bound, at_pass), np.nan),
        lower=_best(sequence[..., -1], seen, last),
        upper=below[..., -1],
        level=Level(*(getattr(bounded[0], name)[..., -1] for name in Level.__slots__)),
        highest_mean=bounded[1].mean[..., -1],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """One registered look: when its days were known, and its lower bound."""

    day: int
    at: Numbers
    bound: Floats


@dataclass(frozen=True, slots=True)
class _Plan:
    """The registered looks; alpha is spent by calendar time, so that it is fixed beforehand."""

    looks: tuple[int, ...]
    extension: int | None
    alpha: float
    begins: int

    def critical(self) -> list[tuple[int, float]]:
        """Each look's day and critical value."""
        if not self.looks:
            return self._extension_alone()
        length = self.looks[-1] - self.begins + 1
        fractions = [(look - self.begins + 1) / length for look in self.looks]
        late = [] if self.extension is None else [((self.extension - self.begins + 1) / length, self.alpha * EXTENSION_SHARE)]
        bounds = obrien_fleming_bounds(fractions=fractions, alpha=self.alpha * LOOKS_SHARE, late=late)
        days = self.looks if self.extension is None else (*self.looks, self.extension)
        return list(zip(days, bounds.tolist(), strict=True))

    def _extension_alone(self) -> list[tuple[int, float]]:
        """An epoch that began too late for the planned looks has their alpha at the extension's."""
        if self.extension is None or self.extension < self.begins + FIRST_DAY - 1:
            return []
        return [(self.extension, float(norm.isf(self.alpha * (LOOKS_SHARE + EXTENSION_SHARE))))]


def _looks(after: Level, known: Numbers, plan: _Plan) -> list[_Look]:
    """The looks that lie within the days there are."""
    found = []
    for look, value in plan.critical():
        if look > after.n.shape[-1]:
            break
        mean, error, degrees = (getattr(after, name)[..., look - 1] for name in ("mean", "standard_error", "degrees"))
        found.append(_Look(look, known[..., :look].max(axis=-1), _below(mean, error * _student(value, degrees))))
    return found


def _first_look(seen: list[_Look], threshold: float, last: int) -> tuple[Numbers, Numbers, Floats]:
    """The earliest look that shows it: its day, the moment at which it was known, its bound; 0 = none."""
    if not seen:
        return np.zeros((), np.int64), np.zeros((), np.int64), np.full((), np.nan)
    crossed = np.stack([(look.bound > threshold) & (look.at <= last) for look in seen])
    at = np.where(crossed, np.stack([look.at for look in seen]), np.iinfo(np.int64).max)
    place = at.argmin(axis=0)
    any_crossed = crossed.any(axis=0)
    days = np.array([look.day for look in seen])
    moment = np.take_along_axis(at, place[None], axis=0)[0]
    bound = np.take_along_axis(np.stack([look.bound for look in seen]), place[None], axis=0)[0]
    return np.where(any_crossed, days[place], NEVER), np.where(any_crossed, moment, NEVER), bound


def _best(sequence: Floats, seen: list[_Look], last: int) -> Floats:
    """The sequence's bound, or that of the last look that is known if it is higher."""
    newest = np.full(np.shape(sequence), -np.inf)
    for look in seen:
        newest = np.where(look.at <= last, look.bound, newest)
    return np.asarray(np.maximum(sequence, newest), dtype=np.float64)


def at_moments(daily: Daily, known: Numbers, last: int, *, shape: Shape | None = None, middle: Daily | None = None) -> Level:
    """The level at the end of each day 1 … last, of the days known by then."""
    order = np.argsort(known, axis=-1, kind="stable")
    after = levels(
        daily=daily.reordered(order),
        shape=shape.reordered(order) if shape is not None else None,
        known=middle.reordered(order) if middle is not None else None,
    )
    sorted_known = np.take_along_axis(known, order, axis=-1)
    moments = np.arange(1, last + 1)
    count = (sorted_known[..., None, :] <= moments[:, None]).sum(axis=-1)
    place = np.maximum(count - 1, 0)

    def pick(column: Floats, empty: float) -> Floats:
        return np.where(count > 0, np.take_along_axis(column, place, axis=-1), empty)

    return Level(
        n=pick(after.n, 0.0),
        mean=pick(after.mean, np.nan),
        effective_n=pick(after.effective_n, 0.0),
        variance=pick(after.variance, 0.0),
        days=pick(after.days, 0.0),
        design_effect=pick(after.design_effect, 1.0),
        degrees=pick(after.degrees, 0.0),
    )


def radius(*, level: Level, alpha: float, n_optimal: float) -> Floats:
    """Distance of the one-sided confidence sequence from the mean: `asymptotic.radius` at n / design effect, and Student's t.

    The variance between days is estimated from few days: the radius is longer by the ratio of the critical values of
    Student's t and of the normal distribution, infinite on the first day.
    """
    wide = -2 * math.log(2 * alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        n = level.effective_n / level.design_effect
        scaled = n * (wide + math.log(1 + wide)) / n_optimal
        spread = 2 * level.variance * (scaled + 1) / (n * scaled)
        plain = np.sqrt(spread * np.log1p(np.sqrt(scaled + 1) / (2 * alpha)))
        by_days = _student(float(norm.isf(alpha)), level.degrees) / float(norm.isf(alpha))
    return np.where(level.days > 1, plain * by_days, np.inf)


def _lower(level: Level, *, alpha: float, n_optimal: float) -> Floats:
    return _below(level.mean, radius(level=level, alpha=alpha, n_optimal=n_optimal))


def _upper(level: Level, *, alpha: float, n_optimal: float) -> Floats:
    mean = np.where(np.isnan(level.mean), np.inf, level.mean)
    return np.asarray(mean + radius(level=level, alpha=alpha, n_optimal=n_optimal), dtype=np.float64)


def _below(mean: Floats, distance: Floats) -> Floats:
    return np.asarray(np.where(np.isnan(mean), -np.inf, mean) - distance, dtype=np.float64)


def _student(critical: float, degrees: Floats) -> Floats:
    """The value that Student's t exceeds as rarely as a normal variable exceeds `critical`; infinite below one degree."""
    whole = np.floor(np.asarray(degrees, dtype=np.float64))
    different, place = np.unique(whole, return_inverse=True)
    values = np.where(different >= 1, t.isf(float(norm.sf(critical)), np.maximum(different, 1)), np.inf)
    return np.asarray(values[place].reshape(whole.shape), dtype=np.float64)


def _first(shown: Flags) -> Numbers:
    """The first moment at which it is; 0 = never."""
    return np.where(shown.any(axis=-1), shown.argmax(axis=-1) + 1, NEVER)


def _check(lowest: Daily, highest: Daily, alpha: float, n_optimal: float, looks: Sequence[int]) -> None:
    if lowest.n.shape != highest.n.shape:
        message = f"lowest and highest must have one shape, not {lowest.n.shape} and {highest.n.shape}"
        raise ValueError(message)
    if not 0 < 2 * alpha < 1:
        message = f"alpha must lie in (0, 0.5), not {alpha}"
        raise ValueError(message)
    if not (n_optimal > 0 and math.isfinite(n_optimal)):
        message = f"n_optimal must be above 0, not {n_optimal}"
        raise ValueError(message)
    if any(later <= earlier for earlier, later in pairwise(looks)):
        message = f"looks and the extension's must ascend, not {list(looks)}"
        raise ValueError(message)
