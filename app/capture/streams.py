"""The two Redis streams: reading with acknowledgement, taking over from dead consumers, and their bound in bytes.

An acknowledged entry is deleted, so the first entry of a stream is the oldest that nobody has finished.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from app.capture.events import Entry

MIRROR, RECORD = "mirror", "record"
GROUP = "pilot"
ALIVE_SECONDS = 5.0
CLAIMED_AT_ONCE = 256
ANSWER_SECONDS = 5.0
LONGEST_BLOCK_SECONDS = 2.0

REDIS_ERRORS: tuple[type[Exception], ...] = (RedisError, OSError)
"""What talking to Redis raises while it is away, loading, full or gone."""


def open_streams(redis_url: str) -> "redis.asyncio.Redis":
    """A client for one event loop. It tries nothing twice by itself: who calls knows what may be repeated."""
    plain = redis_url.replace("redis+socket://", "unix://", 1)
    return redis.asyncio.Redis.from_url(
        plain,
        socket_timeout=LONGEST_BLOCK_SECONDS + ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def alive_key(stream: str, consumer: str) -> str:
    """The key that is there while a consumer of a stream lives."""
    return f"alive:{stream}:{consumer}"


async def stream_bytes(client: "redis.asyncio.Redis", stream: str) -> int:
    """Memory that a stream takes, as Redis estimates it."""
    found = await client.memory_usage(stream)
    return int(found or 0)


async def horizon_ms(client: "redis.asyncio.Redis", stream: str) -> int | None:
    """When the oldest entry that is not acknowledged was added (Redis' clock, ms since 1970); `None` = there is none."""
    first = await client.xrange(stream, count=1)
    return _milliseconds(first[0][0]) if first else None


async def entries_at(client: "redis.asyncio.Redis", stream: str, number: str) -> list[tuple[str, Entry]]:
    """The entry of an id; empty if it is gone."""
    found: Any = await client.xrange(stream, number, number)
    return [_read(pair) for pair in found]


class StreamReader:
    """One consumer of one stream's group.

    Args:
        client: From `open_streams`.
        stream: `MIRROR` or `RECORD`.
        consumer: Unique among living processes; one that comes back under its name goes on with its unfinished entries.
    """

    def __init__(self, client: "redis.asyncio.Redis", stream: str, consumer: str) -> None:
        self._client = client
        self._stream = stream
        self._consumer = consumer
        self._taken: deque[tuple[str, Entry]] = deque()
        self._own_after: str | None = "0"  # its unfinished entries of an earlier life are read up to here; None = all are
        self._is_joined = False

    async def read(self, count: int, block_seconds: float) -> list[tuple[str, Entry]]:
        """Up to `count` entries; waits at most `block_seconds` (2 s) for the first.

        Raises:
            RedisError, OSError: Redis is away; call again later.
        """
        await self._join()
        if self._taken:
            return [self._taken.popleft() for _ in range(min(count, len(self._taken)))]
        if self._own_after is not None:
            unfinished = await self._fetch(self._own_after, count, None)
            self._own_after = unfinished[-1][0] if unfinished else None
            # An entry that was deleted meanwhile is listed without its fields.
            if found := [(number, entry) for number, entry in unfinished if entry]:
                return found
        return await self._fetch(">", count, max(1, int(min(block_seconds, LONGEST_BLOCK_SECONDS) * 1000)))

    async def acknowledge(self, ids: Sequence[str]) -> None:
        """These entries are done with, for good."""
        if not ids:
            return
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.xack(self._stream, GROUP, *ids)
            pipeline.xdel(self._stream, *ids)
            await pipeline.execute()

    async def tend(self) -> None:
        """Says that this consumer lives, takes over what dead ones left, and lets Redis free what is done with."""
        await self._join()
        await self._client.set(self._alive_key(self._consumer), b"1", px=int(ALIVE_SECONDS * 1000))
        for other in await self._dead_consumers():
            await self._take_over(other)
        await self._trim()

    async def horizon_ms(self) -> int | None:
        """As the function of that name, for this stream."""
        return await horizon_ms(self._client, self._stream)

    async def _join(self) -> None:
        if self._is_joined:
            return
        try:
            await self._client.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        await self._client.set(self._alive_key(self._consumer), b"1", px=int(ALIVE_SECONDS * 1000))
        self._is_joined = True

    async def _fetch(self, after: str, count: int, block_ms: int | None) -> list[tuple[str, Entry]]:
        try:
            found = await self._client.xreadgroup(GROUP, self._consumer, {self._stream: after}, count=count, block=block_ms)
        except ResponseError as error:
            if "NOGROUP" in str(error):  # somebody emptied Redis
                self._is_joined = False
                return []
            raise
        entries = found.values() if isinstance(found, Mapping) else [pairs for _, pairs in found or ()]
        return [_read(pair) for pairs in entries for pair in _flat(pairs)]

    async def _dead_consumers(self) -> list[dict[str, Any]]:
        others = [found for found in await self._client.xinfo_consumers(self._stream, GROUP) if found["name"] != self._name]
        if not others:
            return []
        alive = await self._client.mget([self._alive_key(found["name"].decode()) for found in others])
        return [found for found, sign in zip(others, alive, strict=True) if sign is None]

    async def _take_over(self, other: dict[str, Any]) -> None:
        """Two that take over at once get different entries: a claim makes an entry young again."""
        name = other["name"].decode()
        if not other["pending"]:
            await self._client.xgroup_delconsumer(self._stream, GROUP, name)
            return
        if len(self._taken) >= CLAIMED_AT_ONCE:
            return
        pending = await self._client.xpending_range(self._stream, GROUP, "-", "+", CLAIMED_AT_ONCE, consumername=name)
        ids: list[Any] = [found["message_id"] for found in pending]
        if not ids:
            return
        claimed = await self._client.xclaim(self._stream, GROUP, self._consumer, int(ALIVE_SECONDS * 500), ids)
        self._taken.extend(_read(pair) for pair in claimed if pair and pair[1])

    async def _trim(self) -> None:
        """Below the oldest unfinished entry nothing is needed; with none left, below now."""
        oldest = await self._client.xrange(self._stream, count=1)
        if oldest:
            await self._client.xtrim(self._stream, minid=oldest[0][0], approximate=False)

    @property
    def _name(self) -> bytes:
        return self._consumer.encode()

    def _alive_key(self, consumer: str) -> str:
        return alive_key(self._stream, consumer)


def _flat(pairs: Any) -> list[Any]:
    """redis-py nests the entries of a stream once more where it speaks RESP3."""
    return pairs[0] if len(pairs) == 1 and isinstance(pairs[0], list) else pairs


def _read(pair: Any) -> tuple[str, Entry]:
    number, entry = pair
    return number.decode(), entry or {}


def _milliseconds(number: Any) -> int:
    return int(number.partition(b"-")[0])


def age_seconds(entry_id: str) -> float:
    """How long ago an entry was added, by this machine's clock."""
    return max(0.0, time.time() - int(entry_id.partition("-")[0]) / 1000)
