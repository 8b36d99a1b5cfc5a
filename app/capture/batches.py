"""What in-app clients post to `/ingest` (docs/in-app.md): a line of JSON, then the bodies one after the other."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.domain.live import End, Hints
from app.domain.toml_table import ContentLevel
from app.errors import InvalidInput, Problem

VERSION = 1
MAX_EVENTS = 20_000
MAX_CHUNKS = 200_000
MAX_REASONS = 40
GZIP_WINDOW = 31
Route: TypeAlias = Literal["/chat/completions", "/completions", "/responses"]
Count = Annotated[int, Field(ge=0, le=2**53)]
Moment = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[float, Field(ge=0, le=10**7, allow_inf_nan=False)]
Told = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
HeaderValue = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
Reason = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
PilotName = Annotated[str, Field(min_length=1, max_length=200)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ToldHints(_Model):
    """As `app.domain.live.Hints`."""

    segment: Told | None = None
    conversation: Told | None = None
    content: ContentLevel | None = None
    retry_count: Count | None = None

    def hints(self) -> Hints:
        """The domain's value."""
        return Hints(self.segment, self.conversation, self.content, self.retry_count)


class _Call(_Model):
    pilot: PilotName
    number: Annotated[int, Field(ge=1, le=2**53)]
    at_us: Moment
    path: Route
    hints: ToldHints


class RequestItem(_Call):
    """A request; its part is the body."""

    kind: Literal["request"]


class ReplyItem(_Call):
    """A reply; its parts are the body, and the request's body or null."""

    kind: Literal["reply"]
    status: Annotated[int, Field(ge=100, le=599)] | None
    content_type: HeaderValue
    content_encoding: HeaderValue
    chunks: Annotated[list[tuple[Seconds, Count]], Field(max_length=MAX_CHUNKS)]
    total_seconds: Seconds | None
    lag_seconds: Seconds | None
    end: End


class PilotCounts(_Model):
    """Of one pilot: how many were numbered, how many of them left no event.

    A client may be newer than the service, and know reasons (`app.domain.live.DROP_REASONS`) that it does not know yet.
    """

    issued: Count
    dropped: Annotated[dict[Reason, Count], Field(max_length=MAX_REASONS)]


class CountItem(_Model):
    """The client's ledger, cumulative."""

    kind: Literal["count"]
    at_us: Moment
    is_final: bool
    pilots: dict[PilotName, PilotCounts]


Item: TypeAlias = RequestItem | ReplyItem | CountItem
_items: TypeAdapter[Item] = TypeAdapter(Annotated[Item, Field(discriminator="kind")])


class _Head(_Model):
    version: int
    boot: Annotated[str, Field(pattern=r"^[0-9a-z]{8,32}$")]
    started_us: Moment
    sent_us: Moment
    events: Annotated[list[dict[str, Any]], Field(max_length=MAX_EVENTS)]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One event that was not taken: its place in the batch, a stable code, and why in a sentence."""

    event: int
    code: str
    message: str
    pilot: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """One event as it came: its place, what it says, and its parts."""

    place: int
    item: Item
    parts: tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class GivenBatch:
    """A batch, its clock and its events; those that are wrong by themselves are refused alone."""

    boot: str
    started_us: int
    sent_us: int
    events: tuple[Given, ...]
    refused: tuple[Refusal, ...]


class TooLarge(ValueError):
    """The body is larger than allowed once it is unpacked."""


def unpack(body: bytes, most_bytes: int) -> bytes:
    """What gzip holds, never more than allowed.

    Raises:
        TooLarge: It holds more.
        InvalidInput: It is no gzip.
    """
    packed = zlib.decompressobj(GZIP_WINDOW)
    try:
        text = packed.decompress(body, most_bytes + 1)
    except zlib.error as error:
        raise _wrong("the body is not gzip, as its Content-Encoding says", "gzip") from error
    if len(text) > most_bytes:
        raise TooLarge
    if not packed.eof or packed.unused_data:
        raise _wrong("the body's gzip is cut off, or goes on after its end", "gzip")
    return text


def read_batch(body: bytes) -> GivenBatch:
    """Reads a batch.

    Raises:
        InvalidInput: The batch as a whole cannot be read: nothing of it is taken.
    """
    line, separator, rest = body.partition(b"\n")
    try:
        head = _Head.model_validate(orjson.loads(line)) if separator else None
    except (ValueError, ValidationError) as error:
        raise _wrong(f"the batch's first line is not its head: {_first(error)}", "head") from error
    if head is None:
        raise _wrong("the batch has no first line", "head")
    if head.version != VERSION:
        raise _wrong(f"a batch of version {head.version}; this service reads version {VERSION}", "version")
    parts = _cut(head.events, rest)
    given, refused = [], []
    for place, (event, its_parts) in enumerate(zip(head.events, parts, strict=True)):
        try:
            item = _items.validate_json(orjson.dumps(event))  # in JSON a list is a tuple, too
            given.append(Given(place, item, _checked(item, its_parts)))
        except (ValueError, TypeError) as error:  # the second: nested so deeply that it cannot be written again
            pilot = event.get("pilot")
            refused.append(Refusal(place, "invalid_event", _first(error), pilot if isinstance(pilot, str) else None))
    return GivenBatch(head.boot, head.started_us, head.sent_us, tuple(given), tuple(refused))


def _cut(events: Sequence[dict[str, Any]], rest: bytes) -> list[tuple[bytes | None, ...]]:
    found, at = [], 0
    for place, event in enumerate(events):
        lengths = event.pop("parts", [])
        if not isinstance(lengths, list) or any(not (n is None or (type(n) is int and n >= 0)) for n in lengths):
            raise _wrong("parts must be a list of lengths", f"events[{place}].parts")
        cut: list[bytes | None] = []
        for length in lengths:
            cut.append(None if length is None else rest[at : at + length])
            at += length or 0
        found.append(tuple(cut))
    if at != len(rest):
        raise _wrong(f"{len(rest)} bytes follow the head, its events speak of {at}", "events")
    return found


_PARTS = {RequestItem: 1, ReplyItem: 2, CountItem: 0}


def _checked(item: Item, parts: tuple[bytes | None, ...]) -> tuple[bytes | None, ...]:
    if len(parts) != _PARTS[type(item)] or (parts and parts[0] is None):
        message = f"an event of kind {item.kind} with {len(parts)} parts"
        raise ValueError(message)
    return parts


def _wrong(message: str, field: str) -> InvalidInput:
    return InvalidInput(message, (Problem(message, field=field),))


def _first(error: Exception) -> str:
    """What is wrong, without the value: it may be text of production."""
    if not isinstance(error, ValidationError):
        return str(error) if not isinstance(error, orjson.JSONDecodeError) else "it is not JSON"
    found = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
