"""Replies in one piece and in many become the same value; what is malformed is told."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.exchange import Failure, Reply, Timing, ToolCall
from app.domain.words import FailureKind
from app.providers.chat import ChatDraft
from app.providers.draft import MalformedReply, ServerSaidError, cut, error_text, parse_json, repaired

TIMING = Timing(total_seconds=1.0)


def streamed(*deltas: dict[str, Any], strip_think: bool = False, finish: str | None = "stop") -> Reply | Failure:
    draft = ChatDraft(strip_think=strip_think)
    for delta in deltas:
        draft.add_chunk({"choices": [{"index": 0, "delta": delta}]})
    draft.add_chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    draft.close()
    return draft.result(TIMING)


def whole(message: Any, **choice: Any) -> Reply | Failure:
    draft = ChatDraft()
    draft.add_whole({"choices": [{"index": 0, "message": message, "finish_reason": "stop"} | choice]})
    return draft.result(TIMING)


def test_content_in_pieces() -> None:
    reply = streamed({"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"})
    assert reply == Reply("Hello", finish_reason="stop", timing=TIMING)


def test_parallel_tool_calls_are_merged_by_index() -> None:
    reply = streamed(
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "get", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "set", "arguments": "{"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "}"}}, {"index": 0, "function": {"arguments": "1}"}}]},
        finish="tool_calls",
    )
    assert isinstance(reply, Reply)
    assert reply.tool_calls == (ToolCall("get", '{"x":1}', "a"), ToolCall("set", "{}", "b"))
    assert reply.content is None


def test_tool_calls_without_index_or_id() -> None:
    reply = streamed(
        {"tool_calls": [{"function": {"name": "get", "arguments": "{"}}]},
        {"tool_calls": [{"function": {"arguments": "}"}}]},
        {"tool_calls": [{"function": {"name": "set", "arguments": {"a": "ä"}}}]},
    )
    assert isinstance(reply, Reply)
    assert reply.tool_calls == (ToolCall("get", "{}"), ToolCall("set", '{"a":"ä"}'))


def test_tool_calls_without_index_are_told_apart_by_id() -> None:
    reply = streamed(
        {"tool_calls": [{"id": "a", "function": {"name": "get", "arguments": "{"}}]},
        {"tool_calls": [{"id": "b", "function": {"name": "get", "arguments": "[]"}}]},
        {"tool_calls": [{"id": "a", "function": {"arguments": "}"}}]},
    )
    assert isinstance(reply, Reply)
    assert reply.tool_calls == (ToolCall("get", "{}", "a"), ToolCall("get", "[]", "b"))


def test_the_older_function_call_is_a_tool_call() -> None:
    reply = whole({"content": None, "function_call": {"name": "get", "arguments": "{}"}})
    assert isinstance(reply, Reply)
    assert reply.tool_calls == (ToolCall("get", "{}"),)


def test_a_refusal_is_what_the_user_reads() -> None:
    reply = streamed({"refusal": "I can"}, {"refusal": "not."})
    assert isinstance(reply, Reply)
    assert reply.content == "I cannot."
    assert reply.is_refusal
    plain = streamed({"content": "I can."})
    assert isinstance(plain, Reply)
    assert not plain.is_refusal


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_kept_apart(field: str) -> None:
    reply = streamed({field: "so "}, {field: "it is"}, {"content": "Yes"})
    assert isinstance(reply, Reply)
    assert (reply.content, reply.reasoning) == ("Yes", "so it is")


def test_think_tags_are_content_unless_they_are_to_be_stripped() -> None:
    deltas = ({"content": "<think>a</th"}, {"content": "ink>\nB"})
    kept, stripped = streamed(*deltas), streamed(*deltas, strip_think=True)
    assert isinstance(kept, Reply)
    assert isinstance(stripped, Reply)
    assert (kept.content, kept.reasoning) == ("<think>a</think>\nB", None)
    assert (stripped.content, stripped.reasoning) == ("B", "a")


@pytest.mark.parametrize("delta", [{}, {"content": ""}, {"content": " \n\t "}, {"content": None, "tool_calls": []}])
def test_nothing_is_a_failure_of_kind_empty(delta: dict[str, Any]) -> None:
    assert streamed(delta) == Failure(FailureKind.EMPTY, message="finish_reason stop", timing=TIMING)


def test_reasoning_alone_is_empty_and_says_so() -> None:
    reply = streamed({"reasoning": "hm"}, finish="length")
    assert isinstance(reply, Failure)
    assert reply.message == "finish_reason length, reasoning only"


def test_other_choices_are_not_mixed_in() -> None:
    draft = ChatDraft()
    for index, text in ((0, "a"), (1, "b"), (0, "c")):
        draft.add_chunk({"choices": [{"index": index, "delta": {"content": text}}]})
    reply = draft.result(TIMING)
    assert isinstance(reply, Reply)
    assert reply.content == "ac"


def test_usage_is_normalised_and_kept_verbatim() -> None:
    raw = {
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip
    draft = ChatDraft()
    draft.add_chunk({"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}], "usage": None})
    draft.add_chunk({"choices": [], "usage": raw})
    usage = draft.usage
    assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.reasoning_tokens) == (10, 4, 5, 2)
    assert usage.raw == raw


@pytest.mark.parametrize("count", [-1, True, "7", 2**31, None, 1.5])
def test_a_count_that_is_none_is_unknown(count: Any) -> None:
    draft = ChatDraft()
    draft.add_chunk({"choices": [], "usage": {"prompt_tokens": count, "completion_tokens": 3}})
    assert (draft.usage.input_tokens, draft.usage.output_tokens) == (None, 3)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"choices": []}, {"choices": "x"}, {"choices": ["x"]}, {"choices": [{"message": "x"}]},
        {"choices": [{"message": {"content": 7}}]}, {"choices": [{"message": {"tool_calls": {}}}]},
        {"choices": [{"message": {"tool_calls": ["x"]}}]}, {"choices": [{"message": {"tool_calls": [{"function": "x"}]}}]},
    ],
)  # fmt: skip
def test_what_has_not_the_shape_is_malformed(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedReply):
        ChatDraft().add_whole(body)


def test_an_error_object_in_a_stream_is_the_servers_word() -> None:
    with pytest.raises(ServerSaidError, match="out of memory") as caught:
        ChatDraft().add_chunk({"error": {"message": "out of memory", "code": 503}})
    assert caught.value.status == 503


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a": Infinity}', "[" * 100_000, "1" * 5000, "<html>"])
def test_what_is_not_json_is_malformed(text: str) -> None:
    with pytest.raises(MalformedReply):
        parse_json(text)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": {"message": "no"}}, "no"), ({"error": "no"}, "no"), ({"detail": "no"}, "no"),
        ({"detail": [{"loc": ["body", "n"]}]}, '[{"loc": ["body", "n"]}]'), (["x"], '["x"]'), ({"message": "no"}, "no"),
    ],
)  # fmt: skip
def test_the_words_of_an_error(body: Any, text: str) -> None:
    assert error_text(body) == text


def test_a_cut_text_is_one_bounded_line() -> None:
    assert cut("a\n\x00b\t c" + "x" * 1000, 10) == "a b cxxxx…"


def test_halves_of_a_character_are_joined_and_lonely_ones_replaced() -> None:
    first, second = json.loads('"\\ud83d"'), json.loads('"\\ude00"')
    assert repaired(first + second) == "😀"
    assert repaired(first + "\x00") == "\ufffd\ufffd"


@given(st.text(max_size=60), st.lists(st.integers(0, 60), max_size=8), st.booleans())
def test_any_cutting_of_content_gives_the_same_reply(text: str, cuts: list[int], strip_think: bool) -> None:
    places = sorted({min(at, len(text)) for at in cuts} | {0, len(text)})
    pieces = [{"content": text[a:b]} for a, b in pairwise(places)]
    assert streamed(*pieces, strip_think=strip_think) == streamed({"content": text}, strip_think=strip_think)
