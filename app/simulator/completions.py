"""The wire format of Chat Completions: one answer as a JSON object or as a stream of chunks."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from app.domain.exchange import Json

CREATED = 1_790_000_000
DONE = b"data: [DONE]\n\n"
_PIECES = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a simulated model says; `usage` None = it counts no tokens.

    `seconds_to_first` and `tokens_per_second` None = as the server's speed says.
    """

    content: str | None
    model: str
    tool_calls: tuple[Json, ...] = ()
    finish_reason: str = "stop"
    usage: Json | None = None
    reasoning: str | None = None
    seconds_to_first: float | None = None
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer in OpenAI's shape; `raw` replaces the body where the server is out of its mind."""

    status: int
    message: str
    code: str | None = None
    kind: str = "invalid_request_error"
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    def body(self) -> bytes:
        """The bytes that are sent."""
        if self.raw is not None:
            return self.raw
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return json.dumps({"error": error}).encode()


def usage_body(prompt_tokens: int, completion_tokens: int, reasoning_tokens: int = 0) -> Json:
    """Token counts in OpenAI's shape."""
    usage: Json = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    if reasoning_tokens:
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning_tokens}
    return usage


def completion_body(answer: Answer) -> Json:
    """The whole answer as one object."""
    message: Json = {"role": "assistant", "content": answer.content}
    if answer.tool_calls:
        message["tool_calls"] = list(answer.tool_calls)
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}
    body = _frame(answer, "chat.completion") | {"choices": [choice]}
    return body if answer.usage is None else body | {"usage": answer.usage}


def chunks(answer: Answer, *, include_usage: bool) -> Iterator[tuple[int, bytes]]:
    """The answer as server-sent events, each with how many tokens' time it takes; `[DONE]` ends it."""
    frame = _frame(answer, "chat.completion.chunk") | ({"usage": None} if include_usage else {})

    def event(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event_bytes(frame | {"choices": [choice]})

    yield 0, event({"role": "assistant", "content": ""})
    for piece in pieces_of(answer.reasoning):
        yield 1, event({"reasoning_content": piece})
    for piece in pieces_of(answer.content):
        yield 1, event({"content": piece})
    for index, call in enumerate(answer.tool_calls):
        for delta in _tool_deltas(index, call):
            yield 1, event({"tool_calls": [delta]})
    yield 0, event({}, answer.finish_reason)
    if include_usage and answer.usage is not None:
        yield 0, event_bytes(frame | {"choices": [], "usage": answer.usage})
    yield 0, DONE


def _frame(answer: Answer, kind: str) -> Json:
    content = json.dumps([answer.content, list(answer.tool_calls), answer.model], sort_keys=True)
    identity = blake2b(content.encode(), digest_size=12).hexdigest()
    return {"id": f"chatcmpl-{identity}", "object": kind, "created": CREATED, "model": answer.model}


def _tool_deltas(index: int, call: Json) -> Iterator[Json]:
    function = call["function"]
    arguments = function["arguments"]
    start = {"name": function["name"], "arguments": ""}
    yield {"index": index, "id": call.get("id"), "type": "function", "function": start}
    for piece in pieces_of(arguments):
        yield {"index": index, "function": {"arguments": piece}}


def pieces_of(text: str | None) -> list[str]:
    """A text in words, each about a token."""
    return _PIECES.findall(text or "")


def identity_of(answer: Answer, request: Json) -> str:
    """The same for the same answer to the same request."""
    content = json.dumps([request, answer.content, list(answer.tool_calls), answer.model], sort_keys=True)
    return blake2b(content.encode(), digest_size=12).hexdigest()


def event_bytes(document: Any) -> bytes:
    """An event without a name."""
    return f"data: {json.dumps(document)}\n\n".encode()
