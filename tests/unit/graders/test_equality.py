"""When two replies are the same, by their texts and by digests of them alike."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.exchange import Reply, ToolCall
from app.graders.digests import MAX_ARGUMENTS, MAX_CALLS, check_reply, grade_digests, what_digests_equal
from app.graders.equality import grade_equality, what_is_equal
from app.graders.grade import Grade, Ungraded
from app.graders.label import grade_label
from app.graders.tool_calls import grade_tool_calls

REQUEST = {
    "tools": [
        {"type": "function", "function": {"name": "find", "parameters": {"properties": {"most": {"default": 10}}}}},
    ]
}
FIND = ToolCall("find", '{"city": "Rome", "day": 1}')
FIND_SPELLED = ToolCall("find", '{"day": 1.0, "most": 10, "city": "Rome"}')
FIND_TURNED = ToolCall("find", '{"day": 1.0, "city": "Rome"}', id="another")
BOOK = ToolCall("book", '{"city": "Rome"}')
YES, YES_LOUD, NO, NOTHING = Reply("Yes, it is."), Reply(" yes,  IT is."), Reply("No."), Reply(None)
CALLS, CALLS_TURNED = Reply(None, (FIND, BOOK)), Reply(None, (BOOK, FIND_TURNED))
ONE_CALL, SPOKEN_CALL = Reply(None, (FIND,)), Reply("I look.", (FIND_TURNED,))
ROWS: list[tuple[Reply, Reply, str | None, float]] = [
    (YES, YES_LOUD, "reply", 0.5),
    (YES, NO, None, 0.0),
    (NOTHING, Reply(""), "reply", 0.5),
    (NOTHING, CALLS, None, 0.0),
    (NOTHING, SPOKEN_CALL, None, 0.0),
    (YES, SPOKEN_CALL, None, 0.0),
    (CALLS, CALLS_TURNED, "tool_calls", 0.5),
    (CALLS, ONE_CALL, None, 0.0),
    (ONE_CALL, Reply(None, (FIND, FIND)), None, 0.0),
    (ONE_CALL, SPOKEN_CALL, "tool_calls", 0.0),
]
BOTH_WAYS = [*ROWS, *((other, one, same, value) for one, other, same, value in ROWS)]


def digests(reply: Reply) -> dict[str, Any]:
    return check_reply(b"key", REQUEST, reply)


@pytest.mark.parametrize(("incumbent", "other", "same", "value"), BOTH_WAYS)
def test_replies_are_the_same_by_text_and_by_digest(incumbent: Reply, other: Reply, same: str | None, value: float) -> None:
    assert what_is_equal(incumbent, other) == same
    assert what_digests_equal(digests(incumbent), digests(other)) == same
    assert grade_equality(incumbent, other).value == value
    found = grade_digests("exact", digests(incumbent), digests(other))
    assert isinstance(found, Grade)
    assert found == Grade(value, "the replies are equal" if value else "the replies differ")


def test_replies_that_differ_in_their_calls_alone_say_so() -> None:
    assert grade_equality(CALLS, ONE_CALL).reason == "the replies differ in their tool calls"
    assert grade_equality(ONE_CALL, SPOKEN_CALL).reason == "the replies differ"


@pytest.mark.parametrize(
    ("incumbent", "other"),
    [
        (NOTHING, YES), (CALLS, CALLS_TURNED), (CALLS, ONE_CALL), (ONE_CALL, CALLS), (NOTHING, ONE_CALL), (ONE_CALL, NOTHING),
        (ONE_CALL, Reply(None, (FIND_SPELLED,))), (Reply(None, (FIND_SPELLED,)), ONE_CALL),
    ],
)  # fmt: skip
def test_calls_agree_by_digest_as_by_text(incumbent: Reply, other: Reply) -> None:
    found, by_text = (
        grade_digests("tool_calls", digests(incumbent), digests(other)),
        grade_tool_calls(REQUEST, incumbent, other),
    )
    assert isinstance(found, Grade)
    assert found.value == by_text.value
    if found.facts:
        assert found.facts == by_text.facts


def test_a_spelled_out_default_is_no_difference_of_the_arm_but_one_of_the_incumbent() -> None:
    spelled = Reply(None, (FIND_SPELLED,))
    assert grade_tool_calls(REQUEST, ONE_CALL, spelled).value == 0.5
    assert grade_tool_calls(REQUEST, spelled, ONE_CALL).value == pytest.approx(0.5 * 0.8)


@pytest.mark.parametrize(
    ("calls", "arguments", "are_kept"),
    [(MAX_CALLS, 1, True), (MAX_CALLS + 1, 1, False), (1, MAX_ARGUMENTS, True), (1, MAX_ARGUMENTS + 1, False)],
)
def test_very_many_calls_or_arguments_are_only_the_same_or_not(calls: int, arguments: int, are_kept: bool) -> None:
    text = "{" + ", ".join(f'"{n}": {n}' for n in range(arguments)) + "}"
    many = digests(Reply(None, (ToolCall("find", text),) * calls))
    assert (many["calls"] is not None) is are_kept
    for pair in ((many, digests(ONE_CALL)), (digests(ONE_CALL), many)):
        assert (grade_digests("tool_calls", *pair) is not None) is are_kept
    assert grade_digests("tool_calls", many, many) == Grade(0.5, "the same tool calls, or none")


@pytest.mark.parametrize(("incumbent", "arm"), [("spam", "Spam."), ("spam", "ham"), ("spam", ""), ("", "spam"), ("", "")])
def test_labels_agree_by_digest_as_by_text(incumbent: str, arm: str) -> None:
    found, by_text = (
        grade_digests("label", digests(Reply(incumbent)), digests(Reply(arm))),
        grade_label(Reply(incumbent), Reply(arm)),
    )
    if isinstance(by_text, Ungraded):
        assert found == by_text
    else:
        assert isinstance(found, Grade)
        assert found.value == by_text.value


def test_digests_of_an_earlier_version_and_other_graders_say_nothing() -> None:
    new, old = digests(Reply("spam")), digests(Reply("spam"))
    del old["label_digest"]
    assert grade_digests("label", old, new) is None
    assert grade_digests("label", new, old) is None
    assert grade_digests("judge", new, new) is None
    assert digests(NOTHING)["tools_digest"] is None
    assert digests(replace(YES, finish_reason="stop")) == digests(YES)
