"""From two scores to a pair's grade: sides, reasons, and what has still to be asked."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.exchange import Reply
from app.domain.grading import PairKey, PairRecord
from app.domain.rubric_scores import CriterionMet, Score
from app.domain.words import Rule
from app.pipeline.rubric_pairs import rubric_in_use, scored_pair, settle_by_rubric, settle_scored
from tests.builders import a_configuration
from tests.stored_pairs import ARRIVED, a_request

INCUMBENT, ARM, OTHER = 1, 2, 3
JUDGE = {"base_url": "http://127.0.0.1:9000/v1", "model": "judge-1"}
CRITERIA = [{"text": "answers", "points": 2}, {"text": "invents", "points": -2, "critical": True}]
CONFIGURATION = a_configuration(
    judge=JUDGE,
    rubric=[{"name": "support", "criteria": CRITERIA}],
    segment=[{"name": "support", "match": {"header": "support"}, "grader": "rubric:support"}],
)
FOUND = rubric_in_use(CONFIGURATION, "rubric:support")
assert FOUND is not None
USE = FOUND


def a_score(arm: int, *met: float, ungraded: str | None = None, **more: Any) -> Score:
    value = None if ungraded else met[0] - met[1]
    score = Score(arm, "rubric:support", USE.version or "", value, ungraded, tuple(CriterionMet(share) for share in met))
    return replace(score, **more)


def a_record(*scores: Score, request: dict[str, Any] | None = None) -> PairRecord:
    return PairRecord(
        PairKey(7, ARM),
        "e-1",
        ARRIVED,
        "support",
        "captured",
        0.0,
        request or a_request(),
        Reply("a"),
        Reply("b"),
        scores=scores,
    )


@pytest.mark.parametrize(
    ("incumbent", "other", "value", "critical"),
    [
        ((1.0, 0.0), (0.0, 0.0), 0.0, {}),
        ((0.0, 0.0), (1.0, 0.0), 1.0, {}),
        ((1.0, 0.0), (0.8, 0.0), 0.4, {}),
        ((1.0, 0.0), (1.0, 1.0), 0.0, {"arm": ["invents"]}),
        ((1.0, 1.0), (1.0, 0.0), 1.0, {"incumbent": ["invents"]}),
    ],
)
def test_the_better_score_wins_by_half_the_difference(
    incumbent: tuple[float, float], other: tuple[float, float], value: float, critical: dict[str, list[str]]
) -> None:
    for scores in (
        (a_score(INCUMBENT, *incumbent), a_score(ARM, *other)),
        (a_score(ARM, *other), a_score(INCUMBENT, *incumbent)),
    ):
        grade = scored_pair(a_record(*scores), USE, INCUMBENT).grade("judge-1")
        assert grade is not None
        assert grade.value == pytest.approx(value)
        assert grade.facts["critical"] == critical
        assert grade.facts["scores"] == {"incumbent": incumbent[0] - incumbent[1], "arm": other[0] - other[1]}
        assert (grade.grader, grade.rater, grade.version, grade.shown_first) == ("rubric:support", "judge-1", USE.version, None)


@pytest.mark.parametrize(
    ("scores", "missing"),
    [
        ((), (INCUMBENT, ARM)),
        ((a_score(INCUMBENT, 1, 0),), (ARM,)),
        ((a_score(ARM, 1, 0),), (INCUMBENT,)),
        ((a_score(INCUMBENT, 1, 0), a_score(ARM, 0, 0)), ()),
        ((a_score(ARM, ungraded="unparsed"),), ()),
        ((a_score(INCUMBENT, 1, 0, version="older"),), (INCUMBENT, ARM)),
        ((a_score(INCUMBENT, 1, 0, grader="rubric:other"),), (INCUMBENT, ARM)),
        ((a_score(OTHER, 1, 0),), (INCUMBENT, ARM)),
    ],
)
def test_what_has_still_to_be_scored(scores: tuple[Score, ...], missing: tuple[int, ...]) -> None:
    pair = scored_pair(a_record(*scores), USE, INCUMBENT)
    assert pair.missing == missing
    assert (pair.grade("judge-1") is None) == bool(missing)


@pytest.mark.parametrize(("arm", "whose"), [(INCUMBENT, "incumbent's"), (ARM, "candidate's")])
def test_a_reply_without_a_score_says_whose_it_is(arm: int, whose: str) -> None:
    grade = scored_pair(a_record(a_score(arm, ungraded="refused")), USE, INCUMBENT).grade("judge-1")
    assert grade is not None
    assert (grade.value, grade.ungraded, whose in grade.reason) == (None, "refused", True)
    assert grade.facts["unscored"] == {"incumbent" if arm == INCUMBENT else "arm": "refused"}


def test_what_becomes_of_a_pair_without_asking() -> None:
    open_pair, done = scored_pair(a_record(), USE, INCUMBENT), scored_pair(a_record(a_score(1, 1, 0), a_score(2, 1, 0)), USE, 1)
    waits, none = settle_by_rubric(open_pair, "judge-1", {}, missing=None, nobody="not_imported")
    assert (waits.is_settled, waits.rule, none) == (False, Rule.GRADER, None)
    assert settle_by_rubric(open_pair, "judge-1", {}, missing="no_text", nobody="not_imported")[0].ungraded == "no_text"
    settled, grade = settle_by_rubric(done, "judge-1", {}, missing="no_content", nobody="not_imported")
    assert (settled.is_settled, settled.ungraded, grade is not None) == (True, None, True)
    nobody = scored_pair(a_record(), replace(USE, version=None), INCUMBENT)
    assert settle_by_rubric(nobody, "judge-1", {}, missing=None, nobody="not_imported")[0].ungraded == "not_imported"
    unasked = settle_scored(PairKey(7, ARM), None, {"a": 1}, unasked="over_budget")
    assert (unasked.ungraded, unasked.facts) == ("over_budget", {"a": 1, "unasked": "over_budget"})


def test_nobody_is_asked_without_an_address_and_other_graders_are_no_rubric() -> None:
    assert rubric_in_use(CONFIGURATION, "judge") is None
    silent = a_configuration(judge={"rater": "gpt-4"}, rubric=[{"name": "support", "criteria": CRITERIA}])
    use = rubric_in_use(silent, "rubric:support")
    assert use is not None
    assert use.version is None
