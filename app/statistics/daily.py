"""Daily sums as arrays: what the sequential rules rest on, for one pilot or for thousands of simulated ones at once."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from app.statistics.sums import Floats, Sums

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]
# Above what chance a shape's and a level's own days must differ to count: noise that always counted would cost power.
SHAPE_ALPHA, OWN_DAYS_ALPHA = 0.2, 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Daily:
    """Sums over the units (conversations) of each day, shape (..., days); leading axes are independent series.

    Values may be any finite numbers: preferences, or pseudo-outcomes beyond [0, 1].

    Attributes:
        n: Number of units.
        sum_w: Of the weights `w > 0`.
        sum_w2: Of the squared weights.
        sum_wx: Of `w x`.
        sum_w2x: Of `w² x`.
        sum_w2x2: Of `w² x²`.
    """

    n: Floats
    sum_w: Floats
    sum_w2: Floats
    sum_wx: Floats
    sum_w2x: Floats
    sum_w2x2: Floats

    @classmethod
    def of(cls, *, values: Floats, places: NDArray[np.integer], shape: tuple[int, ...], weights: Floats | None = None) -> Self:
        """The sums of units that each belong to one cell.

        Args:
            values: Shape (m,).
            places: Shape (m,), the flat index of each unit's cell in `shape` (the last axis is the day).
            shape: Of the result.
            weights: Shape (m,), each above 0; default: all 1.

        Example:
            >>> import numpy as np
            >>> daily = Daily.of(values=np.array([0.0, 1.0, 0.5]), places=np.array([0, 0, 2]), shape=(3,))
            >>> daily.sum_wx.tolist(), daily.n.tolist()
            ([1.0, 0.0, 0.5], [2.0, 0.0, 1.0])
        """
        x = np.asarray(values, dtype=np.float64)
        w = np.ones_like(x) if weights is None else np.asarray(weights, dtype=np.float64)
        if x.shape != w.shape or x.shape != places.shape or x.ndim != 1:
            message = f"values, places and weights must have the same shape (m,), not {x.shape}, {places.shape}, {w.shape}"
            raise ValueError(message)
        size = int(np.prod(shape))

        def total(of: Floats | None) -> Floats:
            return np.bincount(places, weights=of, minlength=size).astype(np.float64).reshape(shape)

        return cls(total(None), total(w), total(w * w), total(w * x), total(w * w * x), total(w * w * x * x))

    @classmethod
    def of_sums(cls, *, sums: Sequence[Sums]) -> Self:
        """The same of one series whose days were summed before, shape (days,)."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.array([getattr(day, name) for day in sums], dtype=np.float64) for name in names))

    def where(self, chosen: Flags) -> "Daily":
        """Only the chosen days; `chosen` has the shape of the sums, or that of the days."""
        return Daily(*(np.where(chosen, getattr(self, field.name), 0.0) for field in fields(self)))

    def reordered(self, order: Numbers) -> "Daily":
        """The days in another order, each series in its own; `order` has the shape of the sums."""
        return Daily(*(np.take_along_axis(getattr(self, field.name), order, axis=-1) for field in fields(self)))

    def spread(self, squares: Floats) -> "Daily":
        """The same with more spread: `squares` are added to the sums of squares, as if their units had no mean of their own."""
        return replace(self, sum_w2x2=self.sum_w2x2 + squares)

    @property
    def days(self) -> int:
        """Length of the last axis."""
        return int(self.n.shape[-1])

    @property
    def means(self) -> Floats:
        """Weighted mean of each day; NaN on days without units."""
        with np.errstate(invalid="ignore"):
            return np.where(self.n > 0, self.sum_wx / np.where(self.n > 0, self.sum_w, 1.0), np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """How the level's days differ, as another series of the same conversations shows it more sharply.

    Attributes:
        daily: Of that series (a judge's preferences, where the level is people's), shape (..., days).
        stretch: By how much its ups and downs are stretched to be the level's, up to each day, shape (..., days).
        witnesses: On how many answers of people each day rests, shape (..., days).
    """

    daily: Daily
    stretch: Floats
    witnesses: Floats

    def reordered(self, order: Numbers) -> "Shape":
        """The days in another order."""
        stretch, witnesses = (np.take_along_axis(column, order, axis=-1) for column in (self.stretch, self.witnesses))
        return Shape(self.daily.reordered(order), stretch, witnesses)


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """A mean over several days and how sure it is; arrays of one shape.

    Attributes:
        n: Units.
        mean: Hájek's weighted mean; NaN without units.
        effective_n: Kish's effective number of units.
        variance: Of one unit.
        days: Days with units.
        design_effect: By how much the days' own ups and downs make the mean less sure than its units would: at least 1.
        degrees: Degrees of freedom of its standard error.
    """

    n: Floats
    mean: Floats
    effective_n: Floats
    variance: Floats
    days: Floats
    design_effect: Floats
    degrees: Floats

    @property
    def standard_error(self) -> Floats:
        """Of the mean, inflated by day; infinite where nothing measures it."""
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(self.variance * self.design_effect / self.effective_n)
        return np.where(self.days > 1, error, np.inf)


def levels(*, daily: Daily, shape: Shape | None = None, known: Daily | None = None) -> Level:
    """The level after each day, of that day and all before it; shape as the sums'.

    The variance of the mean is `max(V_units, V_days)` with `V_units = s² / m` for m effective units and
    `V_days = D / (D - 1) Σ (w_d / W)² (mean_d - mean)²` over the D days with units; the design effect is their ratio.

    With a `shape` the days' part comes from there: `V_units + stretch² (V_days - V_units of the shape)`, if the shape's days
    differ more than chance allows in 4 of 5 cases (chi-squared); the level's own counts where it is larger than in 99 of 100.
    A people-corrected series is so noisy by day that `max` alone would take a tenth of its power.

    Where unknown values are put at their least or most, the days' part is that of the `known` ones: a day on which much is
    unknown is no day on which the candidate was worse.

    Source: the between-day term is the linearised ("ultimate cluster") variance of a ratio mean with days as clusters: Cochran,
        "Sampling Techniques", 3rd edition 1977, chapter 6; degrees of freedom after Satterthwaite, Biometrics 2 (1946).

    Example:
        >>> import numpy as np
        >>> from app.statistics.sums import Sums
        >>> days = [Sums.of(values=np.array([0.0, 1.0] * 50)), Sums.of(values=np.array([0.0, 1.0, 1.0, 1.0] * 25))]
        >>> after = levels(daily=Daily.of_sums(sums=days))
        >>> after.mean.round(4).tolist(), after.design_effect.round(2).tolist()
        ([0.5, 0.625], [1.0, 13.27])
    """
    own = _parts(daily)
    reference = own if known is None else _parts(known)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(reference.n > 0, reference.by_day / reference.by_unit, 1.0)
    if shape is None:
        effect, degrees = np.maximum(1.0, ratio), reference.days - 1
    else:
        effect, degrees = _as_shaped(own, ratio, shape)
    there = own.n > 0
    return Level(
        own.n, own.mean, own.effective_n, own.variance, own.days, np.where(there, effect, 1.0), np.where(there, degrees, 0.0)
    )


def _as_shaped(own: "_Parts", ratio: Floats, shape: Shape) -> tuple[Floats, Floats]:
    other = _parts(shape.daily)
    free = np.maximum(own.days - 1, 1)
    differ = other.by_day / other.by_unit > chi2.isf(SHAPE_ALPHA, free) / free
    between = np.where(differ, other.by_day - other.by_unit, 0.0) * shape.stretch**2
    witnesses = np.maximum(np.cumsum(shape.witnesses, axis=-1) - 1, 1)
    is_larger = ratio > chi2.isf(OWN_DAYS_ALPHA, free) / free
    total = own.by_unit + between
    with np.errstate(invalid="ignore", divide="ignore"):
        shaped = total**2 / (own.by_unit**2 / witnesses + between**2 / free)
        effect = np.where(is_larger, np.maximum(total / own.by_unit, ratio), total / own.by_unit)
    return effect, np.where(is_larger, np.minimum(free, shaped), shaped)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """A mean and the two variances that it may have."""

    n: Floats
    mean: Floats
    effective_n: Floats
    variance: Floats
    days: Floats
    by_unit: Floats
    by_day: Floats


def _parts(daily: Daily) -> _Parts:
    n, sum_w, sum_w2, sum_wx, sum_w2x, sum_w2x2 = (np.cumsum(getattr(daily, field.name), axis=-1) for field in fields(daily))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sum_wx / sum_w
        effective = np.where(n > 0, sum_w**2 / sum_w2, 0.0)
        squares = (sum_w2x2 - 2 * mean * sum_w2x + mean**2 * sum_w2) / sum_w2
        variance = np.where(effective > 1 + 1e-9, np.maximum(0.0, squares * effective / (effective - 1)), 0.0)
        days = np.cumsum(daily.n > 0, axis=-1).astype(np.float64)
        between = _between_days(daily, mean) / sum_w**2
        by_day = np.where(days > 1, days / (days - 1) * between, 0.0)
        # A few equal values have no measurable spread; no ordinary sample is below this floor (see `asymptotic.radius`).
        variance = np.maximum(variance, 0.25 / (effective + 1))
        return _Parts(n, mean, effective, variance, days, variance / effective, by_day)


def _between_days(daily: Daily, mean: Floats) -> Floats:
    """`Σ w_d² (mean_d - mean)²` of each day and all before it."""
    squares = np.cumsum(daily.sum_wx**2, axis=-1)
    crossed = np.cumsum(daily.sum_wx * daily.sum_w, axis=-1)
    weights = np.cumsum(daily.sum_w**2, axis=-1)
    return np.maximum(0.0, squares - 2 * mean * crossed + mean**2 * weights)
