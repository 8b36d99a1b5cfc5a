"""To which conversation a request belongs when nobody said it (CONTRACTS section 2), and the texts that decide it."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import orjson

from app.domain.exchange import Json
from app.domain.requests import messages_of

_TOO_DEEP = "nested too deeply"
# No set: a role may be anything that JSON can hold.
_SYSTEM_ROLES = ("system", "developer")


def conversation_of(request: Json, arrived_at: datetime) -> str:
    """The Responses API's `conversation`, else a hash of user, system text, first user message and UTC day.

    The root of a chain of `previous_response_id` is not known from one request: such requests are hashed.
    """
    conversation = request.get("conversation")
    if isinstance(conversation, dict):
        conversation = conversation.get("id")
    if isinstance(conversation, str) and conversation:
        return conversation
    parts = [user_of(request), system_text(request), first_user_text(request), f"{arrived_at.astimezone(UTC):%Y-%m-%d}"]
    return "h-" + hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]


def user_of(request: Json) -> str:
    """Who asked: `safety_identifier`, else `user`; empty if neither is given."""
    found = (request.get(key) for key in ("safety_identifier", "user"))
    return next((value for value in found if isinstance(value, str) and value), "")


def system_text(request: Json) -> str:
    """The instructions of a request, in the order of its messages."""
    return "\n".join(_text(message.get("content")) for message in messages_of(request) if message.get("role") in _SYSTEM_ROLES)


def first_user_text(request: Json) -> str:
    """The first message of the user; empty if there is none."""
    return next((_text(message.get("content")) for message in messages_of(request) if message.get("role") == "user"), "")


def _text(content: Any) -> str:
    """Text as it is; parts that are no text (images, sound) as canonical JSON, so that they count too."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return "" if content is None else _canonical(content)
    return "\n".join(_part(part) for part in content)


def _part(part: Any) -> str:
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    return _canonical(part)


def _canonical(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # what orjson reads it can write, but not so deeply nested
        return _TOO_DEEP
