"""One look at Redis: its memory, the streams, who lives, and the queues of the workers."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
import redis

from app.capture import presence
from app.capture.streams import MIRROR, RECORD
from app.jobs import SENT_AT

LOOK_SECONDS = 2.0
UNACKNOWLEDGED = "unacked"  # kombu's name for what a worker has and has not finished


@dataclass(frozen=True, slots=True)
class StreamSeen:
    """One stream; `oldest_seconds` `None` = it is empty."""

    entries: int
    bytes: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class RedisSeen:
    """What one look found.

    Attributes:
        most_bytes: `maxmemory`; 0 = no bound.
        writes: "" or why it refuses to write.
        folder: Where it keeps its file; "" = it does not say.
        streams: By name.
        heard: By process and slot, seconds since it said that it lives.
        queued: Messages that wait, by queue.
        oldest_queued_seconds: How long the oldest message waits, of queues where one does and says when it was sent.
        in_hand: Messages that workers have and have not finished.
    """

    used_bytes: int
    most_bytes: int
    writes: str
    streams: dict[str, StreamSeen]
    heard: dict[str, dict[str, float]]
    queued: dict[str, int] = field(default_factory=dict)
    oldest_queued_seconds: dict[str, float] = field(default_factory=dict)
    in_hand: int = 0


def look_at_redis(redis_url: str, queues: Iterable[str]) -> RedisSeen:
    """Asks once.

    Raises:
        RedisError, OSError: It does not answer.
    """
    client = redis.Redis.from_url(
        redis_url.replace("redis+socket://", "unix://", 1), socket_timeout=LOOK_SECONDS, socket_connect_timeout=LOOK_SECONDS
    )
    try:
        return _look(client, tuple(queues))
    finally:
        client.close()


def _look(client: "redis.Redis", queues: tuple[str, ...]) -> RedisSeen:
    names = (MIRROR, RECORD)
    with client.pipeline(transaction=False) as asked:
        asked.time()
        asked.info("memory")
        asked.info("persistence")
        asked.hgetall(presence.KEY)
        asked.hlen(UNACKNOWLEDGED)
        for name in names:
            asked.xlen(name)
            asked.memory_usage(name)
            asked.xrange(name, count=1)
        for queue in queues:
            asked.llen(queue)
            asked.lindex(queue, -1)
        (seconds, micro), memory, persistence, said, in_hand, *rest = asked.execute()
    now = seconds + micro / 1e6
    of_streams, of_queues = rest[: 3 * len(names)], rest[3 * len(names) :]
    ages = {queue: age for queue, raw in zip(queues, of_queues[1::2], strict=True) if (age := _age(raw)) is not None}
    return RedisSeen(
        used_bytes=int(memory["used_memory"]),
        most_bytes=int(memory.get("maxmemory", 0)),
        writes=_refusal(persistence),
        streams={
            name: _stream(entries, size, first, now)
            for name, entries, size, first in zip(names, of_streams[::3], of_streams[1::3], of_streams[2::3], strict=True)
        },
        heard=presence.heard_of(said, now),
        queued=dict(zip(queues, of_queues[::2], strict=True)),
        oldest_queued_seconds=ages,
        in_hand=int(in_hand),
    )


def _stream(entries: int, size: int | None, first: list[Any], now: float) -> StreamSeen:
    if not first:
        return StreamSeen(entries, int(size or 0), None)
    added = int(first[0][0].partition(b"-")[0]) / 1000
    return StreamSeen(entries, int(size or 0), max(0.0, now - added))


def _refusal(persistence: dict[str, Any]) -> str:
    """Redis that cannot write its file goes on for a while, and then refuses."""
    if persistence.get("aof_enabled") and persistence.get("aof_last_write_status") != "ok":
        return "it cannot write its append-only file"
    return ""


def _age(message: bytes | None) -> float | None:
    """Of a message that says when it was sent; the clock is the sender's."""
    try:
        sent = orjson.loads(message)["headers"][SENT_AT] if message else None
    except (ValueError, KeyError, TypeError):
        return None
    return max(0.0, time.time() - sent) if isinstance(sent, int | float) else None
