"""The guard against a falling candidate: the rule speaks of the average so far, a migration is about what comes next.

A verdict needs, at its moment and beside the rule: the fitted level late in the evidence clearly above the threshold, the
fitted level on its last day above it, the last seven days not clearly below it, no significant fall that leads close to it, and
no weeks that differ so much that a few of them cannot speak for the next ones.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from app.statistics.daily import Daily, Flags, levels
from app.statistics.sums import Floats
from app.statistics.weeks import compare_weeks

WEEK = 7
# Where on the fitted line, from the mean (0) to the last day (1), the level is tested, and how many standard errors above.
LATE, LATE_ERRORS = 0.7, 0.67
# How far below the threshold, in standard errors, the last week may lie by chance.
WEEK_ERRORS = 0.5
# A fall at this one-sided level freezes unless the last day's fitted level is so many standard errors above the threshold.
FALL_ALPHA, SAFE_ERRORS = 0.01, 0.6
LEAST_DAYS = 7


@dataclass(frozen=True, slots=True, eq=False)
class Decline:
    """What the guard says of each series; arrays of the leading shape (...,).

    Attributes:
        end_level: Fitted level on the last day; NaN where fewer than 7 days have units.
        end_error: Its standard error.
        last_week: Mean of the last seven days with units.
        slope_per_week: Fitted change.
        falls: Whether the fall is significant.
        weeks_differ: Whether whole weeks differ, so much that their mean by weeks is not shown to be above the threshold.
        holds: Whether nothing speaks against the level staying above the threshold.
    """

    end_level: Floats
    end_error: Floats
    last_week: Floats
    slope_per_week: Floats
    falls: Flags
    weeks_differ: Flags
    holds: Flags


def decline(*, trend: Daily, threshold: float, shift: Floats | float = 0.0, scale: Floats | float = 1.0) -> Decline:
    """Fits a line through the daily means, weighted by traffic, and reads the threshold off its late part.

    Args:
        trend: Daily sums whose shape over time is tested, shape (..., days).
        threshold: What the level is compared with.
        shift: Added to the trend's mean: the people-corrected mean less the judge's own, where the trend is a judge's.
        scale: By how much the trend's deviations from its mean are stretched: a judge that agrees with people only partly
            sees only part of a fall.

    Raises:
        ValueError: If a scale is below 0.

    Source: weighted least squares; what counts as clear was chosen by simulation (decision 22).

    Example:
        >>> import numpy as np
        >>> from app.statistics.sums import Sums
        >>> falling = [Sums.of(values=np.r_[np.ones(60 - day), np.zeros(40 + day)]) for day in range(28)]
        >>> found = decline(trend=Daily.of_sums(sums=falling), threshold=0.45)
        >>> round(float(found.end_level), 3), bool(found.falls), bool(found.holds)
        (0.33, True, False)
    """
    stretch = np.asarray(scale, dtype=np.float64)
    if (stretch < 0).any():
        message = f"scale must not be below 0, not {stretch.min()}"
        raise ValueError(message)
    fit = _fit(trend)
    end_part = stretch * fit.slope * fit.reach
    end_level = fit.mean + shift + end_part
    end_error = np.sqrt(fit.mean_error**2 + (stretch * fit.slope_error * fit.reach) ** 2)
    late = fit.mean + shift + LATE * end_part
    late_error = np.sqrt(fit.mean_error**2 + (LATE * stretch * fit.slope_error * fit.reach) ** 2)
    week_mean, week_error = _last_week(trend, fit)
    last_week = fit.mean + shift + stretch * (week_mean - fit.mean)
    falls = fit.slope < -fit.slope_error * t.isf(FALL_ALPHA, np.maximum(fit.days - 2, 1))
    with np.errstate(invalid="ignore"):
        stays = (late - threshold > LATE_ERRORS * late_error) & (end_level > threshold)
        week_holds = last_week - threshold > -WEEK_ERRORS * stretch * week_error
        is_safe = ~falls | (end_level - threshold >= SAFE_ERRORS * end_error)
    weeks_differ = _weeks_differ(trend, fit.mean, threshold - np.asarray(shift), stretch)
    enough = fit.days >= LEAST_DAYS
    return Decline(
        end_level=np.where(enough, end_level, np.nan),
        end_error=np.where(enough, end_error, np.nan),
        last_week=last_week,
        slope_per_week=np.where(enough, WEEK * stretch * fit.slope, np.nan),
        falls=np.asarray(enough & falls, dtype=bool),
        weeks_differ=weeks_differ,
        holds=np.asarray(enough & stays & week_holds & is_safe & ~weeks_differ, dtype=bool),
    )


def _weeks_differ(trend: Daily, mean: Floats, threshold: Floats, stretch: Floats) -> Flags:
    weeks = compare_weeks(daily=trend)
    with np.errstate(invalid="ignore"):
        is_shown = mean - stretch * (mean - weeks.lower) > threshold
    return np.asarray(weeks.differ & ~is_shown, dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A weighted line: `reach` = days from the mean day to the last one with units."""

    mean: Floats
    mean_error: Floats
    slope: Floats
    slope_error: Floats
    reach: Floats
    days: Floats
    unit_variance: Floats


def _fit(trend: Daily) -> _Fit:
    day = np.arange(1.0, trend.days + 1)
    weight, y = trend.sum_w, np.nan_to_num(trend.means)
    days = (trend.n > 0).sum(axis=-1).astype(np.float64)
    last = np.where(trend.n > 0, day, 0.0).max(axis=-1)
    after = levels(daily=trend)
    variance, effective = after.variance[..., -1], after.effective_n[..., -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        total = weight.sum(axis=-1)
        centre = (weight * day).sum(axis=-1) / total
        mean = (weight * y).sum(axis=-1) / total
        away = day - centre[..., None]
        spread = (weight * away**2).sum(axis=-1)
        slope = (weight * away * (y - mean[..., None])).sum(axis=-1) / spread
        rest = y - mean[..., None] - slope[..., None] * away
        # Of one unit of weight: as the days scatter around the line, and never less than the units themselves say.
        scatter = (weight * rest**2).sum(axis=-1) / np.maximum(days - 2, 1)
        per_weight = np.maximum(scatter, variance * total / effective)
        return _Fit(mean, np.sqrt(per_weight / total), slope, np.sqrt(per_weight / spread), last - centre, days, per_weight)


def _last_week(trend: Daily, fit: _Fit) -> tuple[Floats, Floats]:
    """Mean of the last seven days with units, and its standard error."""
    there = trend.n > 0
    recent = there & (np.cumsum(there[..., ::-1], axis=-1)[..., ::-1] <= WEEK)
    weight = np.where(recent, trend.sum_w, 0.0).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(recent, trend.sum_wx, 0.0).sum(axis=-1) / weight
        return mean, np.sqrt(fit.unit_variance / weight)
