"""CONTRACTS section 5, "Preference of a pair": one test a line and a boundary."""

from typing import Any

import pytest

from app.domain.exchange import Failure, Reply, ToolCall
from app.domain.words import FailureKind, Rule
from app.graders.grade import Grade
from app.pipeline.preference import Decision, Pair, decide

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FORMAT = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}}
WEATHER = {
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOLS = {"tools": [{"type": "function", "function": WEATHER}]}
FAILED = Failure(FailureKind.TIMEOUT)
ROME = ToolCall("weather", '{"city": "Rome"}', "call_1")


def decided(incumbent: Any, other: Any, *, request: dict[str, Any] | None = None, **more: Any) -> Decision:
    return decide(Pair(request or {}, _reply(incumbent), _reply(other), **more))


def _reply(given: Any) -> Reply | Failure:
    if isinstance(given, str | None):
        return Reply(given)
    return Reply(None, (given,)) if isinstance(given, ToolCall) else given


def test_a_failed_candidate_loses() -> None:
    found = decided("yes", FAILED)
    assert (found.rule, found.preference) == (Rule.FAILURE, 0.0)
    assert found.facts == {"failed": ["arm"]}


def test_a_failed_incumbent_loses() -> None:
    found = decided(FAILED, "yes")
    assert (found.rule, found.preference) == (Rule.FAILURE, 1.0)


def test_two_failures_are_a_tie() -> None:
    found = decided(FAILED, Failure(FailureKind.EMPTY))
    assert (found.rule, found.preference) == (Rule.FAILURE, 0.5)


@pytest.mark.parametrize("status", [400, 401, 404, 407, 409, 422, 428, 430, 499])
def test_a_client_error_of_the_incumbent_is_left_out(status: int) -> None:
    for other in (Reply("yes"), FAILED):
        found = decided(Failure(FailureKind.HTTP, status), other)
        assert (found.rule, found.preference, found.facts) == (None, None, {"left_out": "client_error"})


@pytest.mark.parametrize("status", [None, 399, 408, 429, 500, 503])
def test_every_other_status_of_the_incumbent_is_its_failure(status: int | None) -> None:
    assert decided(Failure(FailureKind.HTTP, status), "yes").preference == 1.0


def test_a_status_in_another_kind_of_failure_is_no_client_error() -> None:
    assert decided(Failure(FailureKind.MALFORMED, 404), "yes").rule is Rule.FAILURE


def test_a_client_error_of_the_candidate_is_its_loss() -> None:
    assert decided("yes", Failure(FailureKind.HTTP, 400)).preference == 0.0


def test_a_candidate_refusal_that_our_adaptation_caused_is_a_flagged_loss() -> None:
    found = decided("yes", Failure(FailureKind.HTTP, 400, adaptation=True))
    assert (found.preference, found.facts["adaptation"]) == (0.0, True)


def test_a_failure_decides_before_anything_else() -> None:
    assert decided("not json", FAILED, request=FORMAT).rule is Rule.FAILURE


def test_the_one_reply_that_violates_the_schema_loses() -> None:
    found = decided('{"n": 1}', '{"n": "one"}', request=FORMAT)
    assert (found.rule, found.preference) == (Rule.INVALID, 0.0)
    assert "$.n" in found.facts["violations"]["arm"][0]
    assert list(found.facts["violations"]) == ["arm"]
    other = decided('{"n": 1.5}', '{"n": 1}', request=FORMAT)
    assert (other.preference, list(other.facts["violations"])) == (1.0, ["incumbent"])


def test_two_violating_replies_go_on_to_the_next_step() -> None:
    assert decided("one", "two", request=FORMAT).rule is Rule.GRADER
    assert decided("one", "ONE ", request=FORMAT).rule is Rule.EQUAL


def test_an_invalid_schema_makes_nobody_a_loser_and_is_said() -> None:
    request = {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "dict"}}}}
    found = decided('{"n": 1}', '{"n": 2}', request=request)
    assert found.rule is Rule.GRADER
    assert "schema is invalid" in found.facts["unusable"][0]


