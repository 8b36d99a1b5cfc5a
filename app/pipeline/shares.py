"""Of the candidate's answers, the shares that are better, the same and worse: by people's drawn labels, and by the judge."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from app.domain.estimate import Estimate
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Evidence, Flags, Floats, LabelColumns, Numbers
from app.domain.groups import BusinessQuality, SharesModel
from app.pipeline.conversations import Conversations, PairValues
from app.pipeline.judge_agreement import people_of
from app.statistics.fixed_sample import WILSON_METHOD, wilson

TIE = 0.5
CONFIDENCE = 0.95
NORMAL = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
SHARES: dict[str, Callable[[Floats], Flags]] = {
    "better": lambda values: np.asarray(values > TIE, dtype=bool),
    "same": lambda values: np.asarray(values == TIE, dtype=bool),
    "worse": lambda values: np.asarray(values < TIE, dtype=bool),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """Conversations of which a drawn pair has a person's answer.

    Attributes:
        talks: Their numbers.
        values: What the person said.
        weights: 1 / (the chance to be drawn x the chance to be in the sample).
    """

    talks: Numbers
    values: Floats
    weights: Floats


def shares_of(evidence: Evidence, labels: LabelColumns, pairs: PairValues, talks: Conversations) -> BusinessQuality:
    """Both sources over the pairs that count.

    What rules decide (a failure, a broken format, an equal answer) is known of every pair. What they leave open is
    estimated: by people from the drawn pairs with an answer, by the judge from its own grades. Skipped ones are left out.
    """
    weights = 1.0 / evidence.exchanges.inclusion_probability
    there = pairs.counted & (talks.of_row >= 0) & (pairs.by_grade | ~np.isnan(pairs.values))
    known = there & ~np.isnan(pairs.values)
    looked = _looked(labels, pairs, talks, weights, there)
    return BusinessQuality(
        by_people=SharesModel(
            **{name: _by_people(is_so, looked, pairs, talks, weights, there) for name, is_so in SHARES.items()}
        ),
        by_judge=SharesModel(**{name: _by_judge(is_so(pairs.values), talks, weights, known) for name, is_so in SHARES.items()}),
        looked_at=len(looked.talks),
    )


def _looked(labels: LabelColumns, pairs: PairValues, talks: Conversations, weights: Floats, there: Flags) -> _Looked:
    people = people_of(labels, len(pairs.values))
    chance = np.full(len(pairs.values), np.nan)
    given = ~np.isnan(labels.draw_probability)
    chance[labels.rows[given]] = labels.draw_probability[given]
    rows = np.flatnonzero(there & pairs.by_grade & people.drawn & ~np.isnan(people.preferences))
    _, first = np.unique(talks.of_row[rows], return_index=True)
    rows = rows[first]
    return _Looked(talks.of_row[rows], people.preferences[rows], weights[rows] / chance[rows])


def _means(values: Floats, talks: Conversations, chosen: Flags) -> Floats:
    """Mean of each conversation's chosen rows; NaN where it has none."""
    size = len(talks.days)
    total = np.bincount(talks.of_row[chosen], weights=values[chosen], minlength=size)
    number = np.bincount(talks.of_row[chosen], minlength=size)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / number, dtype=np.float64)


def _by_judge(is_so: Flags, talks: Conversations, weights: Floats, known: Flags) -> EstimateModel:
    mean, weight = _means(is_so.astype(np.float64), talks, known), _means(weights, talks, known)
    found = ~np.isnan(mean)
    return _share(mean[found], weight[found])


def _by_people(
    is_so: Callable[[Floats], Flags], looked: _Looked, pairs: PairValues, talks: Conversations, weights: Floats, there: Flags
) -> EstimateModel:
    """What rules decide, plus the part that they leave open times what people say of it.

    Two errors add up in squares: people looked at some of what is open, and the conversations are a sample themselves.
    """
    ruled = is_so(pairs.values) & ~pairs.by_grade
    by_rule, left = _means(ruled.astype(np.float64), talks, there), _means(pairs.by_grade.astype(np.float64), talks, there)
    weight = _means(weights, talks, there)
    found = ~np.isnan(left)
    if not found.any() or not len(looked.talks):
        return EstimateModel(method=WILSON_METHOD)
    rule_share = float(np.average(by_rule[found], weights=weight[found]))
    open_share = float(np.average(left[found], weights=weight[found]))
    told = _share(is_so(looked.values).astype(np.float64), looked.weights * left[looked.talks])
    if told.value is None or told.low is None or told.high is None:
        return told
    value = rule_share + open_share * told.value
    sampled = NORMAL * _error(by_rule[found] + left[found] * told.value, weight[found])
    below, above = (math.hypot(open_share * (told.value - end), sampled) for end in (told.low, told.high))
    return told.model_copy(update={"value": value, "low": max(0.0, value - below), "high": min(1.0, value + above)})


def _error(values: Floats, weights: Floats) -> float:
    """Standard error of a weighted mean."""
    mean = float(np.average(values, weights=weights))
    return float(np.sqrt(((weights * (values - mean)) ** 2).sum()) / weights.sum())


def _share(values: Floats, weights: Floats) -> EstimateModel:
    """The weighted mean with Wilson's interval at the effective number of conversations (Kish)."""
    if not len(values) or not weights.sum():
        return EstimateModel(method=WILSON_METHOD)
    mean, effective = float(np.average(values, weights=weights)), float(weights.sum() ** 2 / (weights**2).sum())
    low, high = wilson(successes=min(mean, 1.0) * effective, trials=effective, confidence=CONFIDENCE)
    return EstimateModel.of(Estimate(mean, low, high, len(values), WILSON_METHOD, CONFIDENCE))
