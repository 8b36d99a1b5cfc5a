"""A span as values: made where something happened, in whichever process, and told to `app.traces.tracing`."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Value: TypeAlias = str | int | float | bool | Sequence[str]
Attributes: TypeAlias = Mapping[str, Value]
Kind: TypeAlias = Literal["client", "consumer", "internal"]

TRACEPARENT_CHARS = 55
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span stands: its trace, itself, and the span above it; numbers as OpenTelemetry has them."""

    trace_id: int
    span_id: int
    parent_id: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened within a span, at its end."""

    name: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Span:
    """What took some time; never with a text of production.

    Attributes:
        place: `None` = a trace of its own.
        links: Values of `traceparent` headers: other traces that it belongs to.
    """

    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    attributes: Attributes = field(default_factory=dict)
    place: Place | None = None
    is_failed: bool = False
    links: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()


def exchange_place(pilot: str, exchange: str, *what: str) -> Place:
    """Where a span of an exchange stands: told by its names alone, so that all processes agree without speaking.

    Args:
        pilot: Whose.
        exchange: Its external id.
        what: Which call it is; nothing = the incumbent's, above all others.
    """
    trace_id = _number(16, pilot, exchange)
    top = _number(8, pilot, exchange, "top")
    return Place(trace_id, _number(8, pilot, exchange, "call", *what), top) if what else Place(trace_id, top)


def trace_name(pilot: str, exchange: str) -> str:
    """The id of an exchange's trace, as collectors show it."""
    return f"{_number(16, pilot, exchange):032x}"


def read_traceparent(value: str | None) -> tuple[int, int, int] | None:
    """Trace, span and flags of a `traceparent` header (W3C Trace Context, version 00); `None` if it is none."""
    if value is None or len(value) != TRACEPARENT_CHARS or _TRACEPARENT.fullmatch(value) is None:
        return None
    return int(value[3:35], 16), int(value[36:52], 16), int(value[53:], 16)


def plain_traceparent(value: bytes | None) -> str | None:
    """The header as it is kept, if it is one."""
    if value is None or len(value) != TRACEPARENT_CHARS:
        return None
    text = value.decode("ascii", "replace")
    return text if _TRACEPARENT.fullmatch(text) is not None else None


def _number(size: int, *names: str) -> int:
    text = "\n".join(("parallel-pilot", *names)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:size], "big") or 1
