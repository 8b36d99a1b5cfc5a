"""Which processes live: each says so every few seconds in one hash of Redis, by its clock; one that ends in order leaves.

A field is `process/slot`, its value the second (since 1970) at which it was heard of last.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import redis
import redis.asyncio

from app.capture.streams import REDIS_ERRORS, open_streams

KEY = "presence"
TELL_SECONDS = 2.0
LEAVE_SECONDS = 0.5
SYNC_TIMEOUT_SECONDS = 2.0
# A process that was killed and never came back, as each container under a name of its own, is forgotten.
FORGET_SECONDS = 24 * 3600
_TELL = f"""
local now = redis.call('TIME')[1]
if redis.call('HSET', KEYS[1], ARGV[1], now) == 1 then
    local said = redis.call('HGETALL', KEYS[1])
    for i = 1, #said, 2 do
        if now - said[i + 1] > {FORGET_SECONDS} then redis.call('HDEL', KEYS[1], said[i]) end
    end
end
"""

log = logging.getLogger(__name__)


@asynccontextmanager
async def present(redis_url: str, process: str, slot: str) -> AsyncIterator[None]:
    """Says beside everything else that this process's event loop lives, and at the end that it left."""
    client, field, ended = open_streams(redis_url), f"{process}/{slot}", asyncio.Event()
    telling = asyncio.create_task(_keep_telling(client, field, ended))
    try:
        yield
    finally:
        # Not cancelled at once: a client that is cancelled in the middle of an answer may swallow it.
        ended.set()
        _, late = await asyncio.wait([telling], timeout=LEAVE_SECONDS)
        for task in late:
            task.cancel()
        with suppress(TimeoutError, *REDIS_ERRORS):
            async with asyncio.timeout(LEAVE_SECONDS):
                await client.hdel(KEY, field)
        await client.aclose()


async def _keep_telling(client: "redis.asyncio.Redis", field: str, ended: asyncio.Event) -> None:
    is_told = False
    while not ended.is_set():
        try:
            await client.eval(_TELL, 1, KEY, field)
            is_told = False
        except REDIS_ERRORS as error:
            if not is_told:
                log.warning("Redis does not hear that this process lives: %s", type(error).__name__)
            is_told = True
        with suppress(TimeoutError):
            async with asyncio.timeout(TELL_SECONDS):
                await ended.wait()


class Presence:
    """The same for a process without an event loop of ours: a worker's parent, and beat."""

    def __init__(self, redis_url: str, process: str, slot: str) -> None:
        self._field = f"{process}/{slot}"
        self._client = redis.Redis.from_url(
            redis_url.replace("redis+socket://", "unix://", 1),
            socket_timeout=SYNC_TIMEOUT_SECONDS,
            socket_connect_timeout=SYNC_TIMEOUT_SECONDS,
        )

    def tell(self) -> None:
        """It lives."""
        try:
            self._client.eval(_TELL, 1, KEY, self._field)
        except REDIS_ERRORS as error:
            log.warning("Redis does not hear that this process lives: %s", type(error).__name__)

    def leave(self) -> None:
        """It ends."""
        with suppress(*REDIS_ERRORS):
            self._client.hdel(KEY, self._field)
        self._client.close()


def heard_of(said: Mapping[bytes, bytes], now: float) -> dict[str, dict[str, float]]:
    """Of each process by its slot: how many seconds ago it was heard of."""
    found: dict[str, dict[str, float]] = {}
    for field, second in said.items():
        process, _, slot = field.decode().partition("/")
        found.setdefault(process, {})[slot] = max(0.0, now - float(second))
    return found
