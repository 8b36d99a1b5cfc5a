"""What a right line becomes."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capture.document import document_from, document_of
from app.capture.line_format import LINE
from app.domain.exchange import Failure, Reply, ToolCall, Usage
from app.domain.imports import LineRecords
from app.domain.payload import reply_body
from app.domain.words import FailureKind
from tests.unit.capture.lines import a_judgement, a_label, a_layout, a_line, read

AT = datetime(2026, 11, 2, 10, tzinfo=UTC)

EXAMPLE = {
    "exchange_id": "e-1", "arrived_at": "2026-11-02T10:00:00Z", "conversation_id": "c-1", "turn": 1, "segment": "extraction",
    "inclusion_probability": 1.0, "request": {"model": "gpt-5.1", "messages": [{"role": "user", "content": "…"}]},
    "replies": {
        "incumbent": {
            "content": "…", "tool_calls": [], "finish_reason": "stop", "usage": {"prompt_tokens": 10, "completion_tokens": 5},
            "ttft_any_seconds": 0.3, "total_seconds": 1.2,
        },
        "qwen": {"failure": "timeout", "status": None, "total_seconds": 60.0},
    },
    "preferences": [
        {"arm": "qwen", "by": "judge", "rater": "gpt-4", "shown_first": "incumbent", "value": 0.0},
        {"arm": "qwen", "by": "judge", "rater": "gpt-4", "shown_first": "qwen", "value": 0.0},
        {"arm": "qwen", "by": "judge", "rater": "chatgpt", "shown_first": "qwen", "ungraded": "unparsed"},
        {"arm": "qwen", "by": "person", "rater": "r1", "value": 1.0, "critical": False, "draw_probability": 0.2,
         "at": "2026-11-03T09:00:00Z"},
    ],
}  # fmt: skip


def records(line: dict[str, Any], **tables: Any) -> LineRecords:
    found = read(line, **tables)
    assert not found.bad
    return found.good[0]


def test_the_example_of_the_contract() -> None:
    line = records(EXAMPLE)
    assert line.exchange[:6] == ("e-1", AT, "c-1", 1, "extraction", 1.0)
    assert sorted(line.exchange.given) == ["conversation_id", "inclusion_probability", "segment", "turn"]
    assert orjson.loads(line.exchange.body) == EXAMPLE["request"]
    incumbent, qwen = line.replies
    assert (incumbent.failure, incumbent.content_chars, incumbent.input_tokens, incumbent.output_tokens) == (None, 1, 10, 5)
    assert (incumbent.finish_reason, incumbent.ttft_any_seconds, incumbent.total_seconds) == ("stop", 0.3, 1.2)
    assert (qwen.failure, qwen.status, qwen.total_seconds, qwen.body) == ("timeout", None, 60.0, b"{}")
    assert {(g.rater, g.shown_first, g.value, g.ungraded, g.at, g.at_given) for g in line.grades} == {
        ("gpt-4", "incumbent", 0.0, None, AT, False),
        ("gpt-4", "qwen", 0.0, None, AT, False),
        ("chatgpt", "qwen", None, "unparsed", AT, False),
    }
    (label,) = line.labels
    assert label == (2, "r1", 1.0, None, False, 0.2, datetime(2026, 11, 3, 9, tzinfo=UTC), True)


def test_only_three_keys_are_needed() -> None:
    line = records(a_line(exchange_id=None))
    assert (line.exchange.turn, line.exchange.inclusion_probability, line.exchange.segment) == (None, 1.0, "other")
    assert line.exchange.given == []
    assert (line.grades, line.labels) == ([], [])


def test_the_id_of_a_line_without_one_is_the_hash_of_its_canonical_form_and_never_changes() -> None:
    bare = a_line(exchange_id=None)
    said_otherwise = {
        **dict(reversed(bare.items())),
        "arrived_at": "2026-11-02T11:00:00+01:00",
        "turn": None,
        "preferences": [],
        "replies": {"incumbent": {"tool_calls": [], "content": "On its way.", "usage": None}},
    }
    number = records(bare).exchange.external_id
    assert records(said_otherwise).exchange.external_id == number
    canonical = (
        b'{"arrived_at":"2026-11-02T10:00:00+00:00","replies":{"incumbent":{"content":"On its way."}},'
        b'"request":{"messages":[{"content":"Where is my order?","role":"user"}],"model":"gpt-5.1"}}'
    )
    assert number == hashlib.sha256(canonical).hexdigest()
    assert records(bare | {"turn": 2}).exchange.external_id != number


def test_the_order_of_preferences_is_no_content() -> None:
    one = records(a_line(preferences=[a_judgement(), a_label()]))
    other = records(a_line(preferences=[a_label(), a_judgement()]))
    assert one.exchange.content_hash == other.exchange.content_hash


@pytest.mark.parametrize(
    "reply", [{}, {"content": ""}, {"content": " \n "}, {"content": None, "tool_calls": []}, {"failure": "empty"}]
)
def test_a_reply_without_content_and_tool_calls_is_an_empty_one(reply: dict[str, Any]) -> None:
    line = records(a_line(replies={"incumbent": reply | {"total_seconds": 2}}))
    assert (line.replies[0].failure, line.replies[0].content_chars, line.replies[0].total_seconds) == ("empty", None, 2.0)
    assert (
        line.exchange.content_hash
        == records(a_line(replies={"incumbent": {"failure": "empty", "total_seconds": 2}})).exchange.content_hash
    )


def test_bodies_are_written_as_those_of_replies_that_we_asked_for() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}, "vendor": {"x": [1]}}
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "track", "arguments": '{"order": 7}'}}
    given: dict[str, Any] = {"content": "Let me see.", "tool_calls": [call], "usage": usage, "reasoning": "An order…"}
    line = records(a_line(replies={"incumbent": given, "qwen": {"failure": "http", "status": 500, "message": "oops"}}))
    asked = Reply("Let me see.", (ToolCall("track", '{"order": 7}', "call_1"),), usage=Usage(raw=usage), reasoning="An order…")
    assert orjson.loads(line.replies[0].body) == reply_body(asked)
    assert (line.replies[0].cached_input_tokens, line.replies[0].input_tokens) == (3, 9)
    assert orjson.loads(line.replies[1].body) == reply_body(Failure(FailureKind.HTTP, 500, "oops"))
    only_tools = records(a_line(replies={"incumbent": {"tool_calls": [call]}})).replies[0]
    assert orjson.loads(only_tools.body) == reply_body(Reply(None, asked.tool_calls))
    assert (only_tools.failure, only_tools.content_chars) == (None, None)


def test_usage_of_the_responses_api_is_read_too() -> None:
    usage = {
        "input_tokens": 9,
        "output_tokens": 4,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    reply = records(a_line(replies={"incumbent": {"content": "x", "usage": usage}})).replies[0]
    assert (reply.input_tokens, reply.cached_input_tokens, reply.output_tokens, reply.reasoning_tokens) == (9, 3, 4, 2)
    assert orjson.loads(reply.body)["usage"] == usage


def test_a_person_may_skip() -> None:
    (label,) = records(a_line(preferences=[a_label(value=None, skipped="cannot tell", draw_probability=0.3)])).labels
    assert (label.value, label.skipped, label.draw_probability) == (None, "cannot tell", 0.3)


def test_a_judge_may_have_seen_them_in_an_unknown_order() -> None:
    lines = [a_line(preferences=[a_judgement(shown_first=None)]), a_line(preferences=[a_judgement() | {"shown_first": None}])]
    assert [records(line).grades[0].shown_first for line in lines] == [None, None]


SEGMENTS = [
    {"name": "by-header", "match": {"header": "x", "model": "gpt"}},
    {"name": "extraction", "match": {"model": "^gpt", "system_prompt": "(?i)extract"}},
    {"name": "gpt", "match": {"model": "^gpt"}},
]


@pytest.mark.parametrize(
    ("request_", "segment"),
    [
        ({"model": "gpt-5.1", "messages": [{"role": "system", "content": "Extract the fields"}]}, "extraction"),
        (
            {"model": "gpt-5.1", "messages": [{"role": "developer", "content": [{"type": "text", "text": "extract"}]}]},
            "extraction",
        ),
        ({"model": "gpt-5.1", "input": "hi", "instructions": "Extract"}, "extraction"),
        ({"model": "gpt-5.1", "messages": [{"role": "user", "content": "Extract"}]}, "gpt"),
        ({"model": "claude", "messages": []}, "other"),
        ({"messages": []}, "other"),
    ],
)
def test_the_first_segment_that_fits_is_taken(request_: dict[str, Any], segment: str) -> None:
    assert records(a_line(request=request_), segment=SEGMENTS).exchange.segment == segment
    assert records(a_line(request=request_, segment="by-header"), segment=SEGMENTS).exchange.segment == "by-header"


def conversation(line: dict[str, Any]) -> str:
    return records(line).exchange.conversation_id


def test_a_conversation_nobody_named_is_known_by_user_system_text_first_message_and_day() -> None:
    def asked(*more: dict[str, str], user: str = "u", system: str = "s", first: str = "hi") -> dict[str, Any]:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": first}, *more]
        return {"model": "m", "user": user, "messages": messages}

    base = conversation(a_line(request=asked()))
    later_turn = asked({"role": "assistant", "content": "a"}, {"role": "user", "content": "b"})
    assert conversation(a_line(request=later_turn, arrived_at="2026-11-02T23:59:59Z")) == base
    assert conversation(a_line(request=asked() | {"model": "other", "prompt_cache_key": "k"})) == base
    assert conversation(a_line(request=asked() | {"safety_identifier": "u", "user": "else"})) == base
    others = [asked(user="v"), asked(system="t"), asked(first="ho"), {**asked(), "safety_identifier": "w"}]
    assert len({base, *(conversation(a_line(request=other)) for other in others)}) == 5
    assert conversation(a_line(request=asked(), arrived_at="2026-11-03T00:00:00Z")) != base
    assert conversation(a_line(request=asked(), arrived_at="2026-11-03T00:30:00+01:00")) == base


def test_the_responses_api_names_its_conversation() -> None:
    for named in ("conv_1", {"id": "conv_1"}):
        assert conversation(a_line(request={"model": "m", "input": "hi", "conversation": named})) == "conv_1"
    assert (
        conversation(a_line(conversation_id="mine", request={"model": "m", "input": "hi", "conversation": "conv_1"})) == "mine"
    )


def test_each_route_tells_its_first_message() -> None:
    prompts = [{"model": "m", "prompt": text} for text in ("Once", "Twice")]
    inputs: list[dict[str, Any]] = [{"model": "m", "input": text, "instructions": "s"} for text in ("Once", "Twice")]
    items = {
        "model": "m",
        "instructions": "s",
        "input": [{"role": "user", "content": "Once"}, {"type": "reasoning", "id": "r"}],
    }
    found = [conversation(a_line(request=request)) for request in (*prompts, *inputs, items)]
    assert len(set(found)) == 4
    assert found[4] == found[2]


def test_every_conversation_has_its_point_below_one() -> None:
    first, again = records(a_line(conversation_id="c")), records(a_line(conversation_id="c", exchange_id="e-2"))
    assert first.exchange.sample_point == again.exchange.sample_point
    points = [records(a_line(conversation_id=f"c-{n}")).exchange.sample_point for n in range(500)]
    assert all(0 <= point < 1 for point in points)
    assert 0.4 < sum(points) / 500 < 0.6


def test_the_layout_changes_with_arms_and_segments_only() -> None:
    base = a_layout().digest
    assert a_layout(quality={"margin": 0.1}).digest == base
    assert a_layout(segment=[{"name": "extraction", "match": {"model": "x"}}]).digest != base


def _who_of_what(given: Any) -> tuple[str, str, str]:
    return given["arm"], given["by"], given["rater"]


TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=6)
WORDS = TEXTS.filter(bool)
USAGES = st.fixed_dictionaries({}, optional={"prompt_tokens": st.integers(0, 9), "x": TEXTS})
FUNCTIONS = st.fixed_dictionaries({"name": WORDS, "arguments": TEXTS})
CALLS = st.fixed_dictionaries({"function": FUNCTIONS}, optional={"id": WORDS, "index": st.just(0)})
ANSWERS = st.fixed_dictionaries(
    {"content": WORDS},
    optional={
        "finish_reason": WORDS, "model": WORDS, "reasoning": TEXTS, "status": st.just(200), "total_seconds": st.floats(0, 9),
        "ttft_any_seconds": st.floats(0, 9), "ttft_visible_seconds": st.none(), "usage": USAGES,
        "tool_calls": st.lists(CALLS, max_size=2),
    },
)  # fmt: skip
FAILURES = st.fixed_dictionaries(
    {"failure": st.sampled_from([kind.value for kind in FailureKind])},
    optional={"status": st.integers(100, 599), "message": TEXTS, "reasoning": TEXTS, "total_seconds": st.floats(0, 9)},
)
REPLIES = ANSWERS | FAILURES
ARMS = st.sampled_from(["qwen", "control"])
JUDGED = st.fixed_dictionaries(
    {"arm": ARMS, "by": st.just("judge"), "rater": WORDS},
    optional={"reason": TEXTS, "shown_first": st.sampled_from(["incumbent", None]), "at": st.just("2026-12-01T00:00:00Z")},
).flatmap(lambda made: st.sampled_from([{**made, "value": 0.25}, {**made, "ungraded": "unparsed"}]))
LABELLED = st.fixed_dictionaries(
    {"arm": ARMS, "by": st.just("person"), "rater": WORDS},
    optional={"critical": st.booleans(), "draw_probability": st.just(0.5), "at": st.just("2026-12-01T00:00:00Z")},
).flatmap(lambda made: st.sampled_from([{**made, "value": 0.5}, {**made, "skipped": "no"}]))
PREFERENCES = st.lists(JUDGED | LABELLED, max_size=4, unique_by=_who_of_what)
NEEDED: dict[str, st.SearchStrategy[Any]] = {
    "arrived_at": st.just("2026-11-02T10:00:00Z"),
    "request": st.fixed_dictionaries({"model": TEXTS}),
    "replies": st.fixed_dictionaries({"incumbent": REPLIES}, optional={"qwen": REPLIES, "control": REPLIES}),
}
LINES = st.fixed_dictionaries(
    NEEDED,
    optional={
        "exchange_id": WORDS, "conversation_id": WORDS, "turn": st.integers(0, 5), "inclusion_probability": st.just(0.5),
        "segment": st.sampled_from(["extraction", "other"]), "preferences": PREFERENCES,
    },
)  # fmt: skip


@given(LINES)
def test_what_was_given_can_be_read_back_from_what_is_stored(line: dict[str, Any]) -> None:
    stored = records(line)
    assert document_of(stored, a_layout().arm_names) == document_from(LINE.validate_python(line))


@pytest.mark.parametrize(
    ("given_reference", "kept"),
    [("In Rome.", b'"In Rome."'), ({"to": "Rome", "at": 9}, b'"{\\"at\\":9,\\"to\\":\\"Rome\\"}"'), (None, None)],
)
def test_a_reference_is_kept_as_text_an_object_as_canonical_json(given_reference: Any, kept: bytes | None) -> None:
    line = records(a_line(reference=given_reference))
    assert line.exchange.reference == kept
    assert line.exchange.given == []
    again = document_of(line, {1: "incumbent", 2: "qwen"})
    assert again == document_from(LINE.validate_python(a_line(reference=given_reference)))
    assert (line.exchange.content_hash == records(a_line()).exchange.content_hash) == (kept is None)
