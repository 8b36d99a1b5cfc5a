"""A pass that hangs on preferences being cut at 0 and 1 is held back."""

from dataclasses import replace

import pytest

from app.domain.estimate_models import EstimateModel
from app.domain.rubric_model import RubricModel
from app.domain.words import GateOutcome
from app.pipeline.rubric_hold import RUBRIC_CUT, hold_cut_scores
from tests.unit.pipeline.test_quality import evidence_with, judged, rows_of


@pytest.mark.parametrize(
    ("difference", "outcome"),
    [(-0.9, GateOutcome.UNKNOWN), (-0.1, GateOutcome.UNKNOWN), (-0.09, GateOutcome.PASSES), (0.9, GateOutcome.PASSES)],
)
def test_the_mean_score_difference_must_clear_the_limit_itself(difference: float, outcome: GateOutcome) -> None:
    found = judged(evidence_with(rows_of({"a": 0.6, "b": 0.6})))
    assert found.gate is GateOutcome.PASSES
    rubric = RubricModel(segments=["a"], difference=EstimateModel(value=difference, n=500))
    held = hold_cut_scores(found, {"rubric:support": rubric})
    assert (held.gate, held.segments["a"].outcome) == (outcome, outcome)
    assert held.segments["b"] == found.segments["b"]
    assert (RUBRIC_CUT in held.ruled.codes) is (outcome is GateOutcome.UNKNOWN)
    assert held.model.is_held_back is (outcome is GateOutcome.UNKNOWN)


def test_what_fails_or_has_no_scores_stays_as_it_is() -> None:
    found = judged(evidence_with(rows_of({"a": 0.2, "b": 0.2})))
    rubric = RubricModel(segments=["a"], difference=EstimateModel(value=-0.9, n=500))
    assert hold_cut_scores(found, {"r": rubric}).gate is GateOutcome.FAILS
    passing = replace(found, ruled=replace(found.ruled, outcome=GateOutcome.PASSES))
    assert hold_cut_scores(passing, {"r": RubricModel(segments=["a"])}).gate is GateOutcome.PASSES
