"""Exact always-valid evidence about a share: likelihood ratios averaged over a beta prior.

For 0/1 observations with probability p, the ratio of `∫ θ^k (1-θ)^(n-k) dBeta(θ)` to `p^k (1-p)^(n-k)` is a martingale that
starts at 1, so the chance that it ever reaches 1/alpha is at most alpha (Ville). Averaging only over θ on one side of p gives a
one-sided test that also holds for every probability beyond p.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, betaln

from app.statistics.sums import Floats

Counts = NDArray[np.int64]


def log_evidence(*, successes: Counts, trials: int, share: float, a: float, b: float) -> Floats:
    """Log of the mixture ratio against `share`; two-sided. At or above log(1/alpha) the share is refuted.

    Args:
        successes: Shape (m,), each in [0, trials].
        trials: n ≥ 0.
        share: p in (0, 1).
        a: First parameter of the beta prior, above 0.
        b: Second parameter, above 0.

    Source: Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm
        identification", Bernoulli 2022 (arXiv 1906.09712); Robbins, "Statistical methods related to the law of the iterated
        logarithm", Annals of Mathematical Statistics 1970.

    Example:
        >>> import numpy as np
        >>> log_evidence(successes=np.array([10, 18]), trials=20, share=0.5, a=0.5, b=0.5).round(2)
        array([-1.74,  5.61])
    """
    _check(trials=trials, share=share, a=a, b=b)
    k = np.asarray(successes, dtype=np.float64)
    value = betaln(k + a, trials - k + b) - betaln(a, b) - k * math.log(share) - (trials - k) * math.log1p(-share)
    return np.asarray(value, dtype=np.float64)


def log_evidence_below(*, successes: Counts, trials: int, share: float, a: float, b: float) -> Floats:
    """Like `log_evidence`, but against every probability from `share` upwards: few successes speak against it."""
    k = np.asarray(successes, dtype=np.float64)
    posterior, prior = np.asarray(betainc(k + a, trials - k + b, share), np.float64), float(betainc(a, b, share))
    return _sum(log_evidence(successes=successes, trials=trials, share=share, a=a, b=b), posterior, prior)


def log_evidence_above(*, successes: Counts, trials: int, share: float, a: float, b: float) -> Floats:
    """Like `log_evidence`, but against every probability up to `share`: many successes speak against it."""
    k = np.asarray(successes, dtype=np.float64)
    posterior, prior = np.asarray(betaincc(k + a, trials - k + b, share), np.float64), float(betaincc(a, b, share))
    return _sum(log_evidence(successes=successes, trials=trials, share=share, a=a, b=b), posterior, prior)


def _sum(both_sides: Floats, posterior: Floats, prior: float) -> Floats:
    # A share of 0 = the data lie so far on the other side that the double underflows: -inf, no evidence.
    with np.errstate(divide="ignore"):
        one_side = np.log(posterior) - math.log(prior)
    return np.asarray(both_sides + one_side, dtype=np.float64)


def _check(*, trials: int, share: float, a: float, b: float) -> None:
    for name, value, is_right in (
        ("trials", trials, trials >= 0),
        ("share", share, 0 < share < 1),
        ("a", a, a > 0),
        ("b", b, b > 0),
    ):
        if not is_right:
            message = f"{name} is out of range: {value}"
            raise ValueError(message)
