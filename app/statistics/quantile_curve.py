"""Many quantiles of one sample with their always-valid intervals: all ranks are looked for at once."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from app.statistics.sums import Floats

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Curve(NamedTuple):
    """Arrays of one length; NaN at an end = no observation bounds it yet."""

    shares: Floats
    values: Floats
    low: Floats
    high: Floats


def quantile_curve(*, ordered: Floats, shares: Floats, weight: float, confidence: float = 0.95) -> Curve:
    """The empirical distribution at some shares, each with the interval that `quantile_estimate` gives it.

    Intervals are pointwise: each holds at all looks together, but not for all points of the curve together. A share above
    `1 - 1/n` is left out: only the largest observation would stand for it.

    Args:
        ordered: Observations, ascending, shape (n,).
        shares: In (0, 1), ascending, shape (m,).
        weight: See `app.statistics.quantiles.prior_weight`.
        confidence: Two-sided, in (0, 1).

    Raises:
        ValueError: If a share or the confidence is out of range.

    Source: Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm
        identification", Bernoulli 2022 (arXiv 1906.09712), with a beta-binomial mixture, as `quantile_estimate`.

    Example:
        >>> curve = quantile_curve(ordered=np.arange(1.0, 1401.0), shares=np.array([0.5, 0.95]), weight=350)
        >>> curve.values.tolist(), curve.low.tolist(), curve.high.tolist()
        ([700.0, 1330.0], [643.0, 1304.0], [758.0, 1354.0])
    """
    if not 0 < confidence < 1 or not bool(np.all((shares > 0) & (shares < 1))):
        message = f"shares and confidence must lie in (0, 1), not {shares} and {confidence}"
        raise ValueError(message)
    n = len(ordered)
    p = shares[np.round(n * (1 - shares), 9) >= 1]
    middle, limit = (n * p).astype(np.int64), math.log(1 / (1 - confidence))
    a, b = p * weight, (1 - p) * weight
    prior, success, failure = betaln(a, b), np.log(p), np.log1p(-p)

    def is_kept(rank: Numbers) -> Flags:
        k = np.minimum(rank, n)
        evidence = betaln(k + a, n - k + b) - prior - k * success - (n - k) * failure
        return np.asarray(evidence < limit, dtype=bool)

    first = _first(np.zeros_like(middle), middle, is_kept)
    after = _first(middle, np.full_like(middle, n + 1), lambda rank: ~is_kept(rank))
    at = np.maximum(0, np.ceil(n * p - 1e-9).astype(np.int64) - 1)
    return Curve(p, ordered[at], _order_statistics(ordered, first), _order_statistics(ordered, after))


def _first(begin: Numbers, end: Numbers, is_true: Callable[[Numbers], Flags]) -> Numbers:
    """For each place the first number in [begin, end) from which on something is true; its end if it never is."""
    low, high = begin.copy(), end.copy()
    while bool((low < high).any()):
        middle = (low + high) // 2
        found, is_open = is_true(middle), low < high
        high = np.where(is_open & found, middle, high)
        low = np.where(is_open & ~found, middle + 1, low)
    return low


def _order_statistics(ordered: Floats, ranks: Numbers) -> Floats:
    """The rank-th smallest, counted from 1; NaN outside."""
    if not len(ranks):
        return np.empty(0)
    inside = (ranks >= 1) & (ranks <= len(ordered))
    return np.where(inside, ordered[np.clip(ranks - 1, 0, len(ordered) - 1)], np.nan)
