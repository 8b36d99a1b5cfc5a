"""Langfuse's observations: as its API and its pages export them (camelCase), or its blob storage (snake_case).

Shape (Langfuse's docs, "Blob storage export field reference"): `type`, `id`, `traceId`, `sessionId`, `startTime`, `endTime`,
`completionStartTime`, `level`, `statusMessage`, `input`, `output`, `model` or `providedModelName`, `modelParameters`,
`usageDetails`, `toolCalls`; JSON may be text. Times are UTC. Observations of a trace without a session are one conversation.
"""

from typing import Any

from app.capture.foreign.shapes import arrival, chat_request, first_choice, message_reply, moment, timing, tool_calls, unpacked
from app.capture.lines import UnusableRecord
from app.domain.exchange import Json


def from_langfuse(record: Json) -> Json | None:
    """The line of a generation; spans, events and other observations are no exchanges."""
    if str(_of(record, "type") or "GENERATION").upper() != "GENERATION":
        return None
    start = arrival(_of(record, "startTime"), "startTime")
    times = timing(
        start,
        moment(_of(record, "completionStartTime"), "completionStartTime"),
        moment(_of(record, "endTime"), "endTime"),
    )
    line: Json = {
        "arrived_at": start.isoformat(),
        "request": _request(record),
        "replies": {"incumbent": _reply(record) | times},
    }
    ids = {"exchange_id": _of(record, "id"), "conversation_id": _of(record, "sessionId") or _of(record, "traceId")}
    return line | {key: value for key, value in ids.items() if value}


def _of(record: Json, name: str) -> Any:
    """A field in either spelling; empty text is how the blob storage writes nothing."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    value = record.get(name, record.get(snake))
    return None if value == "" else value


def _model(record: Json) -> Any:
    return _of(record, "model") or _of(record, "providedModelName")


def _request(record: Json) -> Json:
    given = unpacked(_of(record, "input"))
    body: Json = given if isinstance(given, dict) else {}
    messages = body.get("messages", given)
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if isinstance(messages, dict) and "role" in messages:
        messages = [messages]
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) and "role" in m for m in messages):
        message = "input must be the messages that the model was sent (a list of objects with role and content, or a text)"
        raise UnusableRecord(message, field="input", code="no_messages")
    parameters = unpacked(_of(record, "modelParameters"))
    parameters = parameters if isinstance(parameters, dict) else {}
    return chat_request(parameters | body, messages, model=body.get("model") or _model(record))


def _reply(record: Json) -> Json:
    model = {"model": _model(record)} if _model(record) else {}
    if _of(record, "level") == "ERROR":
        said = str(_of(record, "statusMessage") or "")
        failure: Json = {"failure": "timeout" if "timeout" in said.lower() or "timed out" in said.lower() else "http"}
        return failure | model | ({"message": said[:1000]} if said else {})
    output = unpacked(_of(record, "output"))
    choice = first_choice(output)
    if choice is not None:
        output = choice.get("message")
    if isinstance(output, list):
        output = output[-1] if output else None
    reply = message_reply(output) if not isinstance(output, dict) or "content" in output or "tool_calls" in output else None
    if reply is None:
        message = "output must be the model's message (an object with content or tool_calls, or a text)"
        raise UnusableRecord(message, field="output", code="no_response")
    if not reply["tool_calls"]:
        reply["tool_calls"] = tool_calls(_of(record, "toolCalls"))
    return reply | model | _usage(record) | ({"finish_reason": choice.get("finish_reason")} if choice else {})


def _usage(record: Json) -> Json:
    """Langfuse counts each kind of token once: the cached ones apart from `input`, unless `total` says otherwise."""
    raw = unpacked(_of(record, "usageDetails"))
    counts = {key: value for key, value in raw.items() if isinstance(value, int)} if isinstance(raw, dict) else {}
    if not counts:
        return {}
    plain = counts.get("input", 0) + counts.get("output", 0)
    inside = counts.get("total") == plain
    prompt = counts.get("input", 0) if inside else _sum(counts, "input")
    completion = counts.get("output", 0) if inside else _sum(counts, "output")
    cached = next((counts[key] for key in _CACHED if key in counts), None)
    reasoning = next((counts[key] for key in _REASONING if key in counts), None)
    usage: Json = {"prompt_tokens": prompt, "completion_tokens": completion, "langfuse": raw}
    usage |= {"prompt_tokens_details": {"cached_tokens": cached}} if cached is not None else {}
    usage |= {"completion_tokens_details": {"reasoning_tokens": reasoning}} if reasoning is not None else {}
    return {"usage": usage}


_CACHED = ("input_cached_tokens", "input_cache_read", "cache_read_input_tokens")
_REASONING = ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens")


def _sum(counts: dict[str, int], side: str) -> int:
    """All tokens of one side, whatever they are called."""
    other = _CACHED if side == "input" else _REASONING
    return sum(count for key, count in counts.items() if key.startswith(side) or key in other or f"_{side}_" in key)
