"""The texts that a judge is shown, with marked lines that part them, and where they are cut."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.exchange import Json, Reply
from app.domain.payload import tool_calls_of
from app.domain.requests import messages_of
from app.graders.canonical import canonical_calls, canonical_json

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many characters of the texts are shown; `None` = all.

    Attributes:
        reply_chars: Of each reply, and of a reference: the same for both arms. What is longer ends there.
        conversation_chars: Of the conversation: what is longer lacks its middle.
    """

    reply_chars: int | None = None
    conversation_chars: int | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Shown:
    """A text as it is shown, and how many characters of it are not."""

    text: str
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """Lines of a text: a line of ours that carries the mark, or what somebody wrote."""

    text: str
    is_ours: bool = False


def shown_conversation(request: Json, mark: str, most: int | None = None) -> Shown:
    """The request's messages: a single user message verbatim, several each under a line with its role and the mark."""
    messages = list(messages_of(request))
    is_alone = len(messages) == 1 and messages[0].get("role") == "user"
    pieces: list[_Piece] = []
    for message in messages:
        if not is_alone:
            pieces.append(_line(_role(message), mark))
        pieces += _pieces(*_message_parts(message), mark)
    kept, left_out = _without_middle(pieces, mark, most)
    return Shown(_joined(kept), left_out)


def shown_reply(reply: Reply, mark: str, most: int | None = None) -> Shown:
    """A reply as its user would get it: the content verbatim, then the tool calls, if any."""
    pieces = _pieces(reply.content or "", [_escaped(call) for call in canonical_calls(reply.tool_calls)], mark)
    kept, left_out = _without_end(pieces, mark, most)
    return Shown(_joined(kept), left_out)


def shown_reference(reference: str, mark: str, most: int | None = None) -> Shown:
    """A reference answer, verbatim."""
    kept, left_out = _without_end([_Piece(reference)], mark, most)
    return Shown(_joined(kept), left_out)


def conversation_text(request: Json, mark: str) -> str:
    """`shown_conversation`, uncut."""
    return shown_conversation(request, mark).text


def reply_text(reply: Reply, mark: str) -> str:
    """`shown_reply`, uncut."""
    return shown_reply(reply, mark).text


def shown_messages(request: Json) -> list[tuple[str, str, list[str]]]:
    """What a judge is shown of a request, for people: role, text and tool calls of each message."""
    return [(_role(message), *_message_parts(message)) for message in messages_of(request)]


def _line(title: str, mark: str) -> _Piece:
    return _Piece(f"<<<{title} {mark}>>>", is_ours=True)


def _cut_line(left_out: int, mark: str) -> _Piece:
    return _line(f"cut here: {left_out} characters are not shown", mark)


def _pieces(content: str, calls: Sequence[str], mark: str) -> list[_Piece]:
    if not calls:
        return [_Piece(content)]
    said = [_Piece(content)] if content else []
    return [*said, _line("tool calls", mark), *(_Piece(call) for call in calls)]


def _joined(pieces: Sequence[_Piece]) -> str:
    """The text as UTF-8 can carry it: halves of a character that somebody cut are joined or replaced."""
    text = "\n".join(piece.text for piece in pieces)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if _HALF.search(text) else text


def _chars(pieces: Sequence[_Piece]) -> int:
    return sum(len(piece.text) for piece in pieces if not piece.is_ours)


def _without_end(pieces: list[_Piece], mark: str, most: int | None) -> tuple[list[_Piece], int]:
    """As many characters as are shown, and how many follow; a marked line says so."""
    left_out = 0 if most is None else _chars(pieces) - most
    if most is None or left_out <= 0:
        return pieces, 0
    kept, room = [], most
    for piece in pieces:
        if room <= 0:
            break
        kept.append(piece if piece.is_ours else _Piece(piece.text[:room]))
        room -= 0 if piece.is_ours else len(piece.text)
    return [*kept, _cut_line(left_out, mark)], left_out


def _without_middle(pieces: list[_Piece], mark: str, most: int | None) -> tuple[list[_Piece], int]:
    """The beginning and the end, as many characters of each; a marked line stands where the middle was."""
    left_out = 0 if most is None else _chars(pieces) - most
    if most is None or left_out <= 0:
        return pieces, 0
    start = most // 2
    end = start + left_out
    before: list[_Piece] = []
    after: list[_Piece] = []
    at = 0
    for piece in pieces:
        if piece.is_ours:
            (before if at < start else after).append(piece)
            continue
        head, tail = piece.text[: max(0, start - at)], piece.text[max(0, end - at) :]
        at += len(piece.text)
        if head:
            before.append(_Piece(head))
        if tail:
            after.append(_Piece(tail))
        elif at <= end:
            after.clear()  # the lines above a text that is left out
    return [*before, _cut_line(left_out, mark), *after], left_out


def _role(message: Json) -> str:
    role = message.get("role") or message.get("type")
    return role if isinstance(role, str) and role in _ROLES else f"message {_shown_json(role)}"


def _message_parts(message: Json) -> tuple[str, list[str]]:
    """What a message says, and each call in it as canonical JSON."""
    if "content" not in message and "role" not in message:
        return _shown_json({key: value for key, value in message.items() if key != "id"}), []
    content = _content_text(message.get("content"))
    try:
        return content, [_escaped(call) for call in canonical_calls(tool_calls_of(message.get("tool_calls")))]
    except (ValueError, TypeError):
        return content, [_shown_json(message["tool_calls"])]


def _content_text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "\n".join(_content_part(part) for part in parts)


def _content_part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    return _shown_json(part)


def _shown_json(value: Any) -> str:
    try:
        return _escaped(canonical_json(_without_bytes(value)))
    except (ValueError, RecursionError):
        return "(JSON that is nested too deeply)"


def _escaped(document: str) -> str:
    """JSON that spelt half a character as an escape spells it so again: by itself it cannot be sent."""
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", document)


def _without_bytes(value: Any) -> Any:
    """Files inside a message are named, not sent along: a text model can do nothing with their bytes."""
    if isinstance(value, dict):
        return {key: _without_bytes(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_bytes(inner) for inner in value]
    if isinstance(value, str) and value.startswith("data:") and "," in value:
        return f"{value.partition(',')[0]},({len(value)} characters)"
    return value
