"""Events on their way to Redis: bounded in bytes, never waited for by production, sent again until Redis acknowledges them."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import redis
import redis.asyncio

from app.capture.events import BODY, HEAD, Entry, size_of
from app.capture.streams import REDIS_ERRORS, stream_bytes

GATHER_SECONDS = 0.003  # events that come within it leave together
BATCH_ENTRIES = 1000
BATCH_BYTES = 4 * 1024 * 1024
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
MEASURE_SECONDS = 1.0
# Redis keeps a few bytes a field beside what we send.
ENTRY_OVERHEAD_BYTES = 64

# Takes the stream's number, head and body of each entry. Redis decides before the script whether there is memory for writes:
# all entries are added, or none.
_ADD_ALL = b"for i = 1, #ARGV, 3 do redis.call('XADD', KEYS[tonumber(ARGV[i])], '*', 'h', ARGV[i + 1], 'b', ARGV[i + 2]) end"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    stream: str
    entry: Entry
    size: int
    done: "asyncio.Future[None] | None" = None


class Outbox:
    """What one process sends to the streams.

    Args:
        client: From `open_streams`.
        held_bytes: Most that waits here; beyond it `offer` says no.
        stream_bytes: Most that a stream may hold; at it `offer` says no and `deliver` waits.
    """

    def __init__(self, client: "redis.asyncio.Redis", *, held_bytes: int, stream_bytes: int) -> None:
        self._client = client
        self._held_limit = held_bytes
        self._stream_limit = stream_bytes
        self._queue: deque[_Waiting] = deque()
        self._for_room: deque[_Waiting] = deque()
        self._held = 0
        self._stream_sizes: dict[str, int] = {}
        self._measured_at = -MEASURE_SECONDS
        self._wake = asyncio.Event()
        self._is_closing = False
        self._gave_up = False
        self.acknowledged = 0
        self.is_connected = False

    @property
    def held_bytes(self) -> int:
        """Bytes that wait to be sent."""
        return self._held

    @property
    def held_entries(self) -> int:
        """Entries that wait to be sent."""
        return len(self._queue)

    def offer(self, stream: str, entry: Entry) -> bool:
        """Takes an entry, at once; false if a bound is reached and it was shed."""
        size = size_of(entry) + ENTRY_OVERHEAD_BYTES
        if not self._has_room(stream, size):
            return False
        self._put(_Waiting(stream, entry, size))
        return True

    async def deliver(self, stream: str, entry: Entry) -> None:
        """Returns when Redis has acknowledged the entry, however long it is away or the stream is at its bound."""
        done = asyncio.get_running_loop().create_future()
        waiting = _Waiting(stream, entry, size_of(entry) + ENTRY_OVERHEAD_BYTES, done)
        if self._for_room or not self._has_room(stream, waiting.size):
            self._for_room.append(waiting)
        else:
            self._put(waiting)
        await done

    async def run(self) -> None:
        """Sends until it is closed."""
        pause = FIRST_PAUSE_SECONDS
        is_told = False
        # Asked for beside the cancellation, which redis-py may take for a time-out of its own.
        while not self._gave_up and not (self._is_closing and not self._queue):
            await self._something_to_do()
            try:
                await self._measure()
                await self._send_batch()
            except REDIS_ERRORS as error:
                if not is_told:
                    log.warning("Redis does not take events, they wait here: %s", error)
                is_told = True
                self.is_connected = False
                await asyncio.sleep(pause)
                pause = FIRST_PAUSE_SECONDS if self._is_closing else min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                self.is_connected = True
                is_told = False
                pause = FIRST_PAUSE_SECONDS

    async def close(self, timeout_seconds: float) -> int:
        """Waits until everything was sent, at most so long; how many entries were not."""
        self._is_closing = True
        self._wake.set()
        until = time.monotonic() + timeout_seconds
        while self._queue and time.monotonic() < until:  # noqa: ASYNC110 - waited for once in a process's life
            await asyncio.sleep(GATHER_SECONDS)
        self._gave_up = True
        return len(self._queue)

    def _has_room(self, stream: str, size: int) -> bool:
        # An empty outbox takes an entry of any size: the bounds on bodies are checked where bodies are read.
        if self._queue and self._held + size > self._held_limit:
            return False
        return self._stream_sizes.get(stream, 0) < self._stream_limit

    def _put(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        self._held += waiting.size
        self._stream_sizes[waiting.stream] = self._stream_sizes.get(waiting.stream, 0) + waiting.size
        if len(self._queue) == 1:
            self._wake.set()

    async def _something_to_do(self) -> None:
        if not self._queue and not self._is_closing:
            self._wake.clear()
            try:
                async with asyncio.timeout(MEASURE_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                return
        if not self._is_closing and len(self._queue) < BATCH_ENTRIES:
            await asyncio.sleep(GATHER_SECONDS)

    async def _measure(self) -> None:
        """How full the streams are; in between this process adds what it sends itself."""
        if time.monotonic() - self._measured_at < MEASURE_SECONDS:
            return
        for stream in list(self._stream_sizes):
            waiting = sum(one.size for one in self._queue if one.stream == stream)
            self._stream_sizes[stream] = await stream_bytes(self._client, stream) + waiting
        self._measured_at = time.monotonic()
        self._let_in()

    async def _send_batch(self) -> None:
        batch: list[_Waiting] = []
        size = 0
        for waiting in self._queue:
            if len(batch) == BATCH_ENTRIES or (batch and size + waiting.size > BATCH_BYTES):
                break
            batch.append(waiting)
            size += waiting.size
        if not batch:
            return
        connection = await self._client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.send_packed_command([_command(batch)])
            await connection.read_response()
        except BaseException:
            await connection.disconnect(nowait=True)  # an answer that still comes is nobody else's
            raise
        finally:
            await self._client.connection_pool.release(connection)
        self._settle(batch)

    def _settle(self, batch: Sequence[_Waiting]) -> None:
        """What Redis took leaves the queue."""
        for waiting in batch:
            self._queue.popleft()
            self._held -= waiting.size
            self.acknowledged += 1
            if waiting.done is not None and not waiting.done.done():
                waiting.done.set_result(None)
        self._let_in()

    def _let_in(self) -> None:
        """Who waits for room, first come, first served. Nobody looks by himself: thousands who do take all of a processor."""
        while self._for_room:
            waiting = self._for_room[0]
            is_given_up = waiting.done is not None and waiting.done.done()
            if not is_given_up:
                if not self._has_room(waiting.stream, waiting.size):
                    return
                self._put(waiting)
            self._for_room.popleft()


def _command(batch: Sequence[_Waiting]) -> bytes:
    """All entries as one command with one answer, written here: packing them one by one is a third of a request's cost."""
    streams = list(dict.fromkeys(waiting.stream.encode() for waiting in batch))
    number_of = {stream.decode(): b"%d" % number for number, stream in enumerate(streams, 1)}
    parts = [
        b"*%d\r\n" % (3 + len(streams) + 3 * len(batch)),
        *map(_argument, (b"EVAL", _ADD_ALL, b"%d" % len(streams), *streams)),
    ]
    for waiting in batch:
        number, head, body = number_of[waiting.stream], waiting.entry[HEAD], waiting.entry[BODY]
        parts.append(b"$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(number), number, len(head), head, len(body), body))
    return b"".join(parts)


def _argument(value: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(value), value)


def add_all(client: "redis.Redis", entries: Sequence[tuple[str, Entry]], *, stream_bytes: int) -> bool:
    """Adds entries at once, for a caller that has somebody to answer; false if a stream is at its bound and none was added.

    Raises:
        RedisError, OSError: Redis is away; what was added by then is added again by a repeat, which does no harm.
    """
    for stream in {stream for stream, _ in entries}:
        if int(client.memory_usage(stream) or 0) >= stream_bytes:
            return False
    with client.pipeline(transaction=True) as pipeline:
        for stream, entry in entries:
            pipeline.xadd(stream, entry)  # type: ignore[arg-type]
        pipeline.execute()
    return True
