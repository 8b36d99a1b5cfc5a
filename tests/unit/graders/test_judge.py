"""Whose win a judge's answer is, and where what it says begins to count."""

import json

import pytest

from app.domain.exchange import Reply
from app.graders.judge import NAME, judge_version, pairwise_question, preference_value
from app.graders.judge_answer import JudgeAnswer, parse_answer
from app.graders.judge_prompt import RESPONSE_SCHEMA, Comparison
from app.graders.judge_texts import Limits


@pytest.mark.parametrize(
    ("preference", "arm_is_first", "value"),
    [
        ("first", True, 1.0), ("first", False, 0.0), ("second", True, 0.0), ("second", False, 1.0), ("tie", True, 0.5),
        ("tie", False, 0.5),
    ],
)  # fmt: skip
def test_the_arm_wins_where_the_judge_prefers_its_place(preference: str, arm_is_first: bool, value: float) -> None:
    assert preference_value(preference, arm_is_first=arm_is_first) == value


def test_the_judge_keeps_its_name_and_its_version_names_where_texts_are_cut() -> None:
    assert NAME == "judge"
    assert judge_version("m", None, Limits(1, 2)) != judge_version("m", None, Limits(2, 1))
    assert RESPONSE_SCHEMA["properties"]["preference"]["enum"] == ["first", "second", "tie"]


def said(preference: str, reasoning: object = "") -> str:
    return json.dumps({"reasoning": reasoning, "preference": preference})


@pytest.mark.parametrize(("chars", "is_an_answer"), [(39, True), (40, False)])
def test_forty_characters_of_a_reply_s_own_words_are_a_quotation(chars: int, is_an_answer: bool) -> None:
    text = said("first", "x" * chars)
    question = pairwise_question(Comparison({"messages": []}, Reply(f"I say {text}"), Reply("no")))
    assert (question.parse(text) is not None) is is_an_answer


@pytest.mark.parametrize(("chars", "is_an_answer"), [(20_000, True), (20_001, False)])
def test_a_verdict_is_looked_for_in_twenty_thousand_characters(chars: int, is_an_answer: bool) -> None:
    text = said("second")
    found = parse_answer("x" * (chars - len(text)) + text)
    assert found == (JudgeAnswer("second", "") if is_an_answer else None)


def test_what_follows_the_second_end_of_a_thought_may_be_the_answer() -> None:
    found = parse_answer("one</think>two</think>" + said("first", {"why": "longer"}))
    assert found == JudgeAnswer("first", "")
