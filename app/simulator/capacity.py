"""A server of known capacity: so many requests at once, each for the same time, and all others wait their turn."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Slots:
    """Its capacity is `number / service_seconds` answers a second, whatever the machine's load.

    A slot is free again at the moment at which its request should end, not when a late event loop gets to it: else the
    capacity would be less than what it says.

    Attributes:
        number: Requests that are worked on at once.
        service_seconds: How long each takes, from its turn on.
        first_share: When the first token comes, as a share of that time.
    """

    number: int
    service_seconds: float
    first_share: float = 0.25
    _busy: int = 0
    _waiting: deque["asyncio.Future[float]"] = field(default_factory=deque)

    @property
    def requests_per_second(self) -> float:
        """The most that it answers."""
        return self.number / self.service_seconds

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["Turn"]:
        """Waits for a slot and gives it back at the end of the service, or at once if the client went away."""
        clock = asyncio.get_running_loop().time
        begins = await self._take()
        ends = begins + self.service_seconds
        try:
            yield Turn(begins + self.first_share * self.service_seconds, ends)
        finally:
            self._give(min(ends, clock()))

    async def _take(self) -> float:
        loop = asyncio.get_running_loop()
        if self._busy < self.number:
            self._busy += 1
            return loop.time()
        place: asyncio.Future[float] = loop.create_future()
        self._waiting.append(place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._give(place.result())
            raise

    def _give(self, at: float) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(at)
                return
        self._busy -= 1


@dataclass(frozen=True, slots=True)
class Turn:
    """When an answer's first token is due and when its last, by the loop's clock."""

    first_at: float
    ends_at: float

    async def first(self) -> None:
        """Waits for the first token."""
        await _until(self.first_at)

    async def last(self) -> None:
        """Waits for the last one."""
        await _until(self.ends_at)


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
