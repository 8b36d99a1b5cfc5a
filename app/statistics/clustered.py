"""Quantiles and slopes of observations that come in clusters (hours, days): those of one count less than their number."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from app.domain.estimate import Estimate
from app.statistics.sums import Floats

QUANTILE_METHOD = "woodruff_by_cluster"
DIFFERENCE_METHOD = "woodruff_by_cluster_difference"
SLOPE_METHOD = "least_squares_by_cluster"
Numbers = NDArray[np.int64]


def clustered_quantile(*, values: Floats, clusters: Numbers, probability: float, confidence: float = 0.95) -> Estimate:
    """A quantile with an interval for one look, that knows that values of one cluster resemble each other.

    The share of values up to the quantile has an error by cluster (never less than that of independent values); the quantiles
    at both ends of that share's interval are the ends.

    Args:
        values: Shape (n,), finite, in any order.
        clusters: Shape (n,): which cluster each belongs to.
        probability: Which quantile, in (0, 1).
        confidence: Two-sided, in (0, 1).

    Returns:
        `n` is the number of values; an end is `None` where they cannot bound it, both where there is one cluster.

    Raises:
        ValueError: If an argument is out of range.

    Source: Woodruff, "Confidence intervals for medians and other position measures", JASA 47 (1952); error of a share by
        cluster: Cochran, "Sampling Techniques", 1977, section 9A.

    Example:
        >>> import numpy as np
        >>> found = clustered_quantile(values=np.arange(1.0, 1001.0), clusters=np.arange(1000) % 100, probability=0.95)
        >>> found.value, found.low, found.high
        (950.0, 937.0, 964.0)
    """
    if not 0 < probability < 1 or not 0 < confidence < 1:
        message = f"probability and confidence must lie in (0, 1), not {probability} and {confidence}"
        raise ValueError(message)
    n = len(values)
    if not n:
        return Estimate(None, None, None, 0, QUANTILE_METHOD, confidence)
    value = _quantile(values, probability)
    below = (values <= value).astype(np.float64)
    sums = _sums(clusters, (below - below.mean())[:, None])[:, 0]
    many = len(sums)
    if many < 2:  # noqa: PLR2004 - one cluster shows no spread
        return Estimate(value, None, None, n, QUANTILE_METHOD, confidence)
    variance = max(many / (many - 1) * float(sums @ sums) / n**2, probability * (1 - probability) / n)
    half = float(stdtrit(many - 1, (1 + confidence) / 2)) * math.sqrt(variance)
    return Estimate(value, _at(values, probability - half), _at(values, probability + half), n, QUANTILE_METHOD, confidence)


def difference_of_quantiles(*, last: Estimate, first: Estimate) -> Estimate:
    """One independent estimate less another, its interval from both intervals.

    Args:
        last: What is taken from; both at one confidence.
        first: What is taken away.

    Returns:
        `n` counts both; an end is `None` where one that it rests on is.

    Source: Zou and Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in
        Medicine 27 (2008).

    Example:
        >>> one, other = Estimate(3.0, 2.0, 5.0, 10, "m"), Estimate(1.0, 0.25, 1.75, 10, "m")
        >>> found = difference_of_quantiles(last=one, first=other)
        >>> found.value, found.low, round(found.high, 3)
        (2.0, 0.75, 4.136)
    """
    n = last.n + first.n
    if last.value is None or first.value is None:
        return Estimate(None, None, None, n, DIFFERENCE_METHOD, last.confidence)
    value = last.value - first.value
    low = high = None
    if last.low is not None and first.high is not None:
        low = value - math.hypot(last.value - last.low, first.high - first.value)
    if last.high is not None and first.low is not None:
        high = value + math.hypot(last.high - last.value, first.value - first.low)
    return Estimate(value, low, high, n, DIFFERENCE_METHOD, last.confidence)


def clustered_slope(*, columns: Floats, response: Floats, clusters: Numbers, confidence: float = 0.95) -> Estimate:
    """How much the response grows with the first column, the other columns held equal: least squares, errors by cluster.

    Args:
        columns: Shape (n, k): what the response may depend on; a constant is added.
        response: Shape (n,).
        clusters: Shape (n,): which cluster each row belongs to.
        confidence: Two-sided, in (0, 1).

    Returns:
        The slope (n = rows); everything is `None` where the columns do not tell it, the ends where there are too few clusters.

    Source: Liang and Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73 (1986); with
        Student's t by the number of clusters: Cameron and Miller, "A practitioner's guide to cluster-robust inference",
        Journal of Human Resources 50 (2015).

    Example:
        >>> import numpy as np
        >>> x = np.arange(200.0)
        >>> bumps = 5 * (x // 10 % 3)
        >>> found = clustered_slope(columns=x[:, None], response=2 * x + bumps, clusters=(x // 10).astype(np.int64))
        >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
        (2.003, 1.97, 2.035)
    """
    n = len(response)
    design = np.column_stack([np.ones(n), columns - columns.mean(axis=0) if n else columns])
    k = design.shape[1]
    products = design.T @ design
    if n <= k or np.linalg.matrix_rank(products) < k:
        return Estimate(None, None, None, n, SLOPE_METHOD, confidence)
    inverse = np.linalg.inv(products)
    found = inverse @ (design.T @ response)
    sums = _sums(clusters, design * (response - design @ found)[:, None])
    many = len(sums)
    if many <= k:
        return Estimate(float(found[1]), None, None, n, SLOPE_METHOD, confidence)
    spread = inverse @ (sums.T @ sums) @ inverse * (many / (many - 1)) * ((n - 1) / (n - k))
    half = float(stdtrit(many - 1, (1 + confidence) / 2)) * math.sqrt(max(0.0, float(spread[1, 1])))
    return Estimate(float(found[1]), float(found[1]) - half, float(found[1]) + half, n, SLOPE_METHOD, confidence)


def _sums(clusters: Numbers, columns: Floats) -> Floats:
    """Each column's sum by cluster; only clusters that there are."""
    index = clusters - clusters.min()
    if index.max() > len(index):  # far apart: their numbers would need too much room
        index = np.unique(clusters, return_inverse=True)[1]
    is_there = np.bincount(index) > 0
    return np.column_stack([np.bincount(index, weights=column)[is_there] for column in columns.T])


def _at(values: Floats, probability: float) -> float | None:
    """A quantile; `None` outside (0, 1)."""
    return _quantile(values, probability) if 0 < probability < 1 else None


def _quantile(values: Floats, probability: float) -> float:
    """The least value that at least this share of all reaches."""
    rank = max(0, math.ceil(len(values) * probability - 1e-9) - 1)
    return float(np.partition(values, rank)[rank])
