"""The asymptotic confidence sequence: an interval for a mean that may be looked at on every day."""

import math

from app.domain.estimate import Estimate
from app.statistics.sums import Sums

METHOD = "asymptotic_confidence_sequence"


def radius(*, sums: Sums, alpha: float, n_optimal: float) -> float:
    """Distance of the one-sided bound from the mean; infinite without units.

    `s √(2 (n r² + 1) / (n² r²) · log(1 + √(n r² + 1) / (2 alpha)))` with
    `r² = (-2 log(2 alpha) + log(1 - 2 log(2 alpha))) / n_optimal`: tightest near `n_optimal` units. With unequal weights n is
    the effective sample size. The probability that `mean - radius` ever exceeds the true mean is at most alpha as n grows.

    A few equal values have no measurable spread; s² is therefore at least `1 / (4 (n + 1))`, which no ordinary sample reaches.

    Args:
        sums: The values so far, each in [0, 1].
        alpha: One-sided error probability over all looks together, in (0, 0.5).
        n_optimal: Number of units at which the bound is tightest: half of the planned ones; above 0.

    Raises:
        ValueError: If `alpha` or `n_optimal` is out of range.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence
        sequences", Annals of Statistics 2024 (arXiv 2103.06476), proposition 2.2 (one-sided) and equation 7 (choice of r).
    """
    if not 0 < 2 * alpha < 1:
        message = f"alpha must lie in (0, 0.5), not {alpha}"
        raise ValueError(message)
    if not (n_optimal > 0 and math.isfinite(n_optimal)):
        message = f"n_optimal must be above 0, not {n_optimal}"
        raise ValueError(message)
    n = sums.effective_n
    if n <= 0:
        return math.inf
    wide = -2 * math.log(2 * alpha)
    scaled = n * (wide + math.log(1 + wide)) / n_optimal
    spread = max(sums.variance, 0.25 / (n + 1))
    return math.sqrt(spread * 2 * (scaled + 1) / (n * scaled) * math.log1p(math.sqrt(scaled + 1) / (2 * alpha)))


def lower_bound(*, sums: Sums, alpha: float, n_optimal: float) -> float | None:
    """One-sided lower bound of the mean, in [0, 1]; `None` without units. Arguments and source: `radius`.

    Example:
        >>> import numpy as np
        >>> sums = Sums.of(values=np.tile([0.0, 0.5, 1.0], 400))
        >>> round(lower_bound(sums=sums, alpha=0.05, n_optimal=700), 4)
        0.4671
    """
    return None if sums.mean is None else max(0.0, sums.mean - radius(sums=sums, alpha=alpha, n_optimal=n_optimal))


def upper_bound(*, sums: Sums, alpha: float, n_optimal: float) -> float | None:
    """One-sided upper bound of the mean, in [0, 1]; `None` without units. Arguments and source: `radius`."""
    return None if sums.mean is None else min(1.0, sums.mean + radius(sums=sums, alpha=alpha, n_optimal=n_optimal))


def interval(
    *, sums: Sums, n_optimal: float, confidence: float = 0.95, lowest: Sums | None = None, highest: Sums | None = None
) -> Estimate:
    """The mean and its two-sided interval: both one-sided bounds at half of the error probability.

    Args:
        sums: The values that are known; they make the estimate.
        n_optimal: Half of the planned units.
        confidence: Two-sided confidence over all looks together, in (0, 1).
        lowest: The values with every unknown one at its least; the lower end rests on it. Default: `sums`.
        highest: The same with every unknown value at its most, for the upper end.

    Raises:
        ValueError: If `confidence` is out of range.

    Example:
        >>> import numpy as np
        >>> estimate = interval(sums=Sums.of(values=np.tile([0.0, 0.5, 1.0], 400)), n_optimal=700)
        >>> round(estimate.value, 4), round(estimate.low, 4), round(estimate.high, 4), estimate.n
        (0.5, 0.464, 0.536, 1200)
    """
    if not 0 < confidence < 1:
        message = f"confidence must lie in (0, 1), not {confidence}"
        raise ValueError(message)
    alpha = (1 - confidence) / 2
    low = lower_bound(sums=lowest if lowest is not None else sums, alpha=alpha, n_optimal=n_optimal)
    high = upper_bound(sums=highest if highest is not None else sums, alpha=alpha, n_optimal=n_optimal)
    return Estimate(sums.mean, low, high, sums.n, METHOD, confidence)


def units_until(*, mean: float, variance: float, bound: float, alpha: float, n_optimal: float, most: int = 10**7) -> int | None:
    """How many units it takes until the one-sided bound reaches `bound`, if mean and variance stay as they are.

    Args:
        mean: Present mean, in [0, 1].
        variance: Present variance of one unit.
        bound: What the bound next to it has to reach, on either side of the mean.
        alpha: As in `radius`.
        n_optimal: As in `radius`.
        most: Beyond it the answer is `None`.

    Example:
        >>> units_until(mean=0.5, variance=0.137, bound=0.45, alpha=0.05, n_optimal=700)
        433
    """

    def reached(n: int) -> bool:
        sums = _as_if(mean=mean, variance=variance, n=n)
        return radius(sums=sums, alpha=alpha, n_optimal=n_optimal) < abs(mean - bound)

    if not reached(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _as_if(*, mean: float, variance: float, n: int) -> Sums:
    squares = n * mean * mean + variance * max(n - 1, 0)
    return Sums(n, float(n), float(n), n * mean, squares, n * mean, squares)
