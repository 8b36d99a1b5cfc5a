"""The course of one pair: which orders are asked, and whose preference an answer is."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.domain.exchange import Json, Reply
from app.domain.grading import NewGrade, PairRecord
from app.domain.second_order import in_random_tenth
from app.graders.judge_answer import JudgeAnswer
from app.pipeline.judge_asking import Asked
from app.pipeline.pairwise import PairwiseCourse, comparison_of, facts_of
from app.pipeline.settlement import judge_of
from tests.unit.pipeline.test_settlement import JUDGE, a_pilot, a_record

OURS, THEIRS = Reply("the incumbent says this"), Reply("the candidate says that")
DRAWN = next(name for name in map("e-{}".format, range(999)) if in_random_tenth(name, "qwen"))
OTHERS = [name for name in map("e-{}".format, range(40)) if not in_random_tenth(name, "qwen")]


def judged(record: PairRecord, answers: dict[bool, str], **judge: Any) -> list[NewGrade]:
    """The grades of a pair whose judge answers by whether the incumbent is shown first."""
    pilot = a_pilot(judge=JUDGE | judge)
    who = judge_of(pilot.configuration)
    assert who is not None
    course = PairwiseCourse(record, pilot, who, {})
    grades = []
    while (question := course.next_question()) is not None:
        text = question.build()[-1]["content"]
        is_ours_first = text.index("the incumbent says") < text.index("the candidate says")
        asked = Asked(JudgeAnswer(answers[is_ours_first], "r"), 1, Decimal(0))
        grade = course.take(asked).grade
        assert grade is not None
        assert (grade.shown_first == "incumbent") == is_ours_first
        assert (grade.grader, grade.rater) == ("judge", "judge-1")
        grades.append(grade)
    assert course.end().is_settled
    return grades


def a_pair(name: str) -> PairRecord:
    return replace(a_record(OURS, THEIRS), external_id=name)


@pytest.mark.parametrize(
    ("answers", "values"),
    [
        ({True: "second", False: "first"}, {"incumbent": 1.0, "qwen": 1.0}),
        ({True: "first", False: "second"}, {"incumbent": 0.0, "qwen": 0.0}),
        ({True: "first", False: "first"}, {"incumbent": 0.0, "qwen": 1.0}),
        ({True: "second", False: "second"}, {"incumbent": 1.0, "qwen": 0.0}),
    ],
)
def test_a_decisive_pair_is_asked_in_both_orders_and_values_are_for_the_candidate(
    answers: dict[bool, str], values: dict[str, float]
) -> None:
    for name in OTHERS[:6]:
        assert {grade.shown_first: grade.value for grade in judged(a_pair(name), answers)} == values


def test_after_a_tie_only_drawn_pairs_are_asked_again_or_all_where_both_orders_are_wanted() -> None:
    tie = {True: "tie", False: "tie"}
    assert [len(judged(a_pair(name), tie)) for name in OTHERS] == [1] * len(OTHERS)
    assert [grade.value for grade in judged(a_pair(DRAWN), tie)] == [0.5, 0.5]
    assert [len(judged(a_pair(name), tie, second_order="always")) for name in OTHERS[:5]] == [2] * 5
    firsts = {judged(a_pair(name), tie)[0].shown_first for name in OTHERS}
    assert firsts == {"incumbent", "qwen"}


def test_a_tie_then_a_winner_in_a_drawn_pair_are_two_grades() -> None:
    found = judged(a_pair(DRAWN), {True: "tie", False: "first"})
    assert {grade.shown_first: grade.value for grade in found} == {"incumbent": 0.5, "qwen": 1.0}


@pytest.mark.parametrize(
    ("first", "ours", "theirs", "reference", "facts"),
    [
        ("incumbent", 700, 600, None, {"cut_chars": {"incumbent": 200, "qwen": 100}}),
        ("qwen", 700, 600, "x", {"reference": True, "cut_chars": {"incumbent": 200, "qwen": 100}}),
        ("qwen", 10, 501, "x" * 502, {"reference": True, "cut_chars": {"qwen": 1, "reference": 2}}),
        ("incumbent", 500, 500, None, {}),
    ],
)
def test_a_grade_says_what_of_whose_text_was_cut(
    first: str, ours: int, theirs: int, reference: str | None, facts: Json
) -> None:
    pilot = a_pilot(judge=JUDGE | {"max_reply_chars": 500})
    record = replace(a_record(Reply("o" * ours), Reply("t" * theirs)), reference=reference)
    assert facts_of(comparison_of(pilot, record, first), first, "qwen") == facts
    long = replace(record, request={"prompt": "q" * 200_001})
    cut = facts_of(comparison_of(pilot, long, first), first, "qwen")["cut_chars"]
    assert cut["conversation"] == 1
