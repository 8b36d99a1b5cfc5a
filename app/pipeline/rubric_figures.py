"""What rubrics say of both arms' replies, for the scorecard: mean scores, the criteria that differ, critical faults."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.estimate import Estimate
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Evidence, Flags, Floats, Numbers
from app.domain.rubric_columns import ScoreColumns
from app.domain.rubric_model import CriterionModel, RubricCriticalModel, RubricModel
from app.domain.rubric_table import Criterion, is_rubric
from app.graders.rubric import IS_MET
from app.pipeline.conversations import Conversations, PairValues
from app.pipeline.critical import NAMED, critical_rate
from app.pipeline.groups import conversation_sums
from app.pipeline.rubric_pairs import RubricInUse, rubric_in_use
from app.statistics.fixed_sample import WILSON_METHOD, wilson
from app.statistics.proportions import paired_mean_difference
from app.statistics.sums import Sums
from app.statistics.weighted_mean import weighted_mean_estimate

# By grader and arm.
Scores = Mapping[tuple[str, str], ScoreColumns]


@dataclass(frozen=True, slots=True, eq=False)
class _Both:
    """The exchanges of one rubric both of whose replies are scored."""

    use: RubricInUse
    segments: tuple[str, ...]
    sides: tuple[ScoreColumns, ScoreColumns]
    counted: Flags
    rows: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class RubricFigures:
    """One candidate's."""

    rubrics: dict[str, RubricModel]
    critical: RubricCriticalModel


def rubrics_in_use(configuration: PilotConfiguration) -> dict[str, RubricInUse]:
    """The rubrics of a pilot's segments that a judge can be asked about, by grader."""
    graders = {segment.grader for segment in configuration.segment if is_rubric(segment.grader)}
    found = {grader: rubric_in_use(configuration, grader) for grader in sorted(graders)}
    return {grader: use for grader, use in found.items() if use is not None and use.version is not None}


def rubric_figures(
    configuration: PilotConfiguration,
    evidence: Evidence,
    scores: Scores,
    arms: tuple[str, str],
    pairs: PairValues,
    talks: Conversations,
) -> RubricFigures:
    """What the scorecard says of one candidate's rubrics.

    Args:
        configuration: The rubrics, and which segments they grade.
        evidence: With the weights of the pairs.
        scores: By grader and arm, in the evidence's rows.
        arms: The incumbent's name and the candidate's.
        pairs: The pairs that count.
        talks: Which conversation each exchange belongs to.
    """
    both = list(_both(configuration, evidence, scores, arms, pairs))
    weights = 1.0 / evidence.exchanges.inclusion_probability
    rubrics = {each.use.rubric.grader: _model(each, talks, weights) for each in both}
    return RubricFigures(rubrics, _critical(both, evidence, talks, weights))


def _both(
    configuration: PilotConfiguration, evidence: Evidence, scores: Scores, arms: tuple[str, str], pairs: PairValues
) -> Iterator[_Both]:
    for grader, use in rubrics_in_use(configuration).items():
        if any((grader, arm) not in scores for arm in arms):
            continue
        segments = tuple(segment.name for segment in configuration.segment if segment.grader == grader)
        inside = np.isin(evidence.exchanges.segments, segments)
        counted = np.asarray(pairs.counted & pairs.by_grade & inside, dtype=bool)
        sides = scores[grader, arms[0]], scores[grader, arms[1]]
        rows = np.flatnonzero(counted & sides[0].is_scored & sides[1].is_scored)
        yield _Both(use, segments, sides, counted, rows)


