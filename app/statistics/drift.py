"""Has something moved since the beginning: a running sum for daily means, and an index for the mix of groups."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Of the sums: half a standard error a day is not counted; the limit holds false alarms of falls to one in about 2.5 years.
SLACK, LIMIT = 0.5, 5.0
_LEAST_FREEDOM = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Cusum:
    """The running sums after each day, shape (..., days), in standard errors of one day; an alarm sets its sum back to 0.

    Attributes:
        falls: The sum of days below the mean of those before.
        rises: The sum of days above it.
        fell: Days on which `falls` went beyond the limit.
        rose: The same of `rises`.
    """

    falls: Floats
    rises: Floats
    fell: Flags
    rose: Flags


def cusum(*, means: Floats, errors: Floats, slack: float = SLACK, limit: float = LIMIT) -> Cusum:
    """Page's CUSUM of daily means, each against the weighted mean of the days before it.

    `z_d = (m_d - M_(d-1)) / √(e_d² + var M_(d-1))` with M weighted by 1 / e²: without drift these are independent standard
    normals, whatever the true mean is. Then `S_d = max(0, S_(d-1) - z_d - slack)` for falls and the mirror image for rises.
    After an alarm, both sums and the mean begin anew with the next day.

    Args:
        means: Shape (..., days); NaN = a day without a value, which changes nothing.
        errors: The same shape: each mean's standard error, what days differ by included (`day_to_day`); above 0.
        slack: What of each day's z is not counted, half of the shift that is looked for; at least 0.
        limit: Where a sum speaks; above 0. With slack 0.5, a limit of 4 has one false alarm of falls in 336 days, 5 in 930.

    Raises:
        ValueError: If shapes differ, an error is not above 0, or `slack` or `limit` is out of range.

    Source: Page, "Continuous inspection schemes", Biometrika 41 (1954); Montgomery, "Introduction to statistical quality
        control", table 9.4 (run lengths); Hawkins and Olwell, "Cumulative sum charts" (1998), chapter 7 (self-starting sums).

    Example:
        >>> import numpy as np
        >>> means = np.array([0.5] * 10 + [0.4] * 6)
        >>> found = cusum(means=means, errors=np.full(16, 0.05))
        >>> np.flatnonzero(found.fell).tolist(), [round(s, 2) for s in found.falls[10:14].tolist()]
        ([14], [1.41, 2.65, 3.75, 4.73])
    """
    means, errors = _checked(means, errors)
    if not slack >= 0 or not limit > 0:
        message = f"slack must be at least 0 and limit above 0, not {slack} and {limit}"
        raise ValueError(message)
    falls = np.zeros(means.shape)
    rises = np.zeros(means.shape)
    low = high = weight = total = np.zeros(means.shape[:-1])
    for day in range(means.shape[-1]):
        m, e = means[..., day], errors[..., day]
        known = ~np.isnan(m)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (m - total / weight) / np.sqrt(e * e + 1 / weight)
        counts = known & (weight > 0)
        falls[..., day] = np.where(counts, np.maximum(0.0, low - z - slack), low)
        rises[..., day] = np.where(counts, np.maximum(0.0, high + z - slack), high)
        goes_on = np.maximum(falls[..., day], rises[..., day]) <= limit
        precision = np.where(known, 1 / np.where(known, e * e, 1.0), 0.0)
        weight = goes_on * (weight + precision)
        total = goes_on * (total + precision * np.where(known, m, 0.0))
        low, high = goes_on * falls[..., day], goes_on * rises[..., day]
    return Cusum(falls, rises, falls > limit, rises > limit)


def day_to_day(*, means: Floats, variances: Floats) -> Floats:
    """Variance of true daily means beyond that of drawing few units a day, by what successive days differ.

    Half the mean squared difference of neighbours, minus the variance that they have by chance: a slow drift or one step hardly
    enters, unlike in the spread around the overall mean. At least 0.

    Args:
        means: Shape (..., days); NaN = a day without a value.
        variances: The same shape: of each mean by drawing alone.

    Returns:
        Shape (...); 0 where fewer than two neighbours are known.

    Source: von Neumann, Kent, Bellinson, Hart, "The mean square successive difference", Annals of Mathematical Statistics 12
        (1941).

    Example:
        >>> import numpy as np
        >>> means = np.array([0.47, 0.53] * 7)
        >>> round(float(day_to_day(means=means, variances=np.full(14, 0.0004))), 6)
        0.0014
    """
    means, variances = np.asarray(means, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if means.shape != variances.shape or means.ndim == 0:
        message = f"means and variances must have the same shape (..., days), not {means.shape} and {variances.shape}"
        raise ValueError(message)
    excess = np.diff(means) ** 2 / 2 - (variances[..., 1:] + variances[..., :-1]) / 2
    known = ~np.isnan(excess)
    number = known.sum(axis=-1)
    total = np.where(known, excess, 0.0).sum(axis=-1)
    return np.asarray(np.maximum(0.0, total / np.maximum(number, 1)))


def daily_errors(*, means: Floats, variances: Floats) -> Floats:
    """Standard errors of daily means with what days differ by included, for `cusum`.

    That variance is itself an estimate, from the squares of D - 1 differences of which neighbours share a day: it has about
    2 (D - 1) / 3 degrees of freedom f; where it is above 0 the whole is widened by f / (f - 2), the variance of Student's t.

    Args:
        means: Shape (..., days); NaN = a day without a value.
        variances: The same shape: of each mean by drawing alone, above 0.

    Returns:
        The same shape.

    Example:
        >>> import numpy as np
        >>> means = np.array([0.47, 0.53] * 7)
        >>> round(float(daily_errors(means=means, variances=np.full(14, 0.0004))[0]), 4)
        0.0484
    """
    beyond = day_to_day(means=means, variances=variances)[..., None]
    freedom = np.maximum(2 * ((~np.isnan(np.asarray(means))).sum(axis=-1) - 1) / 3, _LEAST_FREEDOM)[..., None]
    widened = np.where(beyond > 0, freedom / (freedom - 2), 1.0)
    return np.asarray(np.sqrt((np.asarray(variances, dtype=np.float64) + beyond) * widened))


def psi(*, expected: Floats, actual: Floats) -> float:
    """Population stability index `Σ (a - e) log(a / e)` of two mixes; each group gets half a unit more, so that none is empty.

    Below 0.1 mixes are taken for alike, above 0.25 for different. By chance alone it is about `(K - 1)(1/n + 1/m)`.

    Args:
        expected: Shape (K,): units in each group at first, at least 0; K ≥ 1.
        actual: The same later.

    Raises:
        ValueError: If shapes differ or a number is below 0.

    Source: Siddiqi, "Credit risk scorecards" (2006), system stability index; Yurdakul and Naranjo, "Statistical properties of
        the population stability index", Journal of Risk Model Validation 14 (2020).

    Example:
        >>> import numpy as np
        >>> round(psi(expected=np.array([500.0, 500.0]), actual=np.array([700.0, 300.0])), 3)
        0.169
    """
    first, then = _groups(expected, actual)
    e, a = ((counts + 0.5) / (counts + 0.5).sum() for counts in (first, then))
    return float(((a - e) * np.log(a / e)).sum())


def same_mix_p_value(*, expected: Floats, actual: Floats) -> float:
    """p-value of the chi-square test that two samples have the same mix; 1 where there is nothing to compare.

    Counts may be fractional: a unit that is spread over groups (a conversation over its requests) varies less than one that is
    not, so that the test errs on the side of silence. Groups should hold five units or more.

    Args:
        expected: Shape (K,): units in each group at first, at least 0; K ≥ 1.
        actual: The same later.

    Raises:
        ValueError: If shapes differ or a number is below 0.

    Source: Pearson's chi-square test of homogeneity, `scipy.stats.chi2_contingency` without correction.

    Example:
        >>> import numpy as np
        >>> round(same_mix_p_value(expected=np.array([50.0, 50.0]), actual=np.array([60.0, 40.0])), 4)
        0.1552
    """
    table = np.stack(_groups(expected, actual))
    table = table[:, table.sum(axis=0) > 0]
    sizes = table.sum(axis=1, keepdims=True)
    if table.shape[1] < 2 or (sizes == 0).any():  # noqa: PLR2004 - one group is always the same mix
        return 1.0
    fitted = sizes * table.sum(axis=0) / table.sum()
    return float(chi2.sf(((table - fitted) ** 2 / fitted).sum(), table.shape[1] - 1))


def _checked(means: Floats, errors: Floats) -> tuple[Floats, Floats]:
    means, errors = np.asarray(means, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if means.shape != errors.shape or means.ndim == 0:
        message = f"means and errors must have the same shape (..., days), not {means.shape} and {errors.shape}"
        raise ValueError(message)
    for wrong in errors[~np.isnan(means) & ~(errors > 0)].ravel():
        message = f"errors must be above 0, not {wrong}"
        raise ValueError(message)
    return means, errors


def _groups(expected: Floats, actual: Floats) -> tuple[Floats, Floats]:
    first, then = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if first.ndim != 1 or first.shape != then.shape or not len(first):
        message = f"expected and actual must have the same shape (K,), not {first.shape} and {then.shape}"
        raise ValueError(message)
    for wrong in np.concatenate([first, then])[~(np.concatenate([first, then]) >= 0)]:
        message = f"units must be at least 0, not {wrong}"
        raise ValueError(message)
    return first, then
