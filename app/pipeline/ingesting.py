"""What in-app clients hand in, made events of the streams: checked, sealed as the gateway does, taken whole or not at all."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

import redis
import structlog
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.capture.batches import CountItem, Given, GivenBatch, Refusal, ReplyItem, RequestItem, read_batch
from app.capture.events import Entry, encode
from app.capture.outbox import add_all
from app.capture.sealing import Sealer, load_sealer
from app.capture.streams import MIRROR, RECORD, REDIS_ERRORS
from app.domain.access import Principal
from app.domain.live import CountEvent, PilotCount, ReplyEvent, RequestEvent, repeats_keys
from app.domain.routing import SWITCH_NAME, PilotRoute, Routing
from app.pipeline.access import authenticate
from app.pipeline.routing import routing_of_pilots
from app.settings import Settings
from app.store.health import DATABASE_ERRORS
from app.store.pilots import list_pilots
from app.store.session import SessionFactory

FRESH_SECONDS = 1.0
STALE_SECONDS = 600.0  # with the database away, keys and pilots hold as they were last known
MOST_KEYS = 1000
REDIS_SECONDS = 2.0
CLOCK_SECONDS = 3600.0
CLOCK_KEPT_SECONDS = 30 * 24 * 3600
CODES = ("unknown_pilot", "mirroring_off", "too_large", "invalid_event")

T = TypeVar("T")

log = structlog.get_logger(__name__)

events_taken = Counter("pilot_ingest_events_total", "Events of in-app clients that were taken, by kind.", ["kind"])
events_refused = Counter("pilot_ingest_refused_total", "Events of in-app clients that were refused, by reason.", ["reason"])
clocks_corrected = Counter("pilot_ingest_clock_corrected_total", "Batches of clients whose clock is over an hour off.")
for _kind in ("request", "reply", "count"):
    events_taken.labels(_kind)
for _code in CODES:
    events_refused.labels(_code)


class StreamsAway(Exception):
    """Redis does not answer, or a stream is at its bound: nothing was taken, the same batch may come again."""


@dataclass(frozen=True, slots=True)
class PilotWish:
    """What a client is to do for a pilot: copy at all, and repeat the request in the reply's event."""

    mirrors: bool
    repeats_request: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to a batch."""

    accepted: int
    refused: tuple[Refusal, ...]
    pilots: dict[str, PilotWish]
    clock_offset_seconds: float | None


class Known(Generic[T]):
    """Values that the database tells, asked again after a moment; while it is away they hold as they were."""

    def __init__(self) -> None:
        self._found: dict[Hashable, tuple[T, float, float]] = {}
        self._lock = Lock()

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """The value of a key; an error of `ask` passes, unless the database is away and the value was known."""
        now = time.monotonic()
        with self._lock:
            found = self._found.get(key)
        if found is not None and now < found[1]:
            return found[0]
        told_at = now
        try:
            value = ask()
        except DATABASE_ERRORS:
            if found is None or now - found[2] > STALE_SECONDS:
                raise
            value, told_at = found[0], found[2]
        with self._lock:
            if len(self._found) >= MOST_KEYS:
                self._found.clear()
            self._found[key] = (value, time.monotonic() + FRESH_SECONDS, told_at)
        return value


@dataclass
class Intake:
    """Takes batches, from several threads.

    Args:
        settings: Of the process.
        session_factory: Keys and pilots.
        pepper: Keys are stored under it.
    """

    settings: Settings
    session_factory: SessionFactory
    pepper: str
    _holders: Known[Principal] = field(default_factory=Known)
    _routing: Known[Routing] = field(default_factory=Known)

    def holder_of(self, key: str) -> Principal:
        """Who hands in; `NotAuthenticated` without a valid key."""

        def ask() -> Principal:
            with self.session_factory() as session:
                return authenticate(session, key, self.pepper)

        return self._holders.get(key, ask)

    def take(self, who: Principal, body: bytes) -> Taken:
        """Puts a batch on the streams.

        Raises:
            InvalidInput: The batch cannot be read.
            StreamsAway: It cannot be taken now.
        """
        given = read_batch(body)
        routing, offset_us = self._routing.get("", self._read_routing), None
        try:
            offset_us = self._clock_offset_us(who, given)
            sorting = _Sorting(self, who, given, routing, offset_us or 0)
            sorting.sort()
            if sorting.entries and not add_all(self._redis, sorting.entries, stream_bytes=self.settings.stream_bytes):
                message = "the stream is at its bound: try again later"
                raise StreamsAway(message)
        except REDIS_ERRORS as error:
            log.warning("redis_unavailable", reason=str(error))
            message = "Redis does not answer: try again"
            raise StreamsAway(message) from error
        _count(sorting)
        wishes = {name: self.wish(routing.pilots.get(name)) for name in sorting.named}
        refused = tuple(sorted(sorting.refused, key=lambda one: one.event))
        return Taken(sorting.accepted, refused, wishes, None if offset_us is None else offset_us / 1e6)

    def wish(self, route: PilotRoute | None) -> PilotWish:
        """What a client is to do for a pilot; for one that is not there nothing."""
        if route is None:
            return PilotWish(mirrors=False, repeats_request=False)
        return PilotWish(route.mirrors and not self.is_switched_off, route.strictest_level != "full")

    @property
    def is_switched_off(self) -> bool:
        """The kill switch of the whole installation."""
        return (self.settings.home / SWITCH_NAME).exists()

    @cached_property
    def sealer(self) -> Sealer:
        """The installation's sealer."""
        key = self.settings.stream_key
        return load_sealer(Path(self.settings.home), key.get_secret_value() if key else None)

    @cached_property
    def _redis(self) -> redis.Redis:
        if self.settings.redis_url is None:
            message = "no address of Redis: set PILOT_REDIS_URL"
            raise StreamsAway(message)
        plain = self.settings.redis_url.replace("redis+socket://", "unix://", 1)
        again = Retry(NoBackoff(), 1)
        return redis.Redis.from_url(plain, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, retry=again)

    def _read_routing(self) -> Routing:
        with self.session_factory() as session:
            return routing_of_pilots(list_pilots(session))

    def _clock_offset_us(self, who: Principal, given: GivenBatch) -> int | None:
        """What a client's clock lacks, if that is over an hour: fixed by its first batch, as its events must fit together."""
        offset_us = time.time_ns() // 1000 - given.sent_us
        if abs(offset_us) <= CLOCK_SECONDS * 1e6:
            return None
        name = f"ingest:clock:{boot_of(who, given)}"
        if self._redis.set(name, offset_us, nx=True, ex=CLOCK_KEPT_SECONDS):
            log.warning("client_clock_off", key=who.name, offset_seconds=round(offset_us / 1e6))
        clocks_corrected.inc()
        stored: Any = self._redis.get(name)
        return int(stored) if stored is not None else offset_us


