"""How far a judge agrees with people: share of equal answers and Cohen's kappa, with errors clustered by pair."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from app.domain.estimate import Estimate
from app.statistics.fixed_sample import wilson
from app.statistics.sums import Floats

ACCURACY_METHOD = "wilson_clustered"
KAPPA_METHOD = "cohen_clustered"
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


def accuracy_estimate(*, agrees: Flags, clusters: Numbers, confidence: float = 0.95) -> Estimate:
    """Share of answers that agree, with Wilson's interval at the effective number of answers.

    Two answers about one pair are no two witnesses: the number of answers is divided by the design effect (variance of the
    share with errors clustered, over the variance without), which is at least 1.

    Args:
        agrees: Shape (n,): does the answer agree?
        clusters: Shape (n,): which pair (or conversation) the answer is about.
        confidence: Two-sided, in (0, 1).

    Returns:
        An estimate whose `n` is the number of answers; everything `None` without any.

    Source: Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated
        from survey data", Survey Methodology 24 (1998): Wilson with an effective sample size.

    Example:
        >>> import numpy as np
        >>> agrees = np.array([True, True, True, False, True, True])
        >>> estimate = accuracy_estimate(agrees=agrees, clusters=np.array([0, 0, 1, 1, 2, 2]))
        >>> round(estimate.value, 4), round(estimate.low, 4), round(estimate.high, 4)
        (0.8333, 0.4033, 0.9737)
    """
    n = len(agrees)
    if n == 0:
        return Estimate(None, None, None, 0, ACCURACY_METHOD, confidence)
    share = float(np.mean(agrees))
    plain = share * (1 - share) / n
    # Where all answers are alike no spread is measurable: then every pair counts once.
    variance = _clustered_variance(np.asarray(agrees - share, dtype=np.float64), clusters) if plain else math.inf
    pairs = len(np.unique(clusters))
    effective = n / max(1.0, min(variance / plain if plain else math.inf, n / pairs))
    low, high = wilson(successes=share * effective, trials=effective, confidence=confidence)
    return Estimate(share, low, high, n, ACCURACY_METHOD, confidence)


def kappa_estimate(*, first: Flags, second: Flags, clusters: Numbers, confidence: float = 0.95) -> Estimate:
    """Cohen's kappa of two raters who each choose one of two sides.

    Args:
        first: Shape (n,): does the one rater choose the candidate?
        second: Shape (n,): does the other?
        clusters: Shape (n,): which pair the answers are about; answers of one cluster may depend on each other.
        confidence: Two-sided, in (0, 1).

    Returns:
        An estimate whose `n` is the number of answers. The value is `None` without answers and where both raters always
        choose the same one side, as then agreement by chance is certain. With clusters of one answer the standard error is
        the large-sample one of Fleiss, Cohen and Everitt, with n - 1 for n.

    Source: Cohen, "A coefficient of agreement for nominal scales", 1960; Fleiss, Cohen, Everitt, "Large sample standard
        errors of kappa and weighted kappa", Psychological Bulletin 72 (1969).

    Example:
        >>> import numpy as np
        >>> first = np.repeat([True, True, False, False], [20, 5, 10, 15])
        >>> second = np.repeat([True, False, True, False], [20, 5, 10, 15])
        >>> round(kappa_estimate(first=first, second=second, clusters=np.arange(50)).value, 4)
        0.4
    """
    n = len(first)
    if n == 0:
        return Estimate(None, None, None, 0, KAPPA_METHOD, confidence)
    agrees = first == second
    observed, p, q = float(np.mean(agrees)), float(np.mean(first)), float(np.mean(second))
    chance = p * q + (1 - p) * (1 - q)
    if chance >= 1:
        return Estimate(None, None, None, n, KAPPA_METHOD, confidence)
    kappa = (observed - chance) / (1 - chance)
    # Each answer's part in kappa to first order (infinitesimal jackknife).
    chance_part = (first - p) * (2 * q - 1) + (second - q) * (2 * p - 1)
    part = (agrees - observed) / (1 - chance) - (1 - observed) / (1 - chance) ** 2 * chance_part
    error = math.sqrt(_clustered_variance(part, clusters))
    if not math.isfinite(error):
        return Estimate(kappa, None, None, n, KAPPA_METHOD, confidence)
    half = float(norm.isf((1 - confidence) / 2)) * error
    return Estimate(kappa, max(-1.0, kappa - half), min(1.0, kappa + half), n, KAPPA_METHOD, confidence, error)


def _clustered_variance(parts: Floats, clusters: Numbers) -> float:
    """Variance of the mean of the parts (which add up to 0) when those of one cluster may depend; infinite for one cluster."""
    _, index = np.unique(clusters, return_inverse=True)
    totals = np.bincount(index, weights=np.asarray(parts, dtype=np.float64))
    groups = len(totals)
    return math.inf if groups == 1 else float((totals**2).sum()) * groups / (groups - 1) / len(parts) ** 2
