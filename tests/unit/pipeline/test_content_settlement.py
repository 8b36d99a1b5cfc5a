"""Pairs whose texts are not kept: steps 1 to 3 are decided by what was found while they were there."""

import json
from dataclasses import replace
from typing import Any

import pytest

from app.domain.configuration import PilotConfiguration
from app.domain.exchange import Failure, Json, Reply, ToolCall
from app.domain.grading import PairRecord
from app.domain.pilot import Pilot
from app.domain.words import FailureKind, Rule
from app.graders.digests import check_reply
from app.graders.grade import Grade
from app.pipeline.preference import Decision, Pair, decide, decide_checked
from app.pipeline.settlement import judge_of, settle
from tests.unit.pipeline.test_settlement import JUDGE, YES, a_pilot, a_record, imported

KEY = b"the key of this test"
SCHEMA = {"type": "json_schema", "json_schema": {"schema": {"type": "object", "required": ["a"]}}}
ASKED: Json = {"messages": [{"role": "user", "content": "say it"}], "response_format": SCHEMA, "tools": [
    {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "required": ["q"]}}}]}  # fmt: skip
GOOD, SPACED, OTHER, BAD = Reply('{"a": 1}'), Reply(' {"A":  1} '.replace("A", "a")), Reply('{"a": 2}'), Reply("a: 1")
CALL = Reply(None, (ToolCall("look", '{"q": 1.0}', "call-1"),))
SAME_CALL = Reply("I look", (ToolCall("look", ' {"q":1}', "call-2"),))
UNDECLARED, WRONG = Reply(None, (ToolCall("rm", "{}"),)), Reply(None, (ToolCall("look", "{}"),))
PART, TWO = (
    Reply(None, (ToolCall("look", '{"q": 1, "r": 2}'),)),
    Reply(None, (CALL.tool_calls[0], ToolCall("look", '{"q": 2}'))),
)
REPLIES = (GOOD, SPACED, OTHER, BAD, CALL, SAME_CALL, UNDECLARED, WRONG, PART, TWO)
LABELS = (Reply("spam"), Reply("Spam."), Reply("ham"), Reply(""), Reply("x" * 300))


def checked(incumbent: Reply | Failure, other: Reply | Failure, **changes: Any) -> PairRecord:
    """A pair as it is stored at `metadata`."""
    failed = [side if isinstance(side, Failure) else None for side in (incumbent, other)]
    checks = [{} if isinstance(side, Failure) else check_reply(KEY, ASKED, side) for side in (incumbent, other)]
    record = replace(a_record(failed[0], failed[1]), request=None, incumbent_checks=checks[0], other_checks=checks[1])
    return replace(record, **changes)


@pytest.mark.parametrize("grader", ["judge", "exact", "tool_calls", "label"])
@pytest.mark.parametrize("incumbent", [*REPLIES, *LABELS])
def test_without_texts_a_pair_is_decided_as_with_them(incumbent: Reply, grader: str) -> None:
    for other in (*REPLIES, *LABELS):
        check_same_decision(incumbent, other, grader)


def check_same_decision(incumbent: Reply, other: Reply, grader: str) -> None:
    with_texts = decide(Pair(ASKED, incumbent, other, grader))
    without = decide_checked(check_reply(KEY, ASKED, incumbent), check_reply(KEY, ASKED, other), grader)
    assert (without.rule, without.preference, without.facts.get("equal")) == (
        with_texts.rule, with_texts.preference, with_texts.facts.get("equal"),
    )  # fmt: skip
    if with_texts.rule is Rule.GRADER:
        assert said_by(without) == said_by(with_texts)


def said_by(decision: Decision) -> tuple[float | str | None, str]:
    """The value or why there is none, and the version."""
    found = decision.grade
    if isinstance(found, Grade):
        return found.value, decision.version
    return found.reason if found is not None else None, decision.version


@pytest.mark.parametrize("grader", ["tool_calls", "exact", "label"])
def test_what_is_found_without_texts_keeps_no_word_of_them(grader: str) -> None:
    one, other = (
        check_reply(KEY, ASKED, Reply("hidden", (ToolCall("look", f'{{"q": "{word}"}}'),))) for word in ("secret", "private")
    )
    grade = decide_checked(one, other, grader).grade
    assert isinstance(grade, Grade)
    assert not any(word in f"{grade.reason} {grade.facts} {one} {other}" for word in ("hidden", "secret", "private"))


