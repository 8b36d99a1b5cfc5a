"""Reads one HTTP response of a model server, bounded and timed."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from app.domain.exchange import Failure, Reply
from app.domain.words import FailureKind
from app.providers.chat import Draft, MalformedReply, ServerSaidError, cut, error_text, parse_json
from app.providers.sse import Event, EventParser
from app.providers.timing import LoopLag, Stopwatch, now
from app.providers.transport import Wire

ERROR_BYTES = 64 * 1024
DRAIN_SECONDS = 0.02
DONE = "[DONE]"


class Reading:
    """What is known of one call so far."""

    def __init__(self, wire: Wire, lag: LoopLag, *, strip_think: bool) -> None:
        self.draft = Draft(strip_think=strip_think)
        self.status: int | None = None
        self.refusal = ""
        self.retry_after_seconds: float | None = None
        self.lag_seconds: float | None = None
        self.never_reached_server = False
        self._wire = wire
        self._lag = lag
        self._watch = Stopwatch()
        self._failure: tuple[FailureKind, str] | None = None

    def start(self) -> None:
        """The response's head was read, so the request was sent."""
        self._watch.start(self._wire.sent_at)

    def note_output(self) -> None:
        """The draft grew by what the last socket read brought."""
        if not self.draft.has_any:
            return
        if not self.draft.has_visible:
            self._watch.forget_visible()
        at = self._wire.received_at
        if self._watch.output(at, visible=self.draft.has_visible):
            self._note_lag(at)

    def end(self) -> None:
        """The last byte that belongs to the reply was read."""
        at = self._wire.received_at
        self._watch.end(at)
        self._note_lag(at)

    def fail(self, kind: FailureKind, message: str, *, since: float | None = None) -> None:
        """The call failed; its time is that until now, from `since` if the request was not known to be sent."""
        if self._failure is None:
            self._failure = (kind, message)
            if self._watch.started is None and since is not None:
                self._watch.start(since)
            self._watch.end(now())

    def result(self) -> Reply | Failure:
        """What came of the call."""
        timing = self._watch.timing()
        if self._failure is not None:
            kind, message = self._failure
            return Failure(kind, self.status if kind is FailureKind.HTTP else None, message, timing)
        return self.draft.result(timing)

    def _note_lag(self, moment: float) -> None:
        self.lag_seconds = max(self.lag_seconds or 0.0, self._lag.since(moment))


async def read_reply(response: aiohttp.ClientResponse, reading: Reading, *, is_stream: bool, reply_bytes: int) -> None:
    """Reads the response into the reading; a reply that is wrong is a failure there, a broken connection raises."""
    reading.start()
    reading.status = response.status
    reading.retry_after_seconds = retry_after(response.headers.get("Retry-After"))
    try:
        if response.status != HTTPStatus.OK:
            await _read_error(response, reading)
        elif response.headers.get("Content-Encoding", "identity") != "identity":
            raise MalformedReply("a compressed reply, which was not asked for")  # noqa: TRY301 - one way out for all
        elif _is_event_stream(response, is_stream=is_stream):
            await _read_stream(response, reading, reply_bytes)
        else:
            await _read_whole(response, reading, reply_bytes)
    except TooLarge:
        response.close()
        reading.fail(FailureKind.TOO_LARGE, f"the reply is longer than {reply_bytes} bytes")
    except ServerSaidError as error:
        reading.status = error.status
        reading.fail(FailureKind.HTTP, str(error))
    except (MalformedReply, UnicodeDecodeError) as error:
        kind = response.headers.get("Content-Type", "no content type")
        reading.fail(FailureKind.MALFORMED, f"{error} ({kind})")


class TooLarge(Exception):
    """More bytes than are kept."""


def retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` header, which may be a number or a date; `None` if it is neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except ValueError:
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


def _is_event_stream(response: aiohttp.ClientResponse, *, is_stream: bool) -> bool:
    """By the content type, for some servers stream unasked or not when asked; in doubt as it was asked."""
    return response.content_type == "text/event-stream" or (is_stream and response.content_type != "application/json")


async def _read_error(response: aiohttp.ClientResponse, reading: Reading) -> None:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ERROR_BYTES:
            response.close()
            break
    text = body[:ERROR_BYTES].decode(errors="replace")
    reading.refusal = text
    reading.end()
    try:
        message = error_text(parse_json(text))
    except MalformedReply:
        message = text
    reading.fail(FailureKind.HTTP, cut(message) or response.reason or str(response.status))


async def _read_whole(response: aiohttp.ClientResponse, reading: Reading, reply_bytes: int) -> None:
    """A reply in one piece: its total time is known, its first token's is not."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > reply_bytes:
            raise TooLarge
    reading.end()
    document = parse_json(body.decode())
    if not isinstance(document, dict):
        raise MalformedReply("the reply is not an object")
    reading.draft.add_completion(document)


async def _read_stream(response: aiohttp.ClientResponse, reading: Reading, reply_bytes: int) -> None:
    parser, size = EventParser(), 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > reply_bytes:
            raise TooLarge
        if _take(parser.feed(chunk), reading):
            reading.end()
            await _drain(response)
            return
    if _take(parser.finish(), reading):
        reading.end()
        return
    reading.draft.close()
    reading.note_output()
    reading.end()
    if reading.draft.finish_reason is None:
        raise MalformedReply("the stream ended without [DONE] or a finish_reason")


def _take(events: Iterable[Event], reading: Reading) -> bool:
    """Adds the events to the draft; true at the one that ends the stream."""
    for event in events:
        if event.data.strip() == DONE:
            reading.draft.close()
            reading.note_output()
            return True
        chunk = parse_json(event.data)
        if not isinstance(chunk, dict):
            raise MalformedReply("an event is not an object")
        if event.name == "error" and not chunk.get("error"):
            raise ServerSaidError(cut(error_text(chunk)), None)
        reading.draft.add_chunk(chunk)
        reading.note_output()
    return False


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Waits a moment for the end of the response, so that its connection can be used again; the reply is complete."""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.content.readany()