def test_the_one_reply_that_calls_an_undeclared_tool_loses() -> None:
    found = decided(ROME, ToolCall("wether", '{"city": "Rome"}'), request=TOOLS)
    assert (found.rule, found.preference) == (Rule.INVALID, 0.0)
    assert decided(ToolCall("hack", "{}"), "Sunny.", request=TOOLS).preference == 1.0


def test_the_one_reply_with_invalid_arguments_loses() -> None:
    assert decided(ROME, ToolCall("weather", '{"town": "Rome"}'), request=TOOLS).preference == 0.0
    assert decided(ToolCall("weather", '{"city": 5}'), ROME, request=TOOLS).preference == 1.0
    assert decided(ROME, ToolCall("weather", "city=Rome"), request=TOOLS).preference == 0.0


def test_two_undeclared_calls_go_on_to_the_next_step() -> None:
    assert decided(ROME, ToolCall("weather", '{"city": "Paris"}')).rule is Rule.GRADER
    assert decided(ROME, ROME).rule is Rule.EQUAL


def test_a_reply_that_calls_a_tool_owes_no_json() -> None:
    found = decided(ROME, '{"n": 1}', request=TOOLS | FORMAT)
    assert found.rule is Rule.GRADER


def test_replies_that_differ_in_case_and_white_space_are_equal() -> None:
    found = decided("Yes, it  is.\n", "yes,\tit IS.")
    assert (found.rule, found.preference, found.facts) == (Rule.EQUAL, 0.5, {"equal": "reply"})


def test_replies_that_differ_in_one_letter_are_not_equal() -> None:
    assert decided("yes", "yep").rule is Rule.GRADER


def test_equal_tool_calls_are_equal_whatever_is_said_beside_them() -> None:
    other = Reply("Let me look.", (ToolCall("weather", '{ "city" : "Rome" }', "call_2"),))
    found = decided(ROME, other, request=TOOLS)
    assert (found.rule, found.preference, found.facts) == (Rule.EQUAL, 0.5, {"equal": "tool_calls"})


def test_an_equal_text_with_and_without_a_tool_call_is_not_equal() -> None:
    assert decided(Reply("Sure.", (ROME,)), "Sure.", request=TOOLS).rule is Rule.GRADER


def test_an_imported_grade_goes_before_equality() -> None:
    assert decided("yes", "yes", has_imported_grade=True).rule is Rule.GRADER


def test_the_judge_decides_what_is_left() -> None:
    found = decided("yes", "no")
    assert (found.rule, found.preference, found.grade) == (Rule.GRADER, None, None)


@pytest.mark.parametrize(("other", "value"), [("yes", 0.5), ("no", 0.0)])
def test_the_exact_grader_gives_half_the_agreement(other: str, value: float) -> None:
    found = decided("Yes", other, grader="exact", has_imported_grade=True)
    assert found.rule is Rule.GRADER
    assert isinstance(found.grade, Grade)
    assert found.grade.value == value


def test_the_exact_grader_looks_at_tool_calls_too() -> None:
    found = decided(Reply("ok", (ROME,)), Reply("ok", (ToolCall("weather", '{"city":"Oslo"}'),)), grader="exact", request=TOOLS)
    assert isinstance(found.grade, Grade)
    assert found.grade.value == 0.0


@pytest.mark.parametrize(
    ("incumbent", "other", "value"),
    [
        (ROME, ToolCall("weather", '{"city": "Oslo"}'), 0.0),
        (ROME, "It is sunny in Rome.", 0.0),
        ("It is sunny.", "It is rainy.", 0.5),
    ],
)
def test_the_tool_call_grader_gives_half_the_agreement_of_the_calls(incumbent: Any, other: Any, value: float) -> None:
    found = decided(incumbent, other, grader="tool_calls", request=TOOLS)
    assert found.rule is Rule.GRADER
    assert isinstance(found.grade, Grade)
    assert found.grade.value == value
