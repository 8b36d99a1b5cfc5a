"""Pairs whose texts are not kept: steps 1 to 3 are decided by what was found while they were there."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.configuration import PilotConfiguration
from app.domain.exchange import Failure, Json, Reply, ToolCall
from app.domain.grading import PairRecord
from app.domain.words import FailureKind, Rule
from app.graders.digests import check_reply
from app.pipeline.preference import Pair, decide, decide_checked
from app.pipeline.settlement import judge_of, settle
from tests.unit.pipeline.test_settlement import JUDGE, a_pilot, a_record, imported

KEY = b"the key of this test"
SCHEMA = {"type": "json_schema", "json_schema": {"schema": {"type": "object", "required": ["a"]}}}
ASKED: Json = {"messages": [{"role": "user", "content": "say it"}], "response_format": SCHEMA, "tools": [
    {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "required": ["q"]}}}]}  # fmt: skip
GOOD, SPACED, OTHER, BAD = Reply('{"a": 1}'), Reply(' {"A":  1} '.replace("A", "a")), Reply('{"a": 2}'), Reply("a: 1")
CALL = Reply(None, (ToolCall("look", '{"q": 1.0}', "call-1"),))
SAME_CALL = Reply("I look", (ToolCall("look", ' {"q":1}', "call-2"),))
UNDECLARED, WRONG = Reply(None, (ToolCall("rm", "{}"),)), Reply(None, (ToolCall("look", "{}"),))
REPLIES = (GOOD, SPACED, OTHER, BAD, CALL, SAME_CALL, UNDECLARED, WRONG)


def checked(incumbent: Reply | Failure, other: Reply | Failure, **changes: Any) -> PairRecord:
    """A pair as it is stored at `metadata`."""
    failed = [side if isinstance(side, Failure) else None for side in (incumbent, other)]
    checks = [{} if isinstance(side, Failure) else check_reply(KEY, ASKED, side) for side in (incumbent, other)]
    record = replace(a_record(failed[0], failed[1]), request=None, incumbent_checks=checks[0], other_checks=checks[1])
    return replace(record, **changes)


@pytest.mark.parametrize("incumbent", REPLIES)
@pytest.mark.parametrize("other", REPLIES)
@pytest.mark.parametrize("grader", ["judge", "exact", "tool_calls"])
def test_without_texts_a_pair_is_decided_as_with_them(incumbent: Reply, other: Reply, grader: str) -> None:
    with_texts = decide(Pair(ASKED, incumbent, other, grader))
    without = decide_checked(check_reply(KEY, ASKED, incumbent), check_reply(KEY, ASKED, other), grader)
    assert (without.rule, without.preference, without.facts.get("equal")) == (
        with_texts.rule, with_texts.preference, with_texts.facts.get("equal"),
    )  # fmt: skip
    assert (without.grade and without.grade.value) == (with_texts.grade and with_texts.grade.value)


def test_a_failure_decides_without_texts() -> None:
    found, _ = settle(
        checked(GOOD, Failure(FailureKind.TIMEOUT)), a_pilot(judge=JUDGE), judge_of(a_pilot(judge=JUDGE).configuration)
    )
    assert (found.rule, found.preference) == (Rule.FAILURE, 0.0)
    found, _ = settle(checked(Failure(FailureKind.HTTP, 500), GOOD), a_pilot(), None)
    assert (found.rule, found.preference) == (Rule.FAILURE, 1.0)


def test_what_only_a_reader_could_decide_is_ungraded_for_lack_of_text() -> None:
    pilot = a_pilot(judge=JUDGE)
    found, grade = settle(checked(GOOD, OTHER), pilot, judge_of(pilot.configuration))
    assert (found.rule, found.preference, found.ungraded, found.is_settled, grade) == (Rule.GRADER, None, "no_text", True, None)
    found, _ = settle(checked(GOOD, OTHER), a_pilot(), None)
    assert found.ungraded == "no_text"


def test_a_deterministic_grader_needs_no_text() -> None:
    segment = {"name": "s", "match": {"header": "s"}, "grader": "exact", "incumbent_is_reference": True}
    found, grade = settle(checked(GOOD, OTHER, segment="s"), a_pilot(segment=[segment]), None)
    assert (found.rule, found.ungraded) == (Rule.GRADER, None)
    assert grade is not None
    assert (grade.grader, grade.value) == ("exact", 0.0)


def test_an_imported_grade_counts_without_texts() -> None:
    pilot = a_pilot(judge={"rater": "gpt-4"})
    record = checked(GOOD, SPACED, grades=(imported("incumbent", 1.0), imported("qwen", 0.0)))
    found, _ = settle(record, pilot, judge_of(pilot.configuration))
    assert (found.rule, found.ungraded, found.is_settled) == (Rule.GRADER, None, True)


def test_masked_texts_are_judged_and_their_violations_are_those_of_what_was_said() -> None:
    """The schema wants an address; what is kept has a placeholder in its place."""
    schema = {"type": "object", "properties": {"mail": {"type": "string", "pattern": "@"}}}
    request: Json = {"messages": [], "response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}
    said, other = Reply('{"mail": "a@b.example"}'), Reply('{"mail": "c@d.example"}')
    kept, kept_other = Reply('{"mail": "[EMAIL:0a1b]"}'), Reply('{"mail": "[EMAIL:2c3d]"}')
    checks = check_reply(KEY, request, said), check_reply(KEY, request, other)
    record = replace(a_record(kept, kept_other), request=request, incumbent_checks=checks[0], other_checks=checks[1])
    pilot = a_pilot(judge=JUDGE)
    found, _ = settle(record, pilot, judge_of(pilot.configuration))
    assert (found.rule, found.facts, found.is_settled) == (Rule.GRADER, {}, False)


def test_digests_compare_within_one_exchange_only_and_need_the_key() -> None:
    one = check_reply(KEY, ASKED, GOOD)
    assert check_reply(KEY, {"messages": []}, GOOD)["text_digest"] != one["text_digest"]
    assert check_reply(b"another", ASKED, GOOD)["text_digest"] != one["text_digest"]
    assert check_reply(KEY, ASKED, SPACED) == one


def test_checks_hold_no_word_of_the_reply() -> None:
    reply = Reply("Confidential words", (ToolCall("look", '{"q": "Confidential"}'),))
    assert "onfidential" not in str(check_reply(KEY, ASKED, reply))


def test_a_pair_whose_text_is_gone_for_another_reason_says_so() -> None:
    pilot: PilotConfiguration = a_pilot(judge=JUDGE).configuration
    found, _ = settle(replace(a_record(None, None), request=None), a_pilot(judge=JUDGE), judge_of(pilot))
    assert found.ungraded == "no_content"
