"""Replies of the Responses API and of Completions: whole or as events, the same `Reply`."""

import json
from typing import Any

import pytest

from app.domain.exchange import Failure, Json, Reply, Timing, ToolCall
from app.domain.words import FailureKind
from app.providers.completions import CompletionsDraft
from app.providers.draft import MalformedReply, ServerSaidError
from app.providers.responses import ResponsesDraft
from app.providers.sse import Event

TIMING = Timing(total_seconds=1.0)
USAGE = {
    "input_tokens": 20, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 27,
}  # fmt: skip
MESSAGE = {
    "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
    "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
}  # fmt: skip
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "get",
    "arguments": '{"a":1}',
    "status": "completed",
}


def response(*output: Json, **fields: Any) -> Json:
    made = {"id": "resp_1", "object": "response", "model": "gpt", "status": "completed", "error": None, "output": list(output)}
    return made | {"usage": USAGE} | fields


def event(kind: str, **fields: Any) -> Event:
    return Event(json.dumps({"type": kind} | fields), kind)


def streamed(*events: Event) -> ResponsesDraft:
    draft = ResponsesDraft()
    for each in events:
        draft.add_event(each)
    return draft


def whole(body: Json) -> Reply | Failure:
    draft = ResponsesDraft()
    draft.add_whole(body)
    return draft.result(TIMING)


def last(*output: Json, kind: str = "response.completed", **fields: Any) -> Event:
    return event(kind, response=response(*output, **fields))


def text_events(index: int = 0) -> list[Event]:
    return [
        event("response.output_item.added", output_index=index, item=MESSAGE | {"content": [], "status": "in_progress"}),
        event("response.content_part.added", output_index=index, content_index=0, part={"type": "output_text", "text": ""}),
        event("response.output_text.delta", output_index=index, content_index=0, delta="Hel"),
        event("response.output_text.delta", output_index=index, content_index=0, delta="lo"),
        event("response.output_text.done", output_index=index, content_index=0, text="Hello"),
        event("response.output_item.done", output_index=index, item=MESSAGE),
    ]


def test_a_whole_response() -> None:
    reply = whole(response(THOUGHT, MESSAGE, CALL))
    assert isinstance(reply, Reply)
    assert (reply.content, reply.reasoning, reply.finish_reason) == ("Hello", "hm", "tool_calls")
    assert reply.tool_calls == (ToolCall("get", '{"a":1}', "call_1"),)
    counts = reply.usage
    assert (counts.input_tokens, counts.cached_input_tokens, counts.output_tokens, counts.reasoning_tokens) == (20, 8, 7, 3)
    assert counts.raw == USAGE


def test_a_streamed_response_is_the_whole_one() -> None:
    thought = [
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="h"),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="m"),
        event("response.output_item.done", output_index=0, item=THOUGHT),
    ]
    call = [
        event("response.output_item.added", output_index=2, item=CALL | {"arguments": ""}),
        event("response.function_call_arguments.delta", output_index=2, item_id="fc_1", delta='{"a"'),
        event("response.function_call_arguments.delta", output_index=2, item_id="fc_1", delta=":1}"),
        event("response.function_call_arguments.done", output_index=2, item_id="fc_1", arguments='{"a":1}'),
    ]
    draft = streamed(*thought, *text_events(1), *call, last(THOUGHT, MESSAGE, CALL))
    assert draft.is_done
    assert (draft.model, draft.response_id) == ("gpt", "resp_1")
    assert draft.result(TIMING) == whole(response(THOUGHT, MESSAGE, CALL))


def test_what_is_told_only_at_the_end_is_not_lost_and_what_was_told_is_not_doubled() -> None:
    for events in ([], text_events(0), text_events(3), text_events()[:4], [text_events()[4]], [text_events()[5]]):
        reply = streamed(*events, last(THOUGHT, MESSAGE, CALL)).result(TIMING)
        assert isinstance(reply, Reply)
        assert (reply.content, reply.reasoning, len(reply.tool_calls)) == ("Hello", "hm", 1)