def test_very_many_calls_are_only_the_same_or_not() -> None:
    calls = tuple(ToolCall("look", f'{{"q": {number}}}') for number in range(21))
    many, fewer, other = (check_reply(KEY, ASKED, Reply(None, some)) for some in (calls, calls[:20], calls[:1]))
    assert many["calls"] is None
    assert isinstance(decide_checked(fewer, other, "tool_calls").grade, Grade)
    assert decide_checked(many, fewer, "tool_calls").grade is None
    assert decide_checked(many, {**many, "text_digest": ""}, "tool_calls").rule is Rule.EQUAL
    wide = Reply(None, (ToolCall("look", json.dumps({f"k{number}": 1 for number in range(51)})),))
    assert check_reply(KEY, ASKED, wide)["calls"] is None


def by(grader: str) -> Pilot:
    return a_pilot(segment=[{"name": "s", "match": {"header": "s"}, "grader": grader, "incumbent_is_reference": True}])


@pytest.mark.parametrize("grader", ["json_fields", "autoevals:Levenshtein", "python:policy:decide"])
def test_a_grader_that_needs_texts_gives_nothing_without_and_uses_masked_ones(grader: str) -> None:
    found, grade = settle(checked(GOOD, OTHER, segment="s"), by(grader), None)
    assert (found.rule, found.ungraded, found.is_settled, grade) == (Rule.GRADER, "no_text", True, None)
    masked = replace(checked(GOOD, OTHER, segment="s"), request=ASKED, incumbent=GOOD, other=OTHER)
    found, grade = settle(masked, by(grader), None, AllAgree())
    assert (found.ungraded, grade and grade.grader, grade and grade.at) == (None, grader, masked.arrived_at)
    gone, _ = settle(replace(a_record(None, None), request=None, segment="s"), by(grader), None, AllAgree())
    assert gone.ungraded == "no_content"


class AllAgree:
    """Stands for the process that runs users' functions."""

    def version(self, spec: str) -> str:
        return f"version of {spec}"

    def grade(self, spec: str, request: Json, incumbent: Reply, other: Reply, *, is_reference: bool) -> Grade:
        return Grade(0.5 if is_reference else 0.25)


def test_masked_labels_are_kept_for_the_confusion_table() -> None:
    for other, rule in ((Reply("ham"), Rule.GRADER), (Reply("SPAM"), Rule.EQUAL)):
        said = checked(Reply("a: 1"), Reply("a: 2"), segment="s")  # both violate the schema: neither loses for it
        checks = [check_reply(KEY, {}, reply) for reply in (Reply("spam"), other)]
        record = replace(
            said, request={}, incumbent=Reply("spam"), other=other, incumbent_checks=checks[0], other_checks=checks[1]
        )
        found, grade = settle(record, by("label"), None)
        assert found.rule is rule
        assert grade is not None
        assert grade.facts == {"incumbent": "spam", "arm": (other.content or "").lower()}
        found, grade = settle(replace(record, request=None, incumbent=None, other=None), by("label"), None)
        assert (found.rule, found.ungraded) == (rule, None)
        assert grade is None if rule is Rule.EQUAL else grade is not None and grade.facts == {}


def test_pairs_of_a_function_wait_for_somebody_to_run_it() -> None:
    pilot = by("python:policy:decide")
    for other in (Reply("no"), Reply("YES")):
        record = replace(a_record(Reply("yes"), other), segment="s")
        found, grade = settle(record, pilot, None)
        assert (found.rule, found.is_settled, found.ungraded, grade) == (None, False, None, None)
        found, grade = settle(record, pilot, None, AllAgree())
        assert found.is_settled
        assert grade is not None
        assert (grade.value, grade.version) == (0.5, "version of python:policy:decide")
    scored = a_pilot(segment=[{"name": "s", "match": {"header": "s"}, "grader": "python:policy:decide"}])
    found, grade = settle(replace(a_record(), segment="s"), scored, None, AllAgree())
    assert grade is not None
    assert (grade.value, grade.version) == (0.25, "version of python:policy:decide+scores")
    found, grade = settle(replace(a_record(YES, YES), segment="s"), scored, None, AllAgree())
    assert (found.rule, grade) == (Rule.EQUAL, None)


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
