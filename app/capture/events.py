"""Events as entries of the streams: version, what is never secret in the clear, the rest sealed where it has to be.

An entry has two fields: `h`, the head as JSON (version, kind, pilot, boot, number, at_us, sealed), and `b`, the detail's JSON,
a line feed and the parts one after the other. Sealed means AES-256-GCM over `b` with the head as associated data.

A newer release reads every entry that an older one wrote (tests/unit/capture/golden). A new field with a default needs no new
version: older readers skip it. Anything else that an older reader would take wrongly, also a new word in a closed list, does:
then the readers (mirror, recorder) are renewed first, and what an older one meets all the same waits (`app/capture/newer.py`).
"""

from dataclasses import dataclass, fields
from typing import Any

import orjson

from app.capture.sealing import Sealer, SealError
from app.domain.live import (
    ArmReplyEvent,
    CountEvent,
    ExchangeEvent,
    MirrorEvent,
    PilotCount,
    RecordEvent,
    RepeatEvent,
    ReplyEvent,
    RequestEvent,
    hints_of,
)

VERSION = 1
Entry = dict[bytes, bytes]
HEAD, BODY = b"h", b"b"
_HEAD_NAMES = ("pilot", "boot", "number", "at_us")


class UnreadableEvent(ValueError):
    """An entry that this version cannot read: of a newer version, sealed with another key, or damaged."""


class NewerEvent(UnreadableEvent):
    """An entry of a newer version, or of a kind that this one does not know: a newer process can read it."""


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    made: type[Any]
    parts: tuple[str, ...]


_KINDS = (
    _Kind("request", RequestEvent, ("body",)),
    _Kind("reply", ReplyEvent, ("body", "request")),
    _Kind("count", CountEvent, ()),
    _Kind("exchange", ExchangeEvent, ("request",)),
    _Kind("arm_reply", ArmReplyEvent, ("body",)),
    _Kind("repeat", RepeatEvent, ()),
)
_BY_NAME = {kind.name: kind for kind in _KINDS}
_BY_TYPE = {kind.made: kind for kind in _KINDS}
_DETAIL_NAMES = {
    kind.made: tuple(f.name for f in fields(kind.made) if f.name not in (*_HEAD_NAMES, *kind.parts)) for kind in _KINDS
}


def encode(event: MirrorEvent | RecordEvent, sealer: Sealer | None = None) -> Entry:
    """The stream's entry of an event.

    Args:
        event: What happened.
        sealer: Given where the content may not lie in Redis in the clear.
    """
    kind = _BY_TYPE[type(event)]
    head = {name: getattr(event, name) for name in _HEAD_NAMES if hasattr(event, name)}
    # A copy: what orjson returns keeps its whole buffer, four times an event's size while it waits.
    head_text = bytes(memoryview(orjson.dumps({"v": VERSION, "kind": kind.name, "sealed": sealer is not None, **head})))
    detail: dict[str, Any] = {name: getattr(event, name) for name in _DETAIL_NAMES[kind.made]}
    parts = [getattr(event, name) for name in kind.parts]
    detail["parts"] = [None if part is None else len(part) for part in parts]
    body = b"".join((orjson.dumps(detail), b"\n", *(part for part in parts if part)))
    return {HEAD: head_text, BODY: body if sealer is None else sealer.seal(body, head_text)}


def decode(entry: Entry, sealer: Sealer | None = None) -> MirrorEvent | RecordEvent:
    """The event of an entry.

    Raises:
        UnreadableEvent: It cannot be read; `head_of` may still say whose it is.
    """
    head = head_of(entry)
    kind = _BY_NAME[head.pop("kind")]
    body = _opened(entry, sealer) if head["sealed"] else entry[BODY]
    try:
        text, _, rest = body.partition(b"\n")
        detail = orjson.loads(text)
        values = dict(zip(kind.parts, _parts(detail.pop("parts"), rest), strict=True))
        names = {f.name for f in fields(kind.made)}
        known = {name: value for name, value in {**head, **detail}.items() if name in names}  # an older reader skips new fields
        return _made(kind.made, known | values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # the last of what should be an object and is none
        message = f"a damaged event of kind {kind.name}: {error}"
        raise UnreadableEvent(message) from error


def head_of(entry: Entry) -> dict[str, Any]:
    """What is never sealed: kind, pilot, boot, number, at_us, sealed.

    Raises:
        NewerEvent: It is of a newer version.
        UnreadableEvent: It is no event.
    """
    try:
        head: dict[str, Any] = orjson.loads(entry[HEAD])
        version = head.pop("v")
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        message = "an entry that is no event"
        raise UnreadableEvent(message) from error
    if type(version) is not int or version < 1 or not isinstance(head.get("kind"), str) or "sealed" not in head:
        message = "an entry that is no event"
        raise UnreadableEvent(message)
    if version > VERSION or head["kind"] not in _BY_NAME:
        message = f"an event of version {version} and kind {head['kind'][:40]!r}; this process reads up to version {VERSION}"
        raise NewerEvent(message)
    return head


def _opened(entry: Entry, sealer: Sealer | None) -> bytes:
    if sealer is None:
        message = "a sealed event, and no key to open it"
        raise UnreadableEvent(message)
    try:
        return sealer.open(entry[BODY], entry[HEAD])
    except SealError as error:
        message = "a sealed event of another key"
        raise UnreadableEvent(message) from error


def _parts(lengths: list[int | None], rest: bytes) -> list[bytes | None]:
    found: list[bytes | None] = []
    at = 0
    for length in lengths:
        if length is None:
            found.append(None)
            continue
        found.append(rest[at : at + length])
        at += length
    if at != len(rest):
        message = f"{len(rest)} bytes where {at} were said"
        raise ValueError(message)
    return found


def _made(made: type[Any], values: dict[str, Any]) -> MirrorEvent | RecordEvent:
    if "hints" in values:
        values["hints"] = hints_of(values["hints"])
    if made is ReplyEvent:
        values["chunks"] = tuple((seconds, size) for seconds, size in values["chunks"])
    if made is ExchangeEvent:
        values["awaits"] = tuple(values["awaits"])
    if made is CountEvent:
        values["pilots"] = {name: PilotCount(**found) for name, found in values["pilots"].items()}
    event: MirrorEvent | RecordEvent = made(**values)
    return event


def size_of(entry: Entry) -> int:
    """Bytes that an entry counts against a bound."""
    return sum(len(name) + len(value) for name, value in entry.items())
