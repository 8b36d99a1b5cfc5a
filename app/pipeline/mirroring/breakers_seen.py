"""Breakers that are not closed, as the mirrors say it: the Redis hash `pilot:breakers`.

A field is `[pilot, arm, slot of the mirror]`, its value state, since and the moment it was said; a closed breaker has none.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import redis

from app.pipeline.mirroring.breaker import BreakerState

HASH = "pilot:breakers"
SAID_AGAIN_SECONDS = 5.0
STALE_SECONDS = 30.0
ANSWER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class BreakerSeen:
    """A breaker that is not closed."""

    arm: str
    state: BreakerState
    since: datetime


def read_breakers(redis_url: str, pilot: str) -> list[BreakerSeen] | None:
    """A pilot's breakers that are not closed; `None` if Redis does not answer."""
    plain = redis_url.replace("redis+socket://", "unix://", 1)
    client = redis.Redis.from_url(plain, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS)
    try:
        return breakers_of(client.hgetall(HASH).items(), pilot, time.time())
    except redis.RedisError:
        return None
    finally:
        client.close()


def breakers_of(fields: Iterable[tuple[bytes | str, bytes | str]], pilot: str, now: float) -> list[BreakerSeen]:
    """Of the hash's fields: of several mirrors the one that is open; none that a dead mirror left."""
    found: dict[str, BreakerSeen] = {}
    for field, value in fields:
        name, arm, _ = orjson.loads(field)
        state, since, said_at = orjson.loads(value)
        if name != pilot or now - said_at > STALE_SECONDS:
            continue
        seen = BreakerSeen(arm, BreakerState(state), datetime.fromtimestamp(since, UTC))
        if arm not in found or seen.state is BreakerState.OPEN:
            found[arm] = seen
    return [found[arm] for arm in sorted(found)]
