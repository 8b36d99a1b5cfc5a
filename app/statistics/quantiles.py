"""Always-valid intervals of a quantile: two order statistics, whatever the distribution is."""

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Protocol

import numpy as np

from app.domain.estimate import Estimate
from app.statistics.binomial_mixture import Counts, log_evidence, log_evidence_above, log_evidence_below
from app.statistics.sums import Floats

METHOD = "quantile_confidence_sequence"
_MOST_PRIOR = 2000.0


def prior_weight(*, planned: int) -> float:
    """How many observations the prior counts as: `min(2000, planned / 4)`; fixed before the data are seen."""
    return min(_MOST_PRIOR, planned / 4)


def quantile_of(*, ordered: Floats, probability: float) -> float | None:
    """The empirical quantile: the least observation that at least this share of all reaches; `None` without any.

    Example:
        >>> import numpy as np
        >>> quantile_of(ordered=np.array([1.0, 2.0, 3.0, 4.0]), probability=0.5)
        2.0
    """
    _check(probability)
    n = len(ordered)
    return float(ordered[max(0, math.ceil(n * probability - 1e-9) - 1)]) if n else None


def quantile_estimate(*, ordered: Floats, probability: float, weight: float, confidence: float = 0.95) -> Estimate:
    """A quantile with its two-sided interval; an end that no observation can bound yet is `None`.

    Args:
        ordered: Observations, ascending, shape (n,).
        probability: Which quantile, in (0, 1).
        weight: See `prior_weight`.
        confidence: Two-sided confidence over all looks together, in (0, 1).

    Raises:
        ValueError: If an argument is out of range.

    Source: Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm
        identification", Bernoulli 2022 (arXiv 1906.09712), theorem 1's setting with a beta-binomial mixture.

    Example:
        >>> import numpy as np
        >>> estimate = quantile_estimate(ordered=np.arange(1.0, 1401.0), probability=0.95, weight=350)
        >>> estimate.value, estimate.low, estimate.high
        (1330.0, 1304.0, 1354.0)
    """
    _check(probability)
    n, limit = len(ordered), math.log(1 / (1 - confidence))
    evidence = _evidence_of(log_evidence, n, probability, weight)
    # The evidence falls until the expected rank and rises after it: what is kept is one stretch of ranks.
    middle = int(n * probability)
    first = bisect_left(range(middle), True, key=lambda rank: evidence(rank) < limit)
    after = bisect_left(range(middle, n + 1), True, key=lambda rank: evidence(rank) >= limit) + middle
    low, high = _order_statistic(ordered, first), _order_statistic(ordered, after)
    return Estimate(quantile_of(ordered=ordered, probability=probability), low, high, n, METHOD, confidence)


def upper_quantile(*, ordered: Floats, probability: float, weight: float, alpha: float) -> float | None:
    """One-sided upper bound of a quantile at error probability alpha over all looks; `None` = nothing bounds it yet.

    Arguments and source: `quantile_estimate`. It is the least observation below or at which too many lie for the true
    quantile to be beyond it.

    Example:
        >>> import numpy as np
        >>> upper_quantile(ordered=np.arange(1.0, 1401.0), probability=0.95, weight=350, alpha=0.05)
        1352.0
    """
    _check(probability)
    n, limit = len(ordered), math.log(1 / alpha)
    evidence = _evidence_of(log_evidence_above, n, probability, weight)
    return _order_statistic(ordered, bisect_left(range(n + 1), True, key=lambda rank: evidence(rank) >= limit))


def lower_quantile(*, ordered: Floats, probability: float, weight: float, alpha: float) -> float | None:
    """One-sided lower bound of a quantile; the mirror image of `upper_quantile`.

    Example:
        >>> import numpy as np
        >>> lower_quantile(ordered=np.arange(1.0, 1401.0), probability=0.95, weight=350, alpha=0.05)
        1307.0
    """
    _check(probability)
    n, limit = len(ordered), math.log(1 / alpha)
    evidence = _evidence_of(log_evidence_below, n, probability, weight)
    return _order_statistic(ordered, bisect_left(range(n + 1), True, key=lambda rank: evidence(rank) < limit))


class _Evidence(Protocol):
    def __call__(self, *, successes: Counts, trials: int, share: float, a: float, b: float) -> Floats: ...


def _evidence_of(function: _Evidence, n: int, probability: float, weight: float) -> Callable[[int], float]:
    """The evidence if so many of n observations do not exceed the true quantile."""

    def evidence(rank: int) -> float:
        a, b = probability * weight, (1 - probability) * weight
        return float(function(successes=np.array([rank]), trials=n, share=probability, a=a, b=b)[0])

    return evidence


def _order_statistic(ordered: Floats, rank: int) -> float | None:
    """The rank-th smallest, counted from 1; `None` outside."""
    return float(ordered[rank - 1]) if 1 <= rank <= len(ordered) else None


def _check(probability: float) -> None:
    if not 0 < probability < 1:
        message = f"probability must lie in (0, 1), not {probability}"
        raise ValueError(message)
