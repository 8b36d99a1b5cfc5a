"""The win rate at equal length: what is left when a judge's liking for longer (or shorter) replies is taken out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from app.domain.estimate import Estimate
from app.statistics.cluster_bootstrap import BootstrapInterval, Numbers, cluster_bootstrap
from app.statistics.sums import Floats

METHOD = "length_controlled_glm"
REFITS = 400
# Each effect but the level counts as much evidence for 0 as a normal prior of this precision (log-odds, in pairs).
PENALTY = 1.0
# The level is free; this only keeps it finite where one side wins every pair.
_LEVEL_PENALTY = 1e-6
_MOST_STEPS, _MOST_STEP, _CLOSE = 60, 4.0, 1e-9
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LengthControl:
    """The fitted model.

    Attributes:
        estimate: Win rate at equal length; `n` is the number of clusters.
        raw: Weighted mean of the same preferences as they are.
        length_effect: `phi`: log-odds for the candidate as the incumbent's reply gets longer; negative = longer replies win.
            `None` where no pair has a length.
    """

    estimate: Estimate
    raw: float | None
    length_effect: float | None


def length_controlled_win_rate(
    *,
    preferences: Floats,
    length_difference: Floats,
    segments: Numbers,
    clusters: Numbers,
    generator: np.random.Generator,
    weights: Floats | None = None,
    refits: int = REFITS,
    confidence: float = 0.95,
) -> LengthControl:
    """Fits the preference on length and segment, and predicts it with the length difference set to zero.

    `P(candidate) = sigmoid(theta + phi tanh(d / sd(d)) + psi_segment)`, fitted with the logistic loss on soft labels (an
    average over both orders is 0, 0.25 … 1) and a weak penalty `PENALTY / 2 (phi² + Σ psi²)` in units of one average pair;
    theta is free. The win rate is the weighted mean of `sigmoid(theta + psi_segment)`. Pairs without a length difference were
    decided by a rule, not by a reader: they count with their own preference.

    Args:
        preferences: Shape (n,), for the candidate, each in [0, 1].
        length_difference: Shape (n,), incumbent's length minus candidate's, in characters; NaN = no reader compared them.
        segments: Shape (n,), each 0, 1, …: the segment's number.
        clusters: Shape (n,): which conversation the pair belongs to; drawn again as a whole.
        generator: Of the bootstrap.
        weights: Shape (n,), each above 0; default: all 1.
        refits: How often the model is fitted anew (with a new `sd(d)`) for the interval.
        confidence: Two-sided, in (0, 1).

    Raises:
        ValueError: If the shapes differ, or a preference or weight is out of range.

    Source: Dubois, Galambosi, Liang, Hashimoto, "Length-controlled AlpacaEval", 2024 (arXiv 2404.04475), with segments in the
        place of an instruction's difficulty, which takes many models; their regularisation by cross-validation is a fixed weak
        one here. The interval is a percentile cluster bootstrap: the leaderboard's standard error is no sampling error.

    Example:
        >>> import numpy as np
        >>> longer = np.tile([-400.0, -100.0, 100.0, 400.0], 50)
        >>> found = length_controlled_win_rate(
        ...     preferences=np.tile([1.0, 1.0, 0.5, 0.5], 50), length_difference=longer, segments=np.zeros(200, dtype=int),
        ...     clusters=np.arange(200), generator=np.random.default_rng(1))
        >>> round(found.raw, 3), round(found.estimate.value, 3), found.length_effect < 0
        (0.75, 0.832, True)
    """
    w = np.ones_like(preferences) if weights is None else np.asarray(weights, dtype=np.float64)
    _check(preferences, length_difference, segments, clusters, w)
    number = len(np.unique(clusters))
    read = ~np.isnan(length_difference)
    if not read.any():
        return LengthControl(Estimate(None, None, None, number, METHOD, confidence), _mean(preferences, w), None)
    model = _Model(preferences, length_difference, segments, w / w[read].mean(), read)
    interval, value, effect = _fitted(model, clusters, generator, refits, confidence)
    estimate = Estimate(value, interval.low, interval.high, number, METHOD, confidence, interval.standard_error)
    return LengthControl(estimate, _mean(preferences, w), effect)


class _Model:
    """Many fits at once: `drawn` has a row a fit, how often each pair was drawn; a fit's columns are phi, theta, each psi."""

    def __init__(self, preferences: Floats, difference: Floats, segments: Numbers, weights: Floats, read: Flags) -> None:
        self.x, self.d, self.w = preferences[read], difference[read], weights[read]
        _, place = np.unique(segments[read], return_inverse=True)
        self.is_in = (place[:, None] == np.arange(place.max() + 1)).astype(np.float64)
        if self.is_in.shape[1] == 1:
            self.is_in = self.is_in[:, :0]
        self.level = np.column_stack([np.ones(len(place)), self.is_in])
        self.size = 1 + self.level.shape[1]
        self.read, self.by_rule = read, (preferences * weights)[~read]
        self.rule_weights = weights[~read]
        self.penalty = np.array([PENALTY, _LEVEL_PENALTY, *[PENALTY] * self.is_in.shape[1]])

    def fitted(self, drawn: Floats, start: Floats) -> Floats:
        """The coefficients of each resample, by Newton's method."""
        w = drawn[:, self.read] * self.w
        pull, fit = self._pull(w), start.copy()
        for _ in range(_MOST_STEPS):
            chance = expit(fit[:, 1:] @ self.level.T + fit[:, :1] * pull)
            error, curve = w * (self.x - chance), w * chance * (1 - chance)
            slope = np.column_stack([(error * pull).sum(axis=1), error @ self.level]) - self.penalty * fit
            step = np.linalg.solve(self._curvature(curve, pull), slope[:, :, None])[:, :, 0]
            step = np.clip(step, -_MOST_STEP, _MOST_STEP)
            fit += step
            if np.abs(step).max(initial=0.0) < _CLOSE:
                break
        return fit

    def win_rates(self, drawn: Floats, fit: Floats) -> Floats:
        """Mean over the drawn pairs with the length difference set to zero."""
        w = drawn[:, self.read] * self.w
        by_rule = drawn[:, ~self.read]
        total = w.sum(axis=1) + by_rule @ self.rule_weights
        at_zero = (w * expit(fit[:, 1:] @ self.level.T)).sum(axis=1)
        with np.errstate(invalid="ignore"):
            return np.asarray((at_zero + by_rule @ self.by_rule) / total, dtype=np.float64)

    def _pull(self, w: Floats) -> Floats:
        """tanh(d / sd(d)) with the standard deviation of what was drawn; 0 where all differences are equal."""
        total = np.maximum(w.sum(axis=1), 1e-300)
        mean = w @ self.d / total
        spread = np.sqrt(np.maximum(0.0, (w * (self.d - mean[:, None]) ** 2).sum(axis=1) / total))
        scale = np.where(spread > 0, spread, np.inf)
        return np.tanh(self.d / scale[:, None])

    def _curvature(self, curve: Floats, pull: Floats) -> Floats:
        size = self.size
        found = np.zeros((len(curve), size, size))
        pulled = curve * pull
        found[:, 0, 0] = (pulled * pull).sum(axis=1)
        found[:, 0, 1:] = found[:, 1:, 0] = pulled @ self.level
        by_level = curve @ self.level
        # A pair lies in one segment: no two segments meet.
        found[:, 1, 1:] = found[:, 1:, 1] = by_level
        place = np.arange(2, size)
        found[:, place, place] = by_level[:, 1:]
        found[:, np.arange(size), np.arange(size)] += self.penalty
        return found


