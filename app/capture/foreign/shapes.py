"""What the foreign formats have in common: Chat Completions inside, times in many spellings."""

from datetime import UTC, datetime
from typing import Any

import orjson

from app.capture.lines import UnusableRecord
from app.domain.exchange import Json

# What of a request decides the answer; everything else in a record is about the call, not part of it.
PARAMETERS = (
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
    "max_tokens", "metadata", "modalities", "n", "parallel_tool_calls", "prediction", "presence_penalty", "reasoning_effort",
    "response_format", "safety_identifier", "seed", "service_tier", "stop", "stream", "stream_options", "temperature",
    "tool_choice", "tools", "top_k", "top_logprobs", "top_p", "user", "verbosity",
)  # fmt: skip


def chat_request(record: Json, messages: list[Any], *, model: Any) -> Json:
    """A request from the parameters that lie in a record."""
    given = {key: record[key] for key in PARAMETERS if record.get(key) is not None}
    return {"model": model, "messages": messages, **given} if model else {"messages": messages, **given}


def message_reply(message: Any) -> Json:
    """An assistant's message as content and tool calls; a refusal is what the user reads."""
    if not isinstance(message, dict):
        message = {"content": message} if isinstance(message, str) else {}
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    reply = {"content": content or message.get("refusal"), "tool_calls": tool_calls(message.get("tool_calls"))}
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    return reply | ({"reasoning": reasoning} if isinstance(reasoning, str) else {})


def first_choice(completion: Any) -> Json | None:
    """The first choice of a completion; `None` if it is not one."""
    choices = completion.get("choices") if isinstance(completion, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) else None


def tool_calls(calls: Any) -> list[Any] | None:
    """Tool calls with what we know of them; `arguments` as the text that they are on the wire."""
    if not calls:
        return None
    return [_tool_call(unpacked(call)) for call in (calls if isinstance(calls, list) else [calls])]


def _tool_call(call: Any) -> Any:
    if not isinstance(call, dict):
        return call
    function = call["function"] if isinstance(call.get("function"), dict) else call  # some tools keep them flat
    arguments = function.get("arguments")
    if isinstance(arguments, dict | list):
        arguments = orjson.dumps(arguments).decode()
    made: Json = {"function": {"name": function.get("name"), "arguments": arguments or ""}}
    return made | ({"id": call["id"]} if call.get("id") else {})


def unpacked(value: Any) -> Any:
    """JSON that was stored as text, as what it says; other text as it is."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def required(record: Json, key: str, kind: type[Any]) -> Any:
    """A value that the record must have."""
    value = record.get(key)
    if not isinstance(value, kind) or not value:
        message = f"{key} is missing or not what the format says"
        raise UnusableRecord(message, field=key, code="missing")
    return value


def epoch(value: Any, field: str) -> str:
    """Seconds since 1970 as a time of our format."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 4_102_444_800:  # noqa: PLR2004 - 2100
        message = f"{field} must be seconds since 1970"
        raise UnusableRecord(message, field=field, code="not_a_time")
    return datetime.fromtimestamp(value, UTC).isoformat()


def moment(value: Any, field: str) -> datetime | None:
    """A time; both tools write UTC, with or without saying so. `None` if there is none."""
    if value is None or value == "":
        return None
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):  # the last: the first or last day that there is, in a zone
        message = f"{field} must be an ISO 8601 time"
        raise UnusableRecord(message, field=field, code="not_a_time") from None


def arrival(value: Any, field: str) -> datetime:
    """The time of arrival, which every record must have."""
    read = moment(value, field)
    if read is None:
        message = f"{field} is missing"
        raise UnusableRecord(message, field=field, code="missing")
    return read


def timing(start: datetime, first: datetime | None, end: datetime | None) -> Json:
    """Durations between the moments of a call.

    A call that ended when it began was not measured. A first token that came at the end is that of a call without streaming.
    """
    if end is None or end <= start:
        return {}
    times = {"total_seconds": (end - start).total_seconds()}
    if first is not None and start < first < end:
        times["ttft_any_seconds"] = (first - start).total_seconds()
    return times
