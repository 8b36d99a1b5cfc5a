"""Holds back what only looks good enough because a pair's preference ends at 0 and 1: heavy faults that are rare."""

from collections.abc import Mapping
from dataclasses import replace

from app.domain.rubric_model import RubricModel
from app.domain.scorecard import SegmentModel
from app.domain.words import GateOutcome
from app.pipeline.quality import Judged

RUBRIC_CUT = "rubric_scores_cut"
PAR = 0.5


def hold_cut_scores(quality: Judged, rubrics: Mapping[str, RubricModel]) -> Judged:
    """The same, with nothing passing whose mean score difference itself lies below the limit.

    Args:
        quality: What the rule says of preferences, each of which is the score difference cut at 0 and 1.
        rubrics: Mean score differences that are not cut, by the rubric.
    """
    segments, ruled = dict(quality.segments), quality.ruled
    for rubric in rubrics.values():
        if rubric.difference.value is None:
            continue
        linear = PAR + rubric.difference.value / 2
        for name in rubric.segments:
            if name in segments:
                segments[name] = _held(segments[name], linear)
        if ruled.outcome is GateOutcome.PASSES and linear <= quality.terms.threshold:
            words = f"{ruled.reason}; but {_words(linear, quality.terms.threshold)}"
            codes = (*ruled.codes, RUBRIC_CUT)
            ruled = replace(ruled, outcome=GateOutcome.UNKNOWN, reason=words, is_held_back=True, codes=codes)
    model = quality.model.model_copy(update={"is_held_back": ruled.is_held_back})
    return replace(quality, segments=segments, ruled=ruled, model=model)


def _held(segment: SegmentModel, linear: float) -> SegmentModel:
    limit = PAR - (segment.margin or 0.0)
    if segment.outcome is not GateOutcome.PASSES or linear > limit:
        return segment
    words = f"{segment.reason}; but {_words(linear, limit)}"
    return segment.model_copy(update={"outcome": GateOutcome.UNKNOWN, "reason": words, "is_held_back": True})


def _words(linear: float, limit: float) -> str:
    return (
        f"half the mean difference of the rubric's scores lies at {linear:.1%}, not above the limit {limit:.1%}: rare heavy "
        "faults weigh more than a single pair can show"
    )