def _model(both: _Both, talks: Conversations, weights: Floats) -> RubricModel:
    by_talk = _ByTalk.of(both.rows, talks, weights)
    incumbent, candidate = (by_talk.means(side.values) for side in both.sides)
    known, unscored = both.rows, [int((both.counted & side.is_there & ~side.is_scored).sum()) for side in both.sides]
    unquoted = [int(side.unquoted[known].sum()) for side in both.sides]
    return RubricModel(
        segments=list(both.segments),
        version=both.use.version or "",
        exchanges=len(known),
        incumbent_score=EstimateModel.of(_clipped(weighted_mean_estimate(values=incumbent, weights=by_talk.weights))),
        candidate_score=EstimateModel.of(_clipped(weighted_mean_estimate(values=candidate, weights=by_talk.weights))),
        difference=EstimateModel.of(weighted_mean_estimate(values=candidate - incumbent, weights=by_talk.weights)),
        criteria=_criteria(both, by_talk),
        incumbent_unquoted=unquoted[0],
        candidate_unquoted=unquoted[1],
        incumbent_unscored=unscored[0],
        candidate_unscored=unscored[1],
    )


def _criteria(both: _Both, by_talk: "_ByTalk") -> list[CriterionModel]:
    if not len(both.rows):
        return []
    models = [_criterion(each, place, both, by_talk) for place, each in enumerate(both.use.rubric.criteria)]
    return sorted(models, key=lambda model: -abs(model.difference.value or 0.0))


def _criterion(criterion: Criterion, place: int, both: _Both, by_talk: "_ByTalk") -> CriterionModel:
    incumbent, candidate = (by_talk.means(side.met[:, place]) for side in both.sides)
    return CriterionModel(
        text=criterion.text,
        points=criterion.points,
        critical=criterion.is_critical,
        incumbent_rate=EstimateModel.of(_share(incumbent, by_talk.weights)),
        candidate_rate=EstimateModel.of(_share(candidate, by_talk.weights)),
        difference=EstimateModel.of(paired_mean_difference(first=candidate, second=incumbent, weights=by_talk.weights)),
    )


def _critical(both: Sequence[_Both], evidence: Evidence, talks: Conversations, weights: Floats) -> RubricCriticalModel:
    """Both arms' critical faults over all rubrics that name one; an exchange is of one segment, so of one rubric."""
    size = len(evidence.exchanges)
    scored, marked = np.zeros(size, dtype=bool), np.zeros((2, size), dtype=bool)
    for each in both:
        places = [place for place, criterion in enumerate(each.use.rubric.criteria) if criterion.is_critical]
        if places:
            scored[each.rows] = True
            for side, columns in enumerate(each.sides):
                marked[side, each.rows] = (columns.met[each.rows][:, places] >= IS_MET).any(axis=1)
    incumbent, candidate = (
        critical_rate(conversation_sums(side.astype(np.float64), scored, talks, weights)) for side in marked
    )
    return RubricCriticalModel(
        scored=int(scored.sum()),
        candidate_marked=int(marked[1].sum()),
        incumbent_marked=int(marked[0].sum()),
        candidate_rate=EstimateModel.of(candidate),
        incumbent_rate=EstimateModel.of(incumbent),
        exchanges=evidence.exchanges.external_ids[marked[1]][:NAMED].tolist(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _ByTalk:
    """Some exchanges by conversation: one value each, the mean of its exchanges', and its weight."""

    rows: Numbers
    place: Numbers
    number: Numbers
    weights: Floats

    @classmethod
    def of(cls, rows: Numbers, talks: Conversations, weights: Floats) -> "_ByTalk":
        _, place, number = np.unique(talks.of_row[rows], return_inverse=True, return_counts=True)
        return cls(
            rows, place, number, np.bincount(place, weights=weights[rows], minlength=len(number)) / np.maximum(number, 1)
        )

    def means(self, column: Floats) -> Floats:
        total = np.bincount(self.place, weights=column[self.rows], minlength=len(self.number))
        return np.asarray(total / np.maximum(self.number, 1), dtype=np.float64)


def _share(values: Floats, weights: Floats) -> Estimate:
    """Wilson's interval at the effective number of conversations."""
    sums = Sums.of(values=values, weights=weights)
    mean, n = sums.mean or 0.0, sums.effective_n
    low, high = wilson(successes=mean * n, trials=n)
    return Estimate(mean, low, high, sums.n, WILSON_METHOD)


def _clipped(estimate: Estimate) -> Estimate:
    """A mean score between 0 and 1; single ones are not clipped."""
    value, low, high = (None if x is None else min(max(x, 0.0), 1.0) for x in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=low, high=high)
