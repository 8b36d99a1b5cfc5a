"""Holm's step-down correction: several hypotheses, one error probability for all of them together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.statistics.sums import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Holm:
    """Both in the order of the hypotheses.

    Attributes:
        adjusted: Adjusted p-values in [0, 1]: the least overall alpha at which the hypothesis is rejected.
        rejected: Whether it is rejected at the given alpha.
    """

    adjusted: Floats
    rejected: NDArray[np.bool_]


def holm(*, p_values: Floats, alpha: float = 0.05) -> Holm:
    """Rejects so that the chance of any wrong rejection is at most alpha, whatever the dependence.

    Args:
        p_values: Shape (m,), each in [0, 1].
        alpha: Of all hypotheses together, in (0, 1).

    Raises:
        ValueError: If a p-value or alpha is out of range.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).

    Example:
        >>> import numpy as np
        >>> found = holm(p_values=np.array([0.01, 0.04, 0.03, 0.005]))
        >>> found.adjusted.round(3).tolist(), found.rejected.tolist()
        ([0.03, 0.06, 0.06, 0.02], [True, False, False, True])
    """
    p = np.asarray(p_values, dtype=np.float64)
    for wrong in p[~((p >= 0) & (p <= 1))]:
        message = f"p_values must lie in [0, 1], not {wrong}"
        raise ValueError(message)
    if not 0 < alpha < 1:
        message = f"alpha must lie in (0, 1), not {alpha}"
        raise ValueError(message)
    order = np.argsort(p, kind="stable")
    left = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * left))
    return Holm(adjusted, adjusted <= alpha)
