"""One recorder process: reads the stream `record`, stores it batch by batch, acknowledges what is stored."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, perf_counter, time_ns
from typing import TypeVar

import redis.asyncio
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.capture.events import Entry
from app.capture.newer import MOST_BYTES, NewerEntries
from app.capture.sealing import Sealer
from app.capture.streams import MIRROR, RECORD, REDIS_ERRORS, StreamReader, horizon_ms
from app.domain.ledger import Boot
from app.domain.live import CountEvent, external_id
from app.domain.recording import Rejected
from app.errors import TextKeyMissing
from app.pipeline.recording import metrics
from app.pipeline.recording.checking import Received, read_entries, rejected
from app.pipeline.recording.closing import close_until
from app.pipeline.recording.storing import Stored, arrivals, store_batch
from app.pipeline.recording.watermark import Fence, Pace, watermark_of
from app.store.live_counts import read_boots
from app.store.live_replies import add_rejected
from app.store.payloads import ensure_partitions, is_partition_missing, week_of
from app.store.session import SessionFactory, session_scope
from app.traces import names, tracing
from app.traces.about import about
from app.traces.spans import Span

BLOCK_SECONDS = 0.5
GATHER_SECONDS = 0.1
TEND_SECONDS = 1.0
CLOSE_SECONDS = 1.0
STOP_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0

# The key of stored texts is away, too: what cannot be sealed waits, and nothing is stored without.
AWAY: tuple[type[Exception], ...] = (*REDIS_ERRORS, DBAPIError, PoolTimeout, TextKeyMissing)

log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Work:
    """What a recorder works with.

    Attributes:
        consumer: Its name in the stream's group: one that comes back under it goes on where it ended.
        batch: Events in one transaction.
        retry_window_seconds: How long after a failure the client's SDK may try again.
        newer_bytes: How much of the stream events of a newer version may take.
    """

    client: "redis.asyncio.Redis"
    session_factory: SessionFactory
    sealer: Sealer | None
    consumer: str
    batch: int
    retry_window_seconds: float
    newer_bytes: int = MOST_BYTES


class Recorder:
    """Runs until it is stopped. While PostgreSQL, Redis or a key of texts is away, what it has read stays in the stream."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._reader = StreamReader(work.client, RECORD, work.consumer)
        self._newer = NewerEntries(work.client, RECORD, most_bytes=work.newer_bytes)
        self._stopping = asyncio.Event()
        self._weeks: set[datetime] = set()
        self._heard_since: datetime | None = None
        self._fence: Fence | None = None
        self._pace = Pace()
        self.is_recording = asyncio.Event()

    def stop(self) -> None:
        """Finishes the batch that it is at."""
        self._stopping.set()

    async def run(self) -> None:
        """Works until it is stopped."""
        others = [asyncio.create_task(each) for each in (self._tend(), self._close())]
        try:
            await self._record()
        finally:
            self._stopping.set()
            # Not cancelled at once: a client that is cancelled in the middle of an answer may swallow it.
            _, left = await asyncio.wait(others, timeout=STOP_SECONDS)
            for task in left:
                task.cancel()

    async def _record(self) -> None:
        while not self._stopping.is_set():
            entries = await self._insisting("redis", lambda: self._reader.read(self._work.batch, BLOCK_SECONDS))
            if entries is None:
                return
            self.is_recording.set()
            if entries and not await self._take(entries):
                return
            if len(entries) < self._work.batch // 2:
                await self._pause(GATHER_SECONDS)

    async def _take(self, entries: Sequence[tuple[str, Entry]]) -> bool:
        """Whether the entries are stored and acknowledged; else somebody reads them again."""
        entries = self._newer.sorted_out(entries)
        good, bad = read_entries(entries, self._work.sealer, datetime.now(UTC))
        begun, start_ns = perf_counter(), time_ns()
        with about(events=len(entries)):
            stored = await self._insisting("postgres", lambda: asyncio.to_thread(self._write, good, bad))
        if stored is None:
            return False
        metrics.batch_seconds.observe(perf_counter() - begun)
        _count(len(entries), stored)
        if stored.exchanges or stored.replies or stored.repeats:  # else it is producers' counts, every second
            tracing.tell(lambda: Span("record", "internal", start_ns, time_ns(), {names.EVENTS: len(entries)}))
        ids = [number for number, _ in entries]
        return await self._insisting("redis", lambda: self._acknowledged(ids)) is not None

    async def _acknowledged(self, ids: Sequence[str]) -> bool:
        await self._reader.acknowledge(ids)
        return True

    def _write(self, good: Sequence[Received], bad: Sequence[Rejected]) -> Stored:
        weeks = {week_of(moment) for moment in arrivals(good)} - self._weeks
        if weeks:  # apart: it locks the table of payloads for everybody
            with session_scope(self._work.session_factory) as session:
                ensure_partitions(session, weeks)
            self._weeks |= weeks
        if bad:
            with session_scope(self._work.session_factory) as session:
                add_rejected(session, bad)
        stored = self._store(good)
        stored.rejected += bad
        return stored

    def _store(self, events: Sequence[Received]) -> Stored:
        """Stores events together; where that fails because of one of them, that one is found and put aside."""
        if not events:
            return Stored()
        try:
            with session_scope(self._work.session_factory) as session:
                return store_batch(session, events, retry_window_seconds=self._work.retry_window_seconds)
        except Exception as error:
            if is_partition_missing(error):  # it was dropped a moment ago: it is made anew
                self._weeks.clear()
                raise
            if is_away(error):
                raise
            if len(events) == 1:
                return self._put_aside(events[0], error)
        middle = len(events) // 2
        first, second = self._store(events[:middle]), self._store(events[middle:])
        return Stored(
            first.exchanges + second.exchanges,
            first.replies + second.replies,
            first.late + second.late,
            first.rejected + second.rejected,
        )

    def _put_aside(self, received: Received, error: Exception) -> Stored:
        # The error's own text may hold what the event held.
        event, extra = received.event, {"entry": received.entry}
        if not isinstance(event, CountEvent):
            extra |= {"pilot": event.pilot, "exchange": external_id(event.boot, event.number)}
        log.error("an event cannot be stored and is put aside: %s", type(error).__name__, extra=extra)
        aside = [rejected(received, "database", type(error).__name__)]
        with session_scope(self._work.session_factory) as session:
            add_rejected(session, aside)
        return Stored(rejected=aside)

    async def _insisting(self, server: str, ask: Callable[[], Awaitable[Result]]) -> Result | None:
        """Asks until the server answers; `None` = the recorder was stopped meanwhile."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                found = await ask()
            except AWAY as error:
                if pause == FIRST_PAUSE_SECONDS:
                    what = error.message if isinstance(error, TextKeyMissing) else f"{server} does not answer"
                    log.warning("%s, events wait in the stream: %s", what, type(error).__name__)
                metrics.waits.labels("payload_keys" if isinstance(error, TextKeyMissing) else server).inc()
                self._unheard(server)
                await self._pause(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                if self._stopping.is_set():
                    return None
            else:
                self._heard_since = self._heard_since or datetime.now(UTC)
                return found

    def _unheard(self, server: str) -> None:
        """What Redis handed out to a connection that broke is read once more; nothing is closed on old news."""
        self._heard_since = self._fence = None
        if server == "redis":
            self._reader = StreamReader(self._work.client, RECORD, self._work.consumer)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _tend(self) -> None:
        while not self._stopping.is_set():
            with suppress(*REDIS_ERRORS):  # reading says so
                await self._reader.tend()
            await self._pause(TEND_SECONDS)

    async def _close(self) -> None:
        while not self._stopping.is_set():
            await self._pause(CLOSE_SECONDS)
            try:
                await self._give_up_newer()
                await self._close_once()
            except REDIS_ERRORS:
                self._unheard("redis")
            except Exception as error:
                if not is_away(error):  # a fault of ours must not end the closing of exchanges for good
                    log.exception("nothing was closed")
                log.warning("nothing was closed: %s", type(error).__name__)
                self._fence = None

    async def _give_up_newer(self) -> None:
        metrics.newer.set(len(self._newer))
        while overdue := await self._newer.overdue():
            if not await self._take(overdue):
                return

    async def _close_once(self) -> None:
        """Applies the watermark of the last turn if all that stood in the stream then is recorded; then makes the next one."""
        heard_since = self._heard_since
        if heard_since is None:
            return
        client, fence = self._work.client, self._fence
        if fence is not None:
            if not fence.is_passed(await horizon_ms(client, RECORD)):
                return
            # The clock may have been put back since.
            watermark = self._pace.held(min(fence.watermark, datetime.now(UTC)), monotonic())
            metrics.overdue.inc(await asyncio.to_thread(close_until, self._work.session_factory, watermark))
            metrics.watermark.set((datetime.now(UTC) - watermark).total_seconds())
        now = datetime.now(UTC)
        boots = await asyncio.to_thread(self._boots)
        mirror = await horizon_ms(client, MIRROR)
        seconds, microseconds = await client.time()
        if self._heard_since != heard_since:
            return
        watermark = watermark_of(boots, mirror, now=now, heard_since=heard_since)
        self._fence = Fence(watermark, seconds * 1000 + microseconds // 1000)

    def _boots(self) -> list[Boot]:
        with self._work.session_factory() as session:
            return list(read_boots(session).values())


def is_away(error: Exception) -> bool:
    """Whether the database is away, locked or not ready, or a key of texts; and not an event that it does not take."""
    if isinstance(error, PoolTimeout | OSError | TextKeyMissing):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if is_partition_missing(error):
        return True
    return error.connection_invalidated or not isinstance(error, DataError | IntegrityError)


def _count(entries: int, stored: Stored) -> None:
    metrics.events.inc(entries - len(stored.rejected))
    metrics.exchanges.inc(stored.exchanges)
    metrics.replies.inc(stored.replies)
    metrics.late.inc(stored.late)
    metrics.repeats.inc(stored.repeats)
    for each in stored.rejected:
        metrics.rejected.labels(each.reason).inc()
