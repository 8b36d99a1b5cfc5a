"""Intervals that hold for one look at the end, as textbooks give them."""

import math

import numpy as np
from scipy.stats import norm

from app.domain.estimate import Estimate
from app.statistics.sums import Floats

MEAN_METHOD = "fixed_sample_mean"
WILSON_METHOD = "wilson"
Z_95 = 1.96


def mean_estimate(*, values: Floats) -> Estimate:
    """Plain mean with `mean ± 1.96 s / √n` and its standard error; s has n - 1 in the denominator.

    Args:
        values: Shape (n,). Without values everything is `None`; with one there is no interval.

    Example:
        >>> import numpy as np
        >>> estimate = mean_estimate(values=np.array([0.0, 0.5, 1.0, 1.0]))
        >>> round(estimate.value, 4), round(estimate.standard_error, 4), round(estimate.low, 4)
        (0.625, 0.2394, 0.1559)
    """
    n = len(values)
    if n == 0:
        return Estimate(None, None, None, 0, MEAN_METHOD)
    mean = float(np.mean(values))
    if n == 1:
        return Estimate(mean, None, None, 1, MEAN_METHOD)
    error = float(np.std(values, ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - Z_95 * error, mean + Z_95 * error, n, MEAN_METHOD, standard_error=error)


def wilson(*, successes: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share.

    Args:
        successes: Between 0 and `trials`; may be fractional (an effective number).
        trials: Above 0.
        confidence: Two-sided, in (0, 1).

    Returns:
        `(low, high)`, both in [0, 1].

    Raises:
        ValueError: If an argument is out of range.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    Example:
        >>> [round(end, 4) for end in wilson(successes=10, trials=20)]
        [0.2993, 0.7007]
    """
    if not trials > 0:
        message = f"trials must be above 0, not {trials}"
        raise ValueError(message)
    if not 0 <= successes <= trials:
        message = f"successes must lie in [0, {trials}], not {successes}"
        raise ValueError(message)
    if not 0 < confidence < 1:
        message = f"confidence must lie in (0, 1), not {confidence}"
        raise ValueError(message)
    z = float(norm.isf((1 - confidence) / 2))
    share = successes / trials
    shrink = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, centre - half), min(1.0, centre + half)
