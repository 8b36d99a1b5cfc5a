"""Differences of two shares, and what no event at all still allows."""

import math

from app.domain.estimate import Estimate
from app.statistics.fixed_sample import wilson
from app.statistics.sums import Floats, Sums

DIFFERENCE_METHOD = "newcombe"
PAIRED_METHOD = "newcombe_paired"


def difference_estimate(
    *, first_events: int, first_trials: int, second_events: int, second_trials: int, confidence: float = 0.95
) -> Estimate:
    """Share of the first group minus that of the second, two independent groups, for one look at the end.

    Args:
        first_events: In [0, first_trials].
        first_trials: Above 0.
        second_events: In [0, second_trials].
        second_trials: Above 0.
        confidence: Two-sided, in (0, 1).

    Returns:
        The difference in [-1, 1] with its interval; `n` is the number of trials of both groups.

    Raises:
        ValueError: If a count or the confidence is out of range.

    Source: Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven methods",
        Statistics in Medicine 17 (1998), method 10.

    Example:
        >>> found = difference_estimate(first_events=56, first_trials=70, second_events=48, second_trials=80)
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.2, 0.0524, 0.3339)
    """
    return _difference(
        (first_events / first_trials if first_trials else math.nan, first_events, first_trials),
        (second_events / second_trials if second_trials else math.nan, second_events, second_trials),
        correlation=0.0, confidence=confidence, n=first_trials + second_trials, method=DIFFERENCE_METHOD,
    )  # fmt: skip


def paired_difference_estimate(
    *, both: int, first_only: int, second_only: int, neither: int, confidence: float = 0.95
) -> Estimate:
    """Share of the first minus that of the second where both were tried on the same units, for one look at the end.

    Args:
        both: Units with the event under both.
        first_only: Units with the event under the first alone.
        second_only: Units with the event under the second alone.
        neither: Units without; all four are at least 0, together above 0.
        confidence: Two-sided, in (0, 1).

    Returns:
        The difference in [-1, 1] with its interval; `n` is the number of units.

    Raises:
        ValueError: If a count or the confidence is out of range.

    Source: Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired data",
        Statistics in Medicine 17 (1998), method 10: the covariance is that of the table, continuity-corrected if positive.

    Example:
        >>> found = paired_difference_estimate(both=36, first_only=12, second_only=2, neither=3)
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.1887, 0.0512, 0.3238)
    """
    for name, count in (("both", both), ("first_only", first_only), ("second_only", second_only), ("neither", neither)):
        if count < 0:
            message = f"{name} must be at least 0, not {count}"
            raise ValueError(message)
    n, first, second = both + first_only + second_only + neither, both + first_only, both + second_only
    return _difference(
        (first / n if n else math.nan, first, n),
        (second / n if n else math.nan, second, n),
        correlation=_correlation(both, first_only, second_only, neither),
        confidence=confidence, n=n, method=PAIRED_METHOD,
    )  # fmt: skip


def paired_mean_difference(*, first: Floats, second: Floats, weights: Floats, confidence: float = 0.95) -> Estimate:
    """Mean of the first minus that of the second over the same units, whose values are shares of their own members.

    Units are conversations, members their exchanges: what stands together counts once. No share in [0, 1] varies more than a
    yes or no of the same mean, so Wilson's intervals of both means are at least wide enough; the covariance is that of the
    units. With one member a unit and equal weights it is `paired_difference_estimate`.

    Args:
        first: Shape (n,), each in [0, 1]; n above 0.
        second: The same units.
        weights: Each above 0: 1 / inclusion probability.
        confidence: Two-sided, in (0, 1).

    Returns:
        The difference in [-1, 1] with its interval; `n` is the number of units.

    Raises:
        ValueError: If a value or the confidence is out of range.

    Source: Newcombe as above; Zou and Donner, "Construction of confidence limits about effect measures: a general approach",
        Statistics in Medicine 27 (2008): limits of both parts and their correlation give those of the difference.

    Example:
        >>> import numpy as np
        >>> one, other = np.array([1.0, 1, 1, 0.5, 0]), np.array([0.0, 0, 1, 0.5, 0])
        >>> found = paired_mean_difference(first=one, second=other, weights=np.ones(5))
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.4, -0.1674, 0.7216)
    """
    one, other = Sums.of(values=first, weights=weights), Sums.of(values=second, weights=weights)
    if one.mean is None or other.mean is None:
        message = "units must be at least one"
        raise ValueError(message)
    p, q, m = one.mean, other.mean, one.effective_n
    covariance = float((weights * (first - p) * (second - q)).sum()) / one.sum_w
    return _difference(
        (p, p * m, m),
        (q, q * m, m),
        correlation=_correlation_of(covariance, p * (1 - p) * q * (1 - q), m),
        confidence=confidence, n=one.n, method=PAIRED_METHOD,
    )  # fmt: skip


def rule_of_three(*, trials: int, alpha: float = 0.05) -> float:
    """Upper bound of a rate when the event was seen in none of the trials, for one look at the end: `1 - alpha^(1/n)`.

    At alpha 0.05 it is close to 3 / n, whence the name.

    Args:
        trials: n ≥ 0; without trials the bound is 1.
        alpha: One-sided error probability, in (0, 1).

    Raises:
        ValueError: If an argument is out of range.

    Source: Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249 (1983); exact: Clopper-Pearson.

    Example:
        >>> round(rule_of_three(trials=300), 5), 3 / 300
        (0.00994, 0.01)
    """
    if trials < 0:
        message = f"trials must be at least 0, not {trials}"
        raise ValueError(message)
    if not 0 < alpha < 1:
        message = f"alpha must lie in (0, 1), not {alpha}"
        raise ValueError(message)
    return -math.expm1(math.log(alpha) / trials) if trials else 1.0


_Share = tuple[float, float, float]


def _difference(first: _Share, second: _Share, *, correlation: float, confidence: float, n: int, method: str) -> Estimate:
    """Both Wilson intervals, squared and added ("square and add")."""
    (p, first_events, first_trials), (q, second_events, second_trials) = first, second
    low_p, high_p = wilson(successes=first_events, trials=first_trials, confidence=confidence)
    low_q, high_q = wilson(successes=second_events, trials=second_trials, confidence=confidence)
    below = _added(p - low_p, high_q - q, correlation)
    above = _added(high_p - p, q - low_q, correlation)
    return Estimate(p - q, max(-1.0, p - q - below), min(1.0, p - q + above), n, method, confidence)


def _added(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))


def _correlation(both: int, first_only: int, second_only: int, neither: int) -> float:
    n = both + first_only + second_only + neither
    if not n:
        return 0.0
    margins = (both + first_only) * (second_only + neither) * (both + second_only) * (first_only + neither)
    return _correlation_of((both * neither - first_only * second_only) / n**2, margins / n**4, n)


def _correlation_of(covariance: float, product_of_variances: float, n: float) -> float:
    """Continuity-corrected where it is positive."""
    if product_of_variances <= 0:
        return 0.0
    corrected = max(covariance - 1 / (2 * n), 0.0) if covariance > 0 else covariance
    return max(-1.0, min(1.0, corrected / math.sqrt(product_of_variances)))
