"""Whether whole weeks differ beyond what their days explain: then a few weeks say little about the next ones."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import f, t

from app.statistics.daily import Daily, Flags
from app.statistics.sums import Floats

WEEK = 7
LEAST_WEEKS = 3
DIFFER_ALPHA, BOUND_ALPHA = 0.01, 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Weeks:
    """Arrays of the leading shape (...,).

    Attributes:
        differ: Whether an F test of weeks against the days within them says so at 1 %; never with fewer than 3 weeks.
        error: Standard error of the mean with weeks as its units; NaN with fewer.
        lower: One-sided 95 % bound of the mean by it, with Student's t for so few weeks; NaN with fewer.
    """

    differ: Flags
    error: Floats
    lower: Floats


def compare_weeks(*, daily: Daily) -> Weeks:
    """Weeks of seven days from the first day on; the days after the last whole week belong to it.

    Args:
        daily: Daily sums, shape (..., days).

    Source: one-way analysis of variance, weighted by traffic; Cochran, "Sampling Techniques", 3rd edition 1977, chapter 6.

    Example:
        >>> import numpy as np
        >>> from app.statistics.sums import Sums
        >>> good, bad = Sums.of(values=np.tile([1.0, 0.0, 0.5, 1.0], 10)), Sums.of(values=np.tile([1.0, 0.0, 0.0, 0.0], 10))
        >>> found = compare_weeks(daily=Daily.of_sums(sums=[good] * 7 + [bad] * 7 + [good] * 7))
        >>> bool(found.differ), round(float(found.lower), 3)
        (True, 0.135)
    """
    count = daily.days // WEEK
    shape = daily.n.shape[:-1]
    if count < LEAST_WEEKS:
        return Weeks(np.zeros(shape, dtype=bool), np.full(shape, np.nan), np.full(shape, np.nan))
    week = np.minimum(np.arange(daily.days) // WEEK, count - 1)
    weights, sums = (_by_week(column, week, count) for column in (daily.sum_w, daily.sum_wx))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(weights > 0, sums / weights, 0.0)
        total = weights.sum(axis=-1)
        mean = sums.sum(axis=-1) / total
        weeks = (weights > 0).sum(axis=-1)
        days = (daily.n > 0).sum(axis=-1)
        away = (means - mean[..., None]) ** 2
        between = (weights * away).sum(axis=-1) / np.maximum(weeks - 1, 1)
        inside = np.where(daily.n > 0, daily.sum_w * (np.nan_to_num(daily.means) - means[..., week]) ** 2, 0.0)
        free = np.maximum(days - weeks, 1)
        ratio = between / (inside.sum(axis=-1) / free)
        variance = weeks / np.maximum(weeks - 1, 1) * ((weights / total[..., None]) ** 2 * away).sum(axis=-1)
        error = np.sqrt(variance)
        enough = weeks >= LEAST_WEEKS
        differ = enough & (ratio > f.isf(DIFFER_ALPHA, np.maximum(weeks - 1, 1), free))
        lower = mean - t.isf(BOUND_ALPHA, np.maximum(weeks - 1, 1)) * error
    return Weeks(np.asarray(differ, dtype=bool), np.where(enough, error, np.nan), np.where(enough, lower, np.nan))


def _by_week(column: Floats, week: np.ndarray[tuple[int], np.dtype[np.int64]], count: int) -> Floats:
    return np.stack([column[..., week == number].sum(axis=-1) for number in range(count)], axis=-1)
