"""The percentile bootstrap over clusters: whole conversations are drawn again, never single pairs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.statistics.sums import Floats

Numbers = NDArray[np.int64]
_MOST_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class BootstrapInterval:
    """What the resamples say of a statistic.

    Attributes:
        low: Lower end of the two-sided interval; `None` where there is less than two clusters or no resample has a value.
        high: Upper end.
        standard_error: Standard deviation of the resampled values.
        resamples: How many of them have a value.
    """

    low: float | None
    high: float | None
    standard_error: float | None
    resamples: int


def cluster_bootstrap(
    *,
    clusters: Numbers,
    statistic: Callable[[Floats], Floats],
    generator: np.random.Generator,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> BootstrapInterval:
    """Draws as many clusters as there are, with replacement, and takes the percentiles of the statistic.

    Args:
        clusters: Shape (n,): which cluster each row belongs to.
        statistic: Given how often each row was drawn, shape (m, n), returns the statistic of each resample, shape (m,);
            NaN = it has none. It is called with blocks of resamples.
        generator: Where the draws come from: the same seed gives the same interval.
        resamples: How many; at least 1.
        confidence: Two-sided, in (0, 1).

    Raises:
        ValueError: If an argument is out of range.

    Source: Efron, "Better bootstrap confidence intervals", JASA 82 (1987), percentile method; Davison and Hinkley, "Bootstrap
        Methods and their Application", 1997, section 3.8 (clusters).

    Example:
        >>> import numpy as np
        >>> values = np.repeat([0.2, 0.4, 0.6, 0.8], 25)
        >>> found = cluster_bootstrap(
        ...     clusters=np.repeat(np.arange(4), 25), statistic=lambda drawn: drawn @ values / drawn.sum(axis=1),
        ...     generator=np.random.default_rng(1), resamples=4000)
        >>> round(found.low, 2), round(found.high, 2), round(found.standard_error, 2)
        (0.3, 0.7, 0.11)
    """
    if resamples < 1:
        message = f"resamples must be at least 1, not {resamples}"
        raise ValueError(message)
    if not 0 < confidence < 1:
        message = f"confidence must lie in (0, 1), not {confidence}"
        raise ValueError(message)
    names, index = np.unique(clusters, return_inverse=True)
    if len(names) < 2:  # noqa: PLR2004 - one cluster shows no spread
        return BootstrapInterval(None, None, None, 0)
    found = _resampled(index, len(names), statistic, generator, resamples)
    found = found[~np.isnan(found)]
    if not len(found):
        return BootstrapInterval(None, None, None, 0)
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    error = float(np.std(found, ddof=1)) if len(found) > 1 else None
    return BootstrapInterval(low, high, error, len(found))


def _resampled(
    index: Numbers, number: int, statistic: Callable[[Floats], Floats], generator: np.random.Generator, resamples: int
) -> Floats:
    block = max(1, _MOST_CELLS // max(1, len(index)))
    found = []
    for first in range(0, resamples, block):
        many = min(block, resamples - first)
        drawn = generator.integers(0, number, size=(many, number)) + number * np.arange(many)[:, None]
        times = np.bincount(drawn.ravel(), minlength=many * number).reshape(many, number)
        found.append(statistic(times[:, index].astype(np.float64)))
    return np.concatenate(found)
