"""Whether an event can be stored at all: one that cannot is put aside and never holds the others up."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, get_args

import orjson

from app.capture.events import Entry, NewerEvent, UnreadableEvent, decode, head_of, size_of
from app.capture.sealing import Sealer
from app.domain.live import (
    DROP_REASONS,
    ArmReplyEvent,
    CountEvent,
    ExchangeEvent,
    PilotCount,
    RecordEvent,
    RepeatEvent,
    Skipped,
    external_id,
)
from app.domain.recording import Rejected
from app.domain.words import CoverageReason, FailureKind
from app.store.live_numbers import LARGEST_NUMBER

LARGEST_EVENT_BYTES = 64 * 1024 * 1024
# A producer's clock may be wrong, but not by more than this; the first year is that of the interface we mirror.
FUTURE = timedelta(days=1)
EARLIEST_US = 1_577_836_800_000_000
LINES = (
    CoverageReason.CAPTURED.value, CoverageReason.UNREADABLE_BODY.value, CoverageReason.OUTSIDE_WINDOW.value,
    CoverageReason.NOT_SAMPLED.value,
)  # fmt: skip
REASONS = (
    "unreadable", "too_large", "not_for_the_recorder", "wrong_value", "unknown_pilot", "arm_gone", "no_exchange", "database",
    "newer_version",
)  # fmt: skip
_KINDS = frozenset(kind.value for kind in FailureKind)
_KNOWN_REASONS = frozenset(DROP_REASONS)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """An event and its id in the stream."""

    entry: str
    event: RecordEvent


class NotStorable(ValueError):
    """What is wrong with an event; `reason` is one of `REASONS`."""

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(problem)
        self.reason = reason


def read_entries(
    entries: Sequence[tuple[str, Entry]], sealer: Sealer | None, now: datetime
) -> tuple[list[Received], list[Rejected]]:
    """Decodes a batch; what cannot be read or stored apart."""
    good, bad = [], []
    for number, entry in entries:
        try:
            good.append(Received(number, _checked(entry, sealer, now)))
        except NotStorable as error:
            bad.append(Rejected(number, _head(entry), error.reason, str(error)))
    return good, bad


def rejected(received: Received, reason: str, problem: str) -> Rejected:
    """An event that turned out not to be storable."""
    event = received.event
    head: dict[str, Any] = {"kind": type(event).__name__, "boot": event.boot, "at_us": event.at_us}
    if not isinstance(event, CountEvent):
        head |= {"pilot": event.pilot, "number": event.number}
    return Rejected(received.entry, head, reason, problem)


def _checked(entry: Entry, sealer: Sealer | None, now: datetime) -> RecordEvent:
    if size_of(entry) > LARGEST_EVENT_BYTES:
        raise NotStorable("too_large", f"{size_of(entry)} bytes; the most is {LARGEST_EVENT_BYTES}")
    try:
        event = decode(entry, sealer)
    except NewerEvent as error:
        raise NotStorable("newer_version", str(error)) from error
    except UnreadableEvent as error:
        raise NotStorable("unreadable", str(error)) from error
    if not isinstance(event, CountEvent | ExchangeEvent | ArmReplyEvent | RepeatEvent):
        raise NotStorable("not_for_the_recorder", f"an event of kind {type(event).__name__}")
    try:
        problem = next(_problems(event, int((now + FUTURE).timestamp() * 1e6)), None)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise NotStorable("wrong_value", str(error)) from error
    if problem is not None:
        raise NotStorable("wrong_value", problem)
    return with_known_reasons(event) if isinstance(event, CountEvent) else event


def with_known_reasons(event: CountEvent) -> CountEvent:
    """A count without the drops whose reason is of a newer version: their numbers are missing, so the ledger calls them lost.

    Counts are cumulative: the first one that a newer recorder reads puts them where they belong.
    """
    if all(count.dropped.keys() <= _KNOWN_REASONS for count in event.pilots.values()):
        return event
    unknown = sorted({reason for count in event.pilots.values() for reason in count.dropped} - _KNOWN_REASONS)
    log.warning("a count of drops with unknown reasons, which are taken as lost: %s", ", ".join(unknown)[:200])
    known = {
        name: PilotCount(count.issued, {reason: n for reason, n in count.dropped.items() if reason in _KNOWN_REASONS})
        for name, count in event.pilots.items()
    }
    return replace(event, pilots=known)


def _problems(event: RecordEvent, latest_us: int) -> Iterator[str]:
    if not EARLIEST_US <= event.at_us <= latest_us:
        yield f"at_us = {event.at_us} is no time of a request"
    if isinstance(event, CountEvent):
        yield from _problems_of_count(event)
        return
    if not 1 <= event.number < LARGEST_NUMBER:
        yield f"number = {event.number}"
    if isinstance(event, ExchangeEvent):
        yield from _problems_of_exchange(event)
    elif isinstance(event, RepeatEvent):
        yield from _problems_of_repeat(event)
    else:
        yield from _problems_of_reply(event)


def _problems_of_count(event: CountEvent) -> Iterator[str]:
    yield from _nul(event.boot, event.slot)
    if event.source not in ("gateway", "app"):
        yield f"source = {event.source!r}"
    if not EARLIEST_US <= event.started_us <= event.at_us + int(FUTURE.total_seconds() * 1e6):
        yield f"started_us = {event.started_us}"
    for name, count in event.pilots.items():
        if not 0 <= count.issued < LARGEST_NUMBER or any(not 0 <= n < LARGEST_NUMBER for n in count.dropped.values()):
            yield f"counts of {name!r} are {count}"


def _problems_of_exchange(event: ExchangeEvent) -> Iterator[str]:
    yield from _nul(
        event.external_id, event.conversation, event.segment, event.retry_of or "", orjson.dumps(event.facts).decode()
    )
    if event.external_id != external_id(event.boot, event.number):
        yield f"external_id = {event.external_id!r}"
    if event.reason not in LINES:
        yield f"reason = {event.reason!r}"
    if event.retry_of == event.external_id:
        yield "it is an attempt of itself"
    if not 0 <= event.sample_point < 1:
        yield f"sample_point = {event.sample_point}"
    if not 0 <= event.deadline_seconds <= FUTURE.total_seconds():
        yield f"deadline_seconds = {event.deadline_seconds}"
    yield from _json(event.request, "request")


def _problems_of_reply(event: ArmReplyEvent) -> Iterator[str]:
    yield from _nul(event.boot, event.arm, orjson.dumps(event.checks).decode())
    if event.skipped is not None and event.skipped not in get_args(Skipped):
        yield f"skipped = {event.skipped!r}"
    if event.columns.get("failure") is not None and event.columns["failure"] not in _KINDS:
        yield f"failure = {event.columns['failure']!r}"
    yield from _json(event.body, "body")


def _problems_of_repeat(event: RepeatEvent) -> Iterator[str]:
    yield from _nul(event.boot, event.arm)
    if event.failure is not None and event.failure not in _KINDS:
        yield f"failure = {event.failure!r}"
    if (event.is_equal is None) == (event.failure is None):
        yield f"is_equal = {event.is_equal!r} with failure = {event.failure!r}"


def _nul(*texts: str) -> Iterator[str]:
    if any("\x00" in text or "\\u0000" in text for text in texts):
        yield "a NUL character, which PostgreSQL does not store"


def _json(body: bytes | None, name: str) -> Iterator[str]:
    if body is None:
        return
    try:
        is_object = isinstance(orjson.loads(body), dict)
    except ValueError:
        is_object = False
    if not is_object:
        yield f"{name} is no JSON object"


def _head(entry: Entry) -> dict[str, Any] | None:
    try:
        return head_of(entry)
    except UnreadableEvent:
        return None
