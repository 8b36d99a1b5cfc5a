"""The incumbent's relayed bytes as the same `Answer` that a call of our own gives."""

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from http import HTTPStatus

from app.domain.live import ReplyEvent
from app.domain.words import FailureKind
from app.providers.draft import MalformedReply
from app.providers.inflate import Inflater
from app.providers.model_server import Answer
from app.providers.reading import EVENT_STREAM, Reading, TooLarge, WholeReader, body_reader, draft_of

_BROKEN = {
    "client_cancelled": (FailureKind.CONNECTION, "the client went away before the reply was complete"),
    "connection": (FailureKind.CONNECTION, "the connection to the incumbent broke off"),
    "timeout": (FailureKind.TIMEOUT, "the incumbent did not go on"),
    "too_large": (FailureKind.TOO_LARGE, "the reply is longer than what is kept of one"),
}
_STREAM_BEGINS = (b"data:", b"event:", b"id:", b"retry:", b":")


@dataclass(frozen=True, slots=True)
class Captured:
    """What production's client got.

    Attributes:
        answer: The reply or why there is none.
        is_complete: All of the reply was relayed, whatever the client did afterwards.
        is_cancelled: It was not, because the client went away.
        response_id: The reply's own id at the incumbent.
    """

    answer: Answer
    is_complete: bool
    is_cancelled: bool
    response_id: str | None


@dataclass(slots=True)
class _Relayed:
    """The clock of the relay: the request was sent at 0."""

    received_at: float = 0.0
    sent_at: float = 0.0


def read_captured(event: ReplyEvent, *, reply_bytes: int) -> Captured:
    """Reads a relayed reply as a call of our own would have been read; never raises, whatever the bytes.

    Args:
        event: What the gateway or the client library saw.
        reply_bytes: Most bytes of the opened body that are read.
    """
    clock = _Relayed(_end_of(event) or 0.0)
    reading = Reading(draft_of(event.path), clock)
    reading.status = event.status
    reading.start()
    if event.status is not None:
        with reading.judging(event.content_type, reply_bytes, lambda: clock.received_at):
            _read_body(event, reading, clock, reply_bytes)
    is_complete = _is_complete(event, reading)
    if not reading.draft.is_done and event.end != "complete":
        reading.fail(*_BROKEN[event.end], at=_end_of(event))
    elif event.status is None:
        reading.fail(*_BROKEN["connection"], at=_end_of(event))
    draft = reading.draft
    answer = Answer(
        reading.result(),
        model=draft.model,
        usage=draft.usage,
        lag_seconds=event.lag_seconds,
        fingerprint=draft.fingerprint,
        response_id=draft.response_id,
    )
    return Captured(answer, is_complete, event.end == "client_cancelled" and not is_complete, draft.response_id)


def _is_complete(event: ReplyEvent, reading: Reading) -> bool:
    """A reply that the incumbent refused or spoiled is complete, too: the client may have left because of it."""
    if event.status is None:
        return False
    was_spoiled = reading.failure in (FailureKind.HTTP, FailureKind.MALFORMED)
    return reading.draft.is_done or was_spoiled or event.end in ("complete", "too_large")


def _read_body(event: ReplyEvent, reading: Reading, clock: _Relayed, reply_bytes: int) -> None:
    reader = body_reader(reading, is_event_stream=_is_event_stream(event), reply_bytes=reply_bytes)
    was_refused = event.status != HTTPStatus.OK
    # What can be read of a refusal's words is enough: the status says the rest.
    with suppress(MalformedReply, TooLarge) if was_refused else nullcontext():
        inflater = Inflater(event.content_encoding, reply_bytes)
        for at, chunk in _chunks(event):
            clock.received_at = at
            if reader.feed(inflater.feed(chunk)):
                break
    if reading.draft.is_done:
        return
    if was_refused or event.end == "complete":
        reader.finish()
    elif event.end == "client_cancelled" and isinstance(reader, WholeReader):
        with suppress(MalformedReply, UnicodeDecodeError):  # then it was not whole
            reader.finish()


def _chunks(event: ReplyEvent) -> Iterator[tuple[float, bytes]]:
    """Each socket read with its moment; bytes that no read is told of came with the last."""
    start, at = 0, _end_of(event) or 0.0
    for at, size in event.chunks:
        chunk = event.body[start : start + max(0, size)]
        start += len(chunk)
        if chunk:
            yield at, chunk
    if start < len(event.body):
        yield at, event.body[start:]


def _is_event_stream(event: ReplyEvent) -> bool:
    kind = event.content_type.partition(";")[0].strip().lower()
    if kind == EVENT_STREAM or kind.endswith("json"):
        return kind == EVENT_STREAM
    return event.body.lstrip(b"\xef\xbb\xbf\r\n ").startswith(_STREAM_BEGINS)


def _end_of(event: ReplyEvent) -> float | None:
    if event.total_seconds is not None:
        return event.total_seconds
    return event.chunks[-1][0] if event.chunks else None