def boot_of(who: Principal, given: GivenBatch) -> str:
    """The boot as the service knows it: no key can speak for the boots of another, nor for a gateway's."""
    return f"app-{who.key_id}-{given.boot}"


class _Sorting:
    """One batch's events, sorted into what goes on the streams and what is refused."""

    def __init__(self, intake: Intake, who: Principal, given: GivenBatch, routing: Routing, offset_us: int) -> None:
        self._intake = intake
        self._given = given
        self._routing = routing
        self._offset_us = offset_us
        self._boot = boot_of(who, given)
        self._latest_us = int(time.time_ns() // 1000 + CLOCK_SECONDS * 1e6)
        self._off: set[tuple[str, int]] = set()
        self.named: set[str] = set()
        self.entries: list[tuple[str, Entry]] = []
        self.kinds: list[str] = []
        self.refused: list[Refusal] = list(given.refused)

    @property
    def accepted(self) -> int:
        """How many events go on the streams."""
        return len(self.entries)

    def sort(self) -> None:
        for given in self._given.events:
            if isinstance(given.item, CountItem):
                self._count(given, given.item)
            else:
                self._call(given, given.item)

    def _call(self, given: Given, item: RequestItem | ReplyItem) -> None:
        self.named.add(item.pilot)
        route = self._routing.pilots.get(item.pilot)
        if route is None:
            self._refuse(given, "unknown_pilot", f"there is no pilot {item.pilot!r}, or it is detached", item.pilot)
        elif not self._is_wanted(route, item):
            self._off.add((item.pilot, item.number))
            self._refuse(given, "mirroring_off", f"mirroring of the pilot {item.pilot!r} is off", item.pilot)
        elif (excess := self._excess(given, item)) is not None:
            self._refuse(given, "too_large", excess, item.pilot)
        else:
            self._seal(route, given, item)

    def _is_wanted(self, route: PilotRoute, item: RequestItem | ReplyItem) -> bool:
        """A reply is wanted if its request was, whatever was switched off meanwhile."""
        if isinstance(item, ReplyItem):
            return (item.pilot, item.number) not in self._off
        return self._intake.wish(route).mirrors

    def _excess(self, given: Given, item: RequestItem | ReplyItem) -> str | None:
        settings = self._intake.settings
        request = given.parts[-1] or b""
        if len(request) > settings.gateway_body_bytes:
            return f"a request of {len(request)} bytes; at most {settings.gateway_body_bytes} are mirrored"
        if isinstance(item, ReplyItem) and len(given.parts[0] or b"") > settings.gateway_reply_bytes:
            return f"a reply of {len(given.parts[0] or b'')} bytes; at most {settings.gateway_reply_bytes} are kept"
        return None

    def _seal(self, route: PilotRoute, given: Given, item: RequestItem | ReplyItem) -> None:
        hints = item.hints.hints()
        is_open = route.strictest_level == "full" and hints.content in (None, "full")
        event = self._request(given, item) if isinstance(item, RequestItem) else self._reply(given, item)
        if isinstance(event, ReplyEvent) and is_open:
            event = replace(event, request=None)
        is_sealed = not is_open or (isinstance(event, ReplyEvent) and repeats_keys(event.status))
        self._add(MIRROR, item.kind, encode(event, self._intake.sealer if is_sealed else None))

    def _request(self, given: Given, item: RequestItem) -> RequestEvent:
        return RequestEvent(
            pilot=item.pilot,
            boot=self._boot,
            number=item.number,
            at_us=self._moment(item.at_us),
            path=item.path,
            hints=item.hints.hints(),
            body=given.parts[0] or b"",
        )

    def _reply(self, given: Given, item: ReplyItem) -> ReplyEvent:
        return ReplyEvent(
            pilot=item.pilot,
            boot=self._boot,
            number=item.number,
            at_us=self._moment(item.at_us),
            path=item.path,
            hints=item.hints.hints(),
            status=item.status,
            content_type=item.content_type,
            content_encoding=item.content_encoding,
            chunks=tuple(item.chunks),
            total_seconds=item.total_seconds,
            lag_seconds=item.lag_seconds,
            end=item.end,
            body=given.parts[0] or b"",
            request=given.parts[1],
        )

    def _count(self, given: Given, item: CountItem) -> None:
        self.named.update(item.pilots)
        known = {name: counts for name, counts in item.pilots.items() if name in self._routing.pilots}
        for name in item.pilots.keys() - known.keys():
            self._refuse(given, "unknown_pilot", f"there is no pilot {name!r}, or it is detached", name)
        if not known:
            return
        event = CountEvent(
            boot=self._boot,
            slot=self._boot,  # processes of an application come and go: none follows another
            source="app",
            started_us=self._moment(self._given.started_us),
            at_us=self._moment(item.at_us),
            is_final=item.is_final,
            pilots={name: PilotCount(counts.issued, dict(counts.dropped)) for name, counts in known.items()},
        )
        self._add(RECORD, item.kind, encode(event))

    def _moment(self, at_us: int) -> int:
        return max(0, min(at_us + self._offset_us, self._latest_us))

    def _add(self, stream: str, kind: str, entry: Entry) -> None:
        self.entries.append((stream, entry))
        self.kinds.append(kind)

    def _refuse(self, given: Given, code: str, message: str, pilot: str) -> None:
        self.refused.append(Refusal(given.place, code, message, pilot))


def _count(sorting: _Sorting) -> None:
    for kind in sorting.kinds:
        events_taken.labels(kind).inc()
    for refusal in sorting.refused:
        events_refused.labels(refusal.code).inc()
