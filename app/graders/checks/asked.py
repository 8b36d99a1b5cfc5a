"""What a request asks for, as far as checks need to know."""

from collections.abc import Iterator
from typing import Any

from app.domain.exchange import Json, Reply
from app.domain.requests import messages_of

# No sets: what is looked for may be anything that JSON can hold.
_SYSTEM_ROLES = ("system", "developer")
_JSON_TYPES = ("json_object", "json_schema")


def asks_for_json(request: Json) -> bool:
    """Whether the request's `response_format` (or `text.format`) wants the content to be JSON."""
    given = request.get("response_format")
    if given is None and isinstance(request.get("text"), dict):
        given = request["text"].get("format")
    return isinstance(given, dict) and given.get("type") in _JSON_TYPES


def last_user_text(request: Json) -> str:
    """The text of the user's last message; empty without one."""
    last = ""
    for message in messages_of(request):
        if message.get("role", "user") == "user":
            last = text_of(message.get("content"))
    return last


def system_texts(request: Json) -> Iterator[str]:
    """The instructions, one message after the other."""
    return (text_of(message.get("content")) for message in messages_of(request) if message.get("role") in _SYSTEM_ROLES)


def text_of(content: Any) -> str:
    """The text of a message; parts that are no text say nothing."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))


def has_content(reply: Reply) -> bool:
    """Whether a reply says anything."""
    return bool(reply.content and not reply.content.isspace())