def _fitted(
    model: _Model, clusters: Numbers, generator: np.random.Generator, refits: int, confidence: float
) -> tuple[BootstrapInterval, float, float]:
    """The interval, the win rate at equal length and phi."""
    once = np.ones((1, len(clusters)))
    start = model.fitted(once, np.zeros((1, model.size)))
    interval = cluster_bootstrap(
        clusters=clusters,
        statistic=lambda drawn: model.win_rates(drawn, model.fitted(drawn, np.repeat(start, len(drawn), axis=0))),
        generator=generator,
        resamples=refits,
        confidence=confidence,
    )
    return interval, float(model.win_rates(once, start)[0]), float(start[0, 0])


def _mean(preferences: Floats, weights: Floats) -> float | None:
    return float(np.average(preferences, weights=weights)) if len(preferences) else None


def _check(preferences: Floats, difference: Floats, segments: Numbers, clusters: Numbers, weights: Floats) -> None:
    if len({column.shape for column in (preferences, difference, segments, clusters, weights)}) != 1:
        message = f"all columns must have the same shape (n,), not {preferences.shape}, {difference.shape}, {segments.shape}"
        raise ValueError(message)
    for wrong in preferences[~((preferences >= 0) & (preferences <= 1))]:
        message = f"preferences must lie in [0, 1], not {wrong}"
        raise ValueError(message)
    for wrong in weights[~((weights > 0) & np.isfinite(weights))]:
        message = f"weights must be above 0, not {wrong}"
        raise ValueError(message)
