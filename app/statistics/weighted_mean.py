"""The mean of numbers without bounds, each unit with its weight."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from app.domain.estimate import Estimate

Floats = NDArray[np.float64]
METHOD = "weighted_mean_t"
_LEAST = 2


def weighted_mean_estimate(*, values: Floats, weights: Floats, confidence: float = 0.95) -> Estimate:
    """The weighted mean with Student's interval; its variance is the linearised one of a ratio of sums.

    Args:
        values: Shape (n,), of independent units; any finite numbers.
        weights: Each above 0: 1 / inclusion probability.
        confidence: Two-sided, in (0, 1).

    Returns:
        The mean; without units nothing is known, with one its interval is not.

    Raises:
        ValueError: If the confidence is out of range.

    Source: Cochran, Sampling Techniques, 3rd ed. (1977), section 6.3.

    Example:
        >>> import numpy as np
        >>> found = weighted_mean_estimate(values=np.array([0.2, 0.4, 0.9]), weights=np.ones(3))
        >>> found.value, round(found.low, 4), round(found.high, 4), found.n
        (0.5, -0.3957, 1.3957, 3)
    """
    if not 0 < confidence < 1:
        message = f"confidence must be in (0, 1), not {confidence}"
        raise ValueError(message)
    n = len(values)
    if not n:
        return Estimate(None, None, None, 0, METHOD, confidence)
    total = float(weights.sum())
    mean = float((weights * values).sum()) / total
    if n < _LEAST:
        return Estimate(mean, None, None, n, METHOD, confidence)
    variance = float((weights**2 * (values - mean) ** 2).sum()) / total**2 * n / (n - 1)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * math.sqrt(variance)
    return Estimate(mean, mean - half, mean + half, n, METHOD, confidence)
