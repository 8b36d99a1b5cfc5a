"""Always-valid bounds of a rate from counts: how often a server failed."""

import math

import numpy as np
from scipy.optimize import brentq

from app.domain.estimate import Estimate
from app.statistics.binomial_mixture import log_evidence_above

METHOD = "beta_binomial_mixture"
# Jeffreys' prior: heavy near 0 and 1, where failure rates live.
_PRIOR = 0.5


def upper_rate(*, events: int, trials: int, alpha: float) -> float:
    """One-sided upper bound that the true rate never exceeds, at any look, with probability 1 - alpha.

    Exact for independent trials, and for dependent ones whose chance given the past is never above the rate.

    Args:
        events: Number of trials in which it happened, in [0, trials].
        trials: n ≥ 0; without trials the bound is 1.
        alpha: Error probability over all looks together, in (0, 1).

    Raises:
        ValueError: If an argument is out of range.

    Source: see `app.statistics.binomial_mixture`; the prior is Jeffreys' Beta(1/2, 1/2), cut at the rate that is tested.

    Example:
        >>> round(upper_rate(events=0, trials=1400, alpha=0.05), 5)
        0.0027
    """
    _check(events=events, trials=trials, alpha=alpha)
    if events == trials:
        return 1.0
    return 1.0 - _lower(trials - events, trials, alpha)


def lower_rate(*, events: int, trials: int, alpha: float) -> float:
    """One-sided lower bound of the rate; the mirror image of `upper_rate`.

    Example:
        >>> round(lower_rate(events=60, trials=1400, alpha=0.05), 5)
        0.02585
    """
    _check(events=events, trials=trials, alpha=alpha)
    return 0.0 if events == 0 else _lower(events, trials, alpha)


def rate_estimate(*, events: int, trials: int, confidence: float = 0.95) -> Estimate:
    """The observed rate with both one-sided bounds at half of the error probability; unknown without trials.

    Example:
        >>> estimate = rate_estimate(events=20, trials=1000)
        >>> estimate.value, round(estimate.low, 4), round(estimate.high, 4)
        (0.02, 0.0074, 0.0379)
    """
    if trials == 0:
        return Estimate(None, None, None, 0, METHOD, confidence)
    alpha = (1 - confidence) / 2
    low, high = (bound(events=events, trials=trials, alpha=alpha) for bound in (lower_rate, upper_rate))
    return Estimate(events / trials, low, high, trials, METHOD, confidence)


def _lower(events: int, trials: int, alpha: float) -> float:
    """Largest rate below the observed one that the evidence refutes, by bisection on the observed side."""
    counts = np.array([events])

    def excess(rate: float) -> float:
        evidence = log_evidence_above(successes=counts, trials=trials, share=rate, a=_PRIOR, b=_PRIOR)
        return float(evidence[0]) + math.log(alpha)

    observed, least = events / trials, 1e-12
    most = min(observed, 1 - 1e-12)
    return float(brentq(excess, least, most, xtol=1e-12)) if excess(least) > 0 > excess(most) else 0.0


def _check(*, events: int, trials: int, alpha: float) -> None:
    if trials < 0 or not 0 <= events <= trials:
        message = f"events must lie in [0, trials], not {events} of {trials}"
        raise ValueError(message)
    if not 0 < alpha < 1:
        message = f"alpha must lie in (0, 1), not {alpha}"
        raise ValueError(message)