def test_the_first_delta_of_each_kind_is_noticed() -> None:
    draft = streamed(event("response.created", response=response(status="in_progress")), text_events()[0], text_events()[1])
    assert not draft.has_any
    draft.add_event(event("response.reasoning_text.delta", output_index=0, content_index=0, delta="hm"))
    assert (draft.has_any, draft.has_visible) == (True, False)
    draft.add_event(event("response.output_item.added", output_index=1, item=CALL | {"arguments": ""}))
    assert draft.has_visible


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("else", "else"), (None, "incomplete")],
)
def test_incomplete_responses_keep_what_they_said(reason: str | None, finish: str) -> None:
    details = {"reason": reason} if reason else None
    done = last(MESSAGE, kind="response.incomplete", status="incomplete", incomplete_details=details)
    reply = streamed(*text_events(), done).result(TIMING)
    assert isinstance(reply, Reply)
    assert (reply.content, reply.finish_reason) == ("Hello", finish)


def test_refusals_are_what_the_user_sees() -> None:
    refusal = MESSAGE | {"content": [{"type": "refusal", "refusal": "No."}]}
    deltas = [event("response.refusal.delta", output_index=0, content_index=0, delta=text) for text in ("N", "o.")]
    for reply in (whole(response(refusal)), streamed(*deltas, last(refusal)).result(TIMING)):
        assert isinstance(reply, Reply)
        assert reply.content == "No."


def test_custom_tools_take_text() -> None:
    call = {"type": "custom_tool_call", "call_id": "c", "name": "run", "input": "ls"}
    events = [event("response.custom_tool_call_input.delta", output_index=0, delta="ls")]
    for reply in (whole(response(call)), streamed(*events, last(call)).result(TIMING)):
        assert isinstance(reply, Reply)
        assert reply.tool_calls == (ToolCall("run", "ls", "c"),)


@pytest.mark.parametrize(
    "failed",
    [
        event("error", code="server_error", message="overloaded", param=None),
        event("error", error={"message": "overloaded"}),
        last(kind="response.failed", status="failed", error={"code": "server_error", "message": "overloaded"}),
        Event('{"error": {"message": "overloaded"}}'),
    ],
)
def test_errors_are_said(failed: Event) -> None:
    with pytest.raises(ServerSaidError, match="overloaded"):
        streamed(*text_events()[:3], failed)


def test_a_response_in_the_background_is_no_failure() -> None:
    reply = whole(response(status="queued", usage=None))
    assert isinstance(reply, Reply)
    assert (reply.content, reply.finish_reason) == (None, "queued")
    empty = whole(response())
    assert isinstance(empty, Failure)
    assert empty.kind is FailureKind.EMPTY


@pytest.mark.parametrize(
    "body", [{}, {"choices": []}, {"output": "x"}, {"output": [1]}, {"output": [{"type": "message", "content": [1]}]}]
)
def test_other_shapes_are_malformed(body: Json) -> None:
    with pytest.raises(MalformedReply):
        whole(body)


def completions(*choices: Json, **fields: Any) -> Json:
    return {"id": "cmpl-1", "object": "text_completion", "model": "gpt", "choices": list(choices)} | fields


def test_completions_whole_and_streamed() -> None:
    usage = {"prompt_tokens": 4, "completion_tokens": 2}
    one = CompletionsDraft()
    one.add_whole(completions({"index": 0, "text": " world", "finish_reason": "length"}, usage=usage))
    other = CompletionsDraft()
    for text in (" wor", "ld"):
        other.add_event(Event(json.dumps(completions({"index": 0, "text": text, "finish_reason": None}, usage=None))))
    assert other.has_visible
    other.add_event(Event(json.dumps(completions({"index": 0, "text": "", "finish_reason": "length"}))))
    other.add_event(Event(json.dumps(completions(usage=usage))))
    other.add_event(Event("[DONE]"))
    assert one.result(TIMING) == other.result(TIMING) == Reply(" world", (), "length", one.usage, TIMING)
    assert (one.usage.output_tokens, one.response_id) == (2, "cmpl-1")


def test_thoughts_inside_completions_are_thoughts() -> None:
    draft = CompletionsDraft(strip_think=True)
    draft.add_whole(completions({"index": 0, "text": "<think>hm</think>Yes", "finish_reason": "stop"}))
    reply = draft.result(TIMING)
    assert isinstance(reply, Reply)
    assert (reply.content, reply.reasoning) == ("Yes", "hm")
