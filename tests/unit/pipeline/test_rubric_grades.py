"""Which grades count where a rubric decides: of the segment's rubric, the judge's rater and the present version."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.domain.evidence import GradeColumns, floats, words
from app.domain.words import Rule
from app.pipeline.conversations import by_a_model, pair_values
from app.pipeline.judge_agreement import agreement_of, people_of
from app.pipeline.registration import decided
from app.pipeline.rubric_pairs import rubric_in_use
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Label, Made, made

CRITERIA = [{"text": "answers", "points": 2}]
CONFIGURATION = a_configuration(
    judge={"base_url": "http://127.0.0.1:9000/v1", "model": "judge-1"},
    rubric=[{"name": "support", "criteria": CRITERIA}, {"name": "other", "criteria": CRITERIA, "version": "2"}],
    segment=[
        {"name": "support", "match": {"header": "support"}, "grader": "rubric:support"},
        {"name": "strict", "match": {"header": "strict"}, "grader": "exact", "incumbent_is_reference": True},
    ],
)
USE = rubric_in_use(CONFIGURATION, "rubric:support")
assert USE is not None
VERSION = USE.version or ""


def values_of(grader: str, rater: str, version: str, value: float = 0.8, labels: tuple[Label, ...] = ()) -> Any:
    """One pair of the segment `support` with that grade."""
    all_of = made([Made("a", segment="support", labels=labels)])
    grades = GradeColumns(
        rows=np.array([0]), graders=words([grader]), raters=words([rater]), shown_first=words([None]), values=floats([value]),
        ungraded=words([None]), is_imported=np.array([False]), graded_us=np.array([1]), versions=words([version]),
    )  # fmt: skip
    pairs = replace(all_of.arm.pairs, is_settled=np.array([True]), rules=words([Rule.GRADER.value]))
    arm = replace(all_of.arm, grades=grades, pairs=pairs)
    selection: Any = SimpleNamespace(counted=np.array([True]))
    return all_of, pair_values(CONFIGURATION, all_of.evidence, arm, selection)


@pytest.mark.parametrize(
    ("grader", "rater", "version", "counts"),
    [
        ("rubric:support", "judge-1", VERSION, True),
        ("rubric:support", "judge-1", "older", False),
        ("rubric:support", "judge-2", VERSION, False),
        ("rubric:other", "judge-1", VERSION, False),
        ("judge", "judge-1", VERSION, False),
    ],
)
def test_only_the_present_version_of_the_own_rubric_counts(grader: str, rater: str, version: str, counts: bool) -> None:
    _, values = values_of(grader, rater, version)
    assert values.judged.tolist() == [counts]
    assert (values.values.tolist() == [0.8]) is counts


@pytest.mark.parametrize(("value", "person", "agrees"), [(0.8, 1.0, 1.0), (0.8, 0.0, 0.0), (0.4, 0.0, 1.0), (0.4, 1.0, 0.0)])
def test_people_measure_on_which_side_a_rubric_stands(value: float, person: float, agrees: float) -> None:
    all_of, values = values_of("rubric:support", "judge-1", VERSION, value, (Label(person),))
    found = agreement_of(
        "judge-1", values.grades.where(by_a_model(values.grades)), values, people_of(all_of.arm.labels, 1), all_of.talks
    )
    assert found.accuracy.value == agrees
    assert found.position_consistency_rate is None


def test_the_registration_names_the_rubrics_version_and_draws_for_it() -> None:
    document = decided(CONFIGURATION, 28, {})
    versions = {segment["name"]: segment["grader_version"] for segment in document["segments"]}
    assert versions["support"] == VERSION
    assert document["label_probability"]["support"] > 0
    assert document["label_probability"]["strict"] == 0
