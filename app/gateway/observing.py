"""Copies what passes, beside the relay: nothing here is waited for, and nothing here may raise into it."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from app.capture.events import Entry, encode
from app.capture.outbox import Outbox
from app.capture.sealing import Sealer
from app.capture.streams import MIRROR
from app.domain.live import End, ReplyEvent, RequestEvent, external_id, repeats_keys
from app.domain.routing import PilotRoute
from app.gateway.counting import PilotLedger
from app.gateway.headers import Asked

COPY_SECONDS = 0.001

log = logging.getLogger(__name__)


class Observer:
    """What one process holds of requests that are under way, within its bound.

    Args:
        outbox: Where events go.
        boot: This boot's id.
        sealer: For events whose content may not lie in Redis in the clear.
        held_bytes: Bound of what is held.
        reply_bytes: Most of one reply that is kept.
        lag_since: Largest event-loop lag since a moment, in seconds.
    """

    def __init__(
        self,
        outbox: Outbox,
        boot: str,
        sealer: Sealer,
        *,
        held_bytes: int,
        reply_bytes: int,
        lag_since: Callable[[float], float],
    ) -> None:
        self.outbox = outbox
        self.boot = boot
        self.sealer = sealer
        self.reply_limit = reply_bytes
        self.lag_since = lag_since
        self.held = 0
        self.failures = 0
        self._held_limit = held_bytes
        self._jobs: list[Callable[[], None]] = []

    def observe(
        self, route: PilotRoute, ledger: PilotLedger, number: int, at_us: int, path: str, asked: Asked, body: bytes
    ) -> "Observation | None":
        """Begins to hold a request; `None` = the bound is reached and it was shed."""
        if self.held + len(body) > self._held_limit:
            ledger.dropped["shed"] += 1
            return None
        self.held += len(body)
        return Observation(self, route, ledger, number, at_us, path, asked, body)

    def has_room(self, size: int) -> bool:
        """Whether so much more may be held."""
        return self.held + size <= self._held_limit

    def soon(self, job: Callable[[], None]) -> None:
        """Does it in a moment, after what came before it: many requests at once are all forwarded before one is copied."""
        self._jobs.append(job)
        if len(self._jobs) == 1:
            asyncio.get_running_loop().call_later(COPY_SECONDS, self.copy)

    def copy(self) -> None:
        """Does now what waits."""
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job()

    def failed(self, error: Exception, pilot: str, number: int) -> None:
        """A fault of ours costs an observation, never a request. What the error says may quote what passed."""
        self.failures += 1
        extra = {"pilot": pilot, "boot": self.boot, "number": number, "exchange": external_id(self.boot, number)}
        log.error("an observation was lost to a fault of the gateway: %s", type(error).__name__, extra=extra)


class Observation:
    """One request and its reply, as they pass."""

    __slots__ = (
        "_at_us", "_body", "_chunks", "_hints", "_is_cut", "_is_shed", "_lag", "_ledger", "_number", "_observer", "_path",
        "_pieces", "_route", "_size", "_traceparent",
    )  # fmt: skip

    def __init__(
        self, observer: Observer, route: PilotRoute, ledger: PilotLedger, number: int, at_us: int, path: str, asked: Asked,
        body: bytes,
    ) -> None:  # fmt: skip
        self._observer = observer
        self._route = route
        self._ledger = ledger
        self._number = number
        self._at_us = at_us
        self._path = path
        self._hints = asked.hints
        self._body = body
        self._traceparent = asked.traceparent
        self._pieces: list[bytes] = []
        self._chunks: list[tuple[float, int]] = []
        self._size = 0
        self._is_cut = False
        self._is_shed = False
        self._lag: float | None = None

    def announce(self) -> None:
        """Sends the request's event, in a moment: the request itself goes first."""
        self._observer.soon(self._announce)

    def _announce(self) -> None:
        observer = self._observer
        try:
            event = RequestEvent(
                self._route.name, observer.boot, self._number, self._at_us, self._path, self._hints, self._body
            )
            if not observer.outbox.offer(MIRROR, self._encoded(event)):
                self._shed()
            elif not self._is_sealed:  # only then the reply's event carries it once more
                observer.held -= len(self._body)
                self._body = b""
        except Exception as error:
            self._shed()
            observer.failed(error, self._route.name, self._number)

    def note(self, seconds: float, data: bytes) -> None:
        """A piece of the reply was read from the socket, so many seconds after the request was sent."""
        if self._is_cut or self._is_shed:
            return
        size = len(data)
        room = self._observer.reply_limit - self._size
        if size > room or not self._observer.has_room(size):
            self._is_cut = True
            data = data[: max(0, room)] if self._observer.has_room(size) else b""
            size = len(data)
        if size:
            self._pieces.append(data)
            self._chunks.append((seconds, size))
            self._size += size
            self._observer.held += size

    def note_lag(self, since: float) -> None:
        """The event loop may have been late at a moment that counts."""
        self._lag = max(self._lag or 0.0, self._observer.lag_since(since))

    def end(
        self, end: End, *, status: int | None, content_type: str = "", content_encoding: str = "", seconds: float | None = None
    ) -> None:
        """Sends the reply's event, in a moment: the last byte goes out first."""
        self._observer.soon(partial(self._tell, end, status, content_type, content_encoding, seconds))

    def _tell(self, end: End, status: int | None, content_type: str, content_encoding: str, seconds: float | None) -> None:
        observer = self._observer
        observer.held -= self._size + len(self._body)
        if self._is_shed:
            return
        try:
            event = ReplyEvent(
                pilot=self._route.name,
                boot=observer.boot,
                number=self._number,
                at_us=self._at_us,
                path=self._path,
                hints=self._hints,
                status=status,
                content_type=content_type,
                content_encoding=content_encoding,
                chunks=tuple(self._chunks),
                total_seconds=seconds,
                lag_seconds=self._lag,
                end="too_large" if self._is_cut and end == "complete" else end,
                body=b"".join(self._pieces),
                request=self._body if self._is_sealed else None,
                traceparent=self._traceparent,
            )
            # The request's event is on its way, so its reply is `lost` in the ledger if there is no room for this one.
            observer.outbox.offer(MIRROR, self._encoded(event))
        except Exception as error:
            observer.failed(error, self._route.name, self._number)

    @property
    def _is_sealed(self) -> bool:
        return self._route.strictest_level != "full" or self._hints.content not in (None, "full")

    def _encoded(self, event: RequestEvent | ReplyEvent) -> Entry:
        is_sealed = self._is_sealed or (isinstance(event, ReplyEvent) and repeats_keys(event.status))
        return encode(event, self._observer.sealer if is_sealed else None)

    def _shed(self) -> None:
        self._is_shed = True
        self._ledger.dropped["shed"] += 1
