"""Bytes of one reply, as they come, made a `Reply` or `Failure`: for calls of our own and for the incumbent's relayed ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

from app.domain.exchange import Failure, Reply
from app.domain.requests import COMPLETIONS, RESPONSES
from app.domain.words import FailureKind
from app.providers.chat import ChatDraft
from app.providers.completions import CompletionsDraft
from app.providers.draft import Draft, MalformedReply, ServerSaidError, cut, error_text, parse_json
from app.providers.responses import ResponsesDraft
from app.providers.sse import EventParser
from app.providers.timing import Stopwatch

ERROR_BYTES = 64 * 1024
EVENT_STREAM = "text/event-stream"


class Clock(Protocol):
    """When the socket was written to and read from; each in seconds since the same moment."""

    @property
    def sent_at(self) -> float:
        """When the last byte so far was handed to the socket."""

    @property
    def received_at(self) -> float:
        """When the last byte so far was read from the socket."""


class Lag(Protocol):
    """How late the event loop that reads is."""

    def since(self, moment: float) -> float:
        """The largest lag, in seconds, that a read at `moment` can have suffered."""


class TooLarge(Exception):
    """More bytes than are kept."""


def draft_of(path: str, *, strip_think: bool = False) -> Draft:
    """An empty draft of a route."""
    if path == RESPONSES:
        return ResponsesDraft(strip_think=strip_think)
    if path == COMPLETIONS:
        return CompletionsDraft(strip_think=strip_think)
    return ChatDraft(strip_think=strip_think)


class Reading:
    """What is known of one reply so far."""

    def __init__(self, draft: Draft, clock: Clock, lag: Lag | None = None) -> None:
        self.draft = draft
        self.status: int | None = None
        self.refusal = ""
        self.retry_after_seconds: float | None = None
        self.lag_seconds: float | None = None
        self.never_reached_server = False
        self.failure: FailureKind | None = None
        self._clock = clock
        self._lag = lag
        self._watch = Stopwatch()
        self._message = ""

    @property
    def sent_at(self) -> float | None:
        """When the request was sent: times count from there; `None` = it is not known to be."""
        return self._watch.started

    def start(self) -> None:
        """The response's head was read, so the request was sent."""
        self._watch.start(self._clock.sent_at)

    def note_output(self) -> None:
        """The draft grew by what the last socket read brought."""
        if not self.draft.has_any:
            return
        if not self.draft.has_visible:
            self._watch.forget_visible()
        at = self._clock.received_at
        if self._watch.output(at, visible=self.draft.has_visible):
            self._note_lag(at)

    def end(self) -> None:
        """The last byte that belongs to the reply was read."""
        at = self._clock.received_at
        self._watch.end(at)
        self._note_lag(at)

    def fail(self, kind: FailureKind, message: str, *, at: float | None, since: float | None = None) -> None:
        """The reply failed; its time is that until `at`, from `since` if the request was not known to be sent."""
        if self.failure is None:
            self.failure = kind
            self._message = message
            if self._watch.started is None and since is not None:
                self._watch.start(since)
            self._watch.end(at)

    def result(self) -> Reply | Failure:
        """What came of the call."""
        timing = self._watch.timing()
        if self.failure is not None:
            return Failure(self.failure, self.status if self.failure is FailureKind.HTTP else None, self._message, timing)
        return self.draft.result(timing)

    @contextmanager
    def judging(self, content_type: str, reply_bytes: int, now: Callable[[], float]) -> Iterator[None]:
        """What is wrong with the reply itself is a failure of it; anything else raises."""
        try:
            yield
        except TooLarge:
            self.fail(FailureKind.TOO_LARGE, f"the reply is longer than {reply_bytes} bytes", at=now())
        except ServerSaidError as error:
            self.status = error.status
            self.fail(FailureKind.HTTP, str(error), at=now())
        except (MalformedReply, UnicodeDecodeError, RecursionError) as error:
            self.fail(FailureKind.MALFORMED, f"{error} ({content_type or 'no content type'})", at=now())

    def _note_lag(self, moment: float) -> None:
        if self._lag is not None:
            self.lag_seconds = max(self.lag_seconds or 0.0, self._lag.since(moment))


class BodyReader(Protocol):
    """Takes a response's body in pieces."""

    def feed(self, chunk: bytes) -> bool:
        """Takes more bytes; true when nothing that follows belongs to the reply."""

    def finish(self) -> None:
        """Nothing follows."""


def body_reader(reading: Reading, *, is_event_stream: bool, reply_bytes: int) -> BodyReader:
    """The reader that fits the response's status and kind."""
    if reading.status != HTTPStatus.OK:
        return ErrorReader(reading)
    return StreamReader(reading, reply_bytes) if is_event_stream else WholeReader(reading, reply_bytes)


class ErrorReader:
    """What a server says beside an error status."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._body = bytearray()

    def feed(self, chunk: bytes) -> bool:
        """Keeps the beginning; true when that is long enough."""
        self._body += chunk
        return len(self._body) > ERROR_BYTES

    def finish(self) -> None:
        """Raises what the server said."""
        text = self._body[:ERROR_BYTES].decode(errors="replace")
        self._reading.refusal = text
        self._reading.end()
        raise ServerSaidError(_message_of(text) or _phrase_of(self._reading.status), self._reading.status)


class WholeReader:
    """A reply in one piece: its total time is known, its first token's is not."""

    def __init__(self, reading: Reading, reply_bytes: int) -> None:
        self._reading = reading
        self._reply_bytes = reply_bytes
        self._body = bytearray()

    def feed(self, chunk: bytes) -> bool:
        """Takes more bytes; `TooLarge` above the bound."""
        self._body += chunk
        if len(self._body) > self._reply_bytes:
            raise TooLarge
        return False

    def finish(self) -> None:
        """Reads the document."""
        self._reading.end()
        document = parse_json(self._body.decode())
        if not isinstance(document, dict):
            message = "the reply is not an object"
            raise MalformedReply(message)
        self._reading.draft.add_whole(document)
        self._reading.draft.is_done = True


class StreamReader:
    """A reply in server-sent events, each timed by the socket read that completed it."""

    def __init__(self, reading: Reading, reply_bytes: int) -> None:
        self._reading = reading
        self._reply_bytes = reply_bytes
        self._parser = EventParser()
        self._size = 0

    def feed(self, chunk: bytes) -> bool:
        """Takes more bytes; true at the event that ends the reply. `TooLarge` above the bound."""
        self._size += len(chunk)
        if self._size > self._reply_bytes:
            raise TooLarge
        return self._take(at_end=False, chunk=chunk)

    def finish(self) -> None:
        """The connection ended; some servers end so, without a last event."""
        if self._take(at_end=True):
            return
        self._reading.draft.close()
        self._reading.note_output()
        self._reading.end()
        if self._reading.draft.finish_reason is None:
            message = "the stream ended without [DONE] or a finish_reason"
            raise MalformedReply(message)

    def _take(self, *, at_end: bool, chunk: bytes = b"") -> bool:
        draft = self._reading.draft
        for event in self._parser.finish() if at_end else self._parser.feed(chunk):
            draft.add_event(event)
            self._reading.note_output()
            if draft.is_done:
                self._reading.end()
                return True
        return False


def retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` header, which may be a number or a date; `None` if it is neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


def _message_of(text: str) -> str:
    try:
        return cut(error_text(parse_json(text)))
    except (MalformedReply, RecursionError):
        return cut(text)


def _phrase_of(status: int | None) -> str:
    try:
        return HTTPStatus(status or 0).phrase
    except ValueError:
        return str(status)
