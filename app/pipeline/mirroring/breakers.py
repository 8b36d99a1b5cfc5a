"""The breakers of all arms of one mirror; what is not closed is said where `pilot status` finds it."""

import time
from collections.abc import Callable

import orjson
import redis.asyncio

from app.pipeline.mirroring import metrics
from app.pipeline.mirroring.breaker import Breaker, BreakerState
from app.pipeline.mirroring.breakers_seen import HASH, SAID_AGAIN_SECONDS


class Breakers:
    """One mirror's breakers.

    Args:
        slot: Which of several mirrors this is.
        failures: So many in a row open one.
        open_seconds: How long it stays open.
        clock: Seconds that only grow.
    """

    def __init__(self, slot: str, *, failures: int, open_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._slot = slot
        self._failures = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._said: dict[tuple[str, str], tuple[BreakerState, float, float]] = {}  # state, since, when it was said

    def of(self, pilot: str, arm: str) -> Breaker:
        """The arm's breaker."""
        found = self._breakers.get((pilot, arm))
        if found is None:
            found = Breaker(failures=self._failures, open_seconds=self._open_seconds, clock=self._clock)
            self._breakers[pilot, arm] = found
        return found

    async def say(self, client: "redis.asyncio.Redis") -> None:
        """Writes down what changed, and from time to time what still holds. Raises `REDIS_ERRORS` while Redis is away."""
        now = time.time()
        for (pilot, arm), breaker in self._breakers.items():
            state = breaker.state
            metrics.breaker.labels(pilot, arm).set(metrics.STATES[state])
            said = self._said.get((pilot, arm))
            if said is None and state is BreakerState.CLOSED:
                continue
            if said is not None and said[0] is state and now - said[2] < SAID_AGAIN_SECONDS:
                continue
            await self._say(client, pilot, arm, state, said[1] if said is not None and said[0] is state else now, now)

    async def forget(self, client: "redis.asyncio.Redis") -> None:
        """What an earlier life of this mirror said holds no longer."""
        fields = [field for field in await client.hkeys(HASH) if orjson.loads(field)[2] == self._slot]
        if fields:
            await client.hdel(HASH, *fields)

    async def _say(
        self, client: "redis.asyncio.Redis", pilot: str, arm: str, state: BreakerState, since: float, now: float
    ) -> None:
        field = orjson.dumps([pilot, arm, self._slot])
        if state is BreakerState.CLOSED:
            await client.hdel(HASH, field)
            self._said.pop((pilot, arm), None)
            return
        await client.hset(HASH, field, orjson.dumps([state.value, since, now]))
        self._said[pilot, arm] = (state, since, now)
