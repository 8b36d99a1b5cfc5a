"""LiteLLM's spend logs: rows of `LiteLLM_SpendLogs`, as the proxy's API or its database gives them.

Shape (LiteLLM's schema.prisma and `spend_tracking_utils.py`): `request_id`, `call_type`, `startTime`, `endTime`,
`completionStartTime`, `model`, `messages`, `response`, `proxy_server_request` (the request's body), `session_id`, `end_user`,
`status`, `metadata.error_information`; JSON columns may be text. The log has texts only with
`store_prompts_in_spend_logs: true`. Times are UTC.
"""

from typing import Any

import orjson

from app.capture.foreign.shapes import arrival, chat_request, first_choice, message_reply, moment, required, timing, unpacked
from app.capture.lines import UnusableRecord
from app.domain.exchange import Json

CALL_TYPES = frozenset({"", "completion", "acompletion"})
TRUNCATED = b"litellm_truncated"


def from_litellm(record: Json) -> Json | None:
    """The line of a spend log's row; rows of other calls (embeddings, images, responses) are no exchanges."""
    if str(record.get("call_type") or "") not in CALL_TYPES:
        return None
    start = arrival(record.get("startTime"), "startTime")
    line: Json = {
        "exchange_id": required(record, "request_id", str),
        "arrived_at": start.isoformat(),
        "request": _request(record),
        "replies": {"incumbent": _reply(record) | _timing(record)},
    }
    return line | ({"conversation_id": record["session_id"]} if record.get("session_id") else {})


def _request(record: Json) -> Json:
    body = _whole(record, "proxy_server_request")
    body = body if isinstance(body, dict) else {}
    messages = body.get("messages") or _whole(record, "messages")
    if not isinstance(messages, list) or not messages:
        message = "messages is empty: the log has texts only with general_settings.store_prompts_in_spend_logs: true"
        raise UnusableRecord(message, field="messages", code="no_messages")
    request = chat_request(body, messages, model=body.get("model") or record.get("model"))
    user = record.get("end_user")
    return request if "user" in request or not user else request | {"user": user}


def _reply(record: Json) -> Json:
    if record.get("status") == "failure":
        return _failure(record)
    response = _whole(record, "response")
    choice = first_choice(response)
    if choice is None:
        message = "response is empty: the log has texts only with general_settings.store_prompts_in_spend_logs: true"
        raise UnusableRecord(message, field="response", code="no_response")
    about = {
        "finish_reason": choice.get("finish_reason"),
        "usage": response.get("usage") or _counted(record),
        "model": response.get("model") or record.get("model"),
    }
    return message_reply(choice.get("message")) | {key: value for key, value in about.items() if value}


def _counted(record: Json) -> Json:
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {name: record[name] for name in names if isinstance(record.get(name), int)}


def _failure(record: Json) -> Json:
    metadata = unpacked(record.get("metadata"))
    said = metadata.get("error_information") if isinstance(metadata, dict) else None
    said = said if isinstance(said, dict) else {}
    kind, code = str(said.get("error_class") or ""), str(said.get("error_code") or "")
    failure: Json = {"failure": "http"}
    if "Timeout" in kind:
        failure = {"failure": "timeout"}
    elif "Connection" in kind:
        failure = {"failure": "connection"}
    elif code.isdigit() and 100 <= int(code) <= 599:  # noqa: PLR2004
        failure["status"] = int(code)
    message = said.get("error_message")
    return failure | ({"message": message[:1000]} if isinstance(message, str) and message else {})


def _timing(record: Json) -> Json:
    if str(record.get("cache_hit")).lower() == "true":  # answered by LiteLLM's cache: no time of the model
        return {}
    start = arrival(record.get("startTime"), "startTime")
    first = moment(record.get("completionStartTime"), "completionStartTime")
    return timing(start, first, moment(record.get("endTime"), "endTime"))


def _whole(record: Json, field: str) -> Any:
    """A column with texts, which LiteLLM cuts beyond a length: a text with a hole is of no use."""
    value = unpacked(record.get(field))
    try:
        is_cut = bool(value) and TRUNCATED in orjson.dumps(value)
    except TypeError:  # what orjson reads it can write, but not so deeply nested
        message = f"{field} is nested too deeply"
        raise UnusableRecord(message, field=field, code="too_deep") from None
    if is_cut:
        message = f"{field} was cut by LiteLLM: raise MAX_STRING_LENGTH_PROMPT_IN_DB, or leave this record out"
        raise UnusableRecord(message, field=field, code="truncated")
    return value
