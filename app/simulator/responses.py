"""The wire format of the Responses API: one answer as a JSON object or as a stream of events."""

import json
from collections.abc import Iterator
from typing import Any

from app.domain.exchange import Json
from app.simulator.completions import CREATED, Answer, identity_of, pieces_of

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_EMPTY: dict[str, Json] = {"message": {"content": []}, "reasoning": {"summary": []}, "function_call": {"arguments": ""}}
Event = tuple[int, Json]


def response_body(answer: Answer, request: Json) -> Json:
    """The whole answer as one object."""
    identity = identity_of(answer, request)
    reason = _INCOMPLETE.get(answer.finish_reason)
    ended = {
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "output": _items(answer, identity),
        "usage": _usage(answer.usage),
    }
    return _frame(answer, request, identity) | ended


def response_events(answer: Answer, request: Json) -> Iterator[tuple[int, bytes]]:
    """The answer as server-sent events, each with how many tokens' time it takes; the one that ends it has the usage."""
    for number, (tokens, event) in enumerate(_events(answer, request)):
        text = json.dumps(event | {"sequence_number": number})
        yield tokens, f"event: {event['type']}\ndata: {text}\n\n".encode()


def _events(answer: Answer, request: Json) -> Iterator[Event]:
    whole = response_body(answer, request)
    begun = whole | {"status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
    yield 0, {"type": "response.created", "response": begun}
    yield 0, {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(whole["output"]):
        yield from _item_events(item, index)
    yield 0, {"type": f"response.{whole['status']}", "response": whole}


def _item_events(item: Json, index: int) -> Iterator[Event]:
    begun = item | _EMPTY[item["type"]] | ({"status": "in_progress"} if "status" in item else {})
    yield 0, {"type": "response.output_item.added", "output_index": index, "item": begun}
    place = {"output_index": index, "item_id": item["id"]}
    if item["type"] == "message":
        yield from _text_events(item["content"][0], place)
    elif item["type"] == "reasoning":
        yield from _summary_events(item["summary"][0], place)
    else:
        kind = "response.function_call_arguments"
        for piece in pieces_of(item["arguments"]):
            yield 1, place | {"type": f"{kind}.delta", "delta": piece}
        yield 0, place | {"type": f"{kind}.done", "name": item["name"], "arguments": item["arguments"]}
    yield 0, {"type": "response.output_item.done", "output_index": index, "item": item}


def _text_events(part: Json, place: Json) -> Iterator[Event]:
    place = place | {"content_index": 0}
    yield 0, place | {"type": "response.content_part.added", "part": part | {"text": ""}}
    for piece in pieces_of(part["text"]):
        yield 1, place | {"type": "response.output_text.delta", "delta": piece, "logprobs": []}
    yield 0, place | {"type": "response.output_text.done", "text": part["text"], "logprobs": []}
    yield 0, place | {"type": "response.content_part.done", "part": part}


def _summary_events(part: Json, place: Json) -> Iterator[Event]:
    place = place | {"summary_index": 0}
    yield 0, place | {"type": "response.reasoning_summary_part.added", "part": part | {"text": ""}}
    for piece in pieces_of(part["text"]):
        yield 1, place | {"type": "response.reasoning_summary_text.delta", "delta": piece}
    yield 0, place | {"type": "response.reasoning_summary_text.done", "text": part["text"]}
    yield 0, place | {"type": "response.reasoning_summary_part.done", "part": part}


def _items(answer: Answer, identity: str) -> list[Json]:
    items: list[Json] = []
    if answer.reasoning:
        summary = [{"type": "summary_text", "text": answer.reasoning}]
        items.append({"type": "reasoning", "id": f"rs_{identity}", "summary": summary})
    if answer.content is not None:
        part = {"type": "output_text", "text": answer.content, "annotations": [], "logprobs": []}
        message = {"type": "message", "id": f"msg_{identity}", "role": "assistant", "status": "completed", "content": [part]}
        items.append(message)
    for number, call in enumerate(answer.tool_calls):
        named = {"id": f"fc_{number}_{identity}", "call_id": call.get("id"), "status": "completed"}
        items.append({"type": "function_call", **named, **call["function"]})
    return items


def _frame(answer: Answer, request: Json, identity: str) -> Json:
    given: dict[str, Any] = {
        name: request.get(name)
        for name in ("instructions", "metadata", "max_output_tokens", "previous_response_id", "temperature", "top_p", "user")
    }
    shaped = {
        "tools": request.get("tools") or [],
        "tool_choice": request.get("tool_choice", "auto"),
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "text": request.get("text") or {"format": {"type": "text"}},
        "store": request.get("store", True),
    }
    named = {"id": f"resp_{identity}", "object": "response", "created_at": CREATED, "model": answer.model, "error": None}
    return named | given | shaped


def _usage(usage: Json | None) -> Json | None:
    """Token counts by the names of the Responses API."""
    if usage is None:
        return None
    prompt, completion = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": prompt + completion,
    }
