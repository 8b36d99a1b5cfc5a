"""Requests and replies, masked: what they mean to a program stays, what a person said in them is masked."""

import re
from dataclasses import replace
from typing import Any

from app.capture.masking.files import KIND as FILE
from app.capture.masking.masker import DEEPEST_VALUE, Masker
from app.domain.exchange import Failure, Json, Reply

# Words of the interface, never of a person; outside of the texts that models and tools write.
_STRUCTURE = frozenset(
    {"role", "type", "model", "finish_reason", "object", "status", "detail", "format", "tool_choice", "encoding_format"}
)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,127}")
# Whose keys the client chose.
_FREE = frozenset({"metadata", "variables"})
_PEOPLE = frozenset({"user", "safety_identifier"})
# No set: the type of a part may be anything that JSON can hold.
_FILE_PARTS = ("image_url", "input_image", "input_audio", "audio", "file", "input_file", "video_url", "input_video")
_PLACEHOLDER = f"[{FILE}]"


def mask_request(masker: Masker, request: Json) -> Json:
    """A request of any mirrored route; names of models, roles and tools stay."""
    masked = {masker.key(key): _inner(masker, value, key, 1) for key, value in request.items()}
    for name in _PEOPLE & request.keys():
        if isinstance(request[name], str):
            masked[name] = masker.placeholder("USER", request[name])
    return masked


def mask_reply(masker: Masker, reply: Reply | Failure) -> Reply | Failure:
    """A reply or failure; names of tools and token counts stay."""
    if isinstance(reply, Failure):
        return replace(reply, message=_text(masker, reply.message))
    calls = tuple(replace(call, arguments=masker.text(call.arguments)) for call in reply.tool_calls)
    return replace(reply, content=_text(masker, reply.content), reasoning=_text(masker, reply.reasoning), tool_calls=calls)


def without_files(request: Json) -> Json:
    """A masked request whose files, which are gone, are said in words: a server would refuse what is no file."""
    changed = dict(request)
    for key, kind in (("messages", "text"), ("input", "input_text")):
        if isinstance(request.get(key), list):
            changed[key] = [_without_files(item, kind) for item in request[key]]
    return changed


def _text(masker: Masker, text: str | None) -> str | None:
    return masker.text(text) if text else text


def _inner(masker: Masker, value: Any, label: str, depth: int) -> Any:
    if isinstance(value, dict) and label not in _FREE:
        if depth > DEEPEST_VALUE:
            return _PLACEHOLDER
        is_named = (
            "arguments" in value or "parameters" in value or "function" in value or value.get("type") in ("function", "custom")
        )
        return {
            masker.key(key): inner if _stays(key, inner, is_named=is_named) else _inner(masker, inner, key, depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_inner(masker, each, label, depth + 1) for each in value]
    return masker.value(value, label)


def _stays(key: str, value: Any, *, is_named: bool) -> bool:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        return False
    return key in _STRUCTURE or (is_named and key == "name")


def _without_files(item: Any, kind: str) -> Any:
    """A message; each of its parts that held a file becomes a text."""
    content = item.get("content") if isinstance(item, dict) else None
    if not isinstance(content, list):
        return item
    parts = [{"type": kind, "text": _PLACEHOLDER} if _held_a_file(part) else part for part in content]
    return item | {"content": parts}


def _held_a_file(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in _FILE_PARTS and _has_placeholder(part)


def _has_placeholder(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_placeholder(inner) for inner in value.values())
    return isinstance(value, str) and value == _PLACEHOLDER
