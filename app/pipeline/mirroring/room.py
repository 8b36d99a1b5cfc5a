"""How much one mirror process does at once: calls of an arm, calls of all arms, and bytes that wait for them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

# What a request that waits costs beside its body: tasks, their frames and what they read of it, as measured.
WAITING_BYTES = 20 * 1024


class NoRoom(Exception):
    """A call found no room within the bound: it is shed."""


class Held:
    """Bytes of requests that wait or are being asked."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.bytes = 0

    @contextmanager
    def hold(self, size: int) -> Iterator[bool]:
        """Whether there is room for so many bytes; if so they count until the end."""
        size += WAITING_BYTES
        has_room = self.bytes + size <= self._limit or self.bytes == 0
        self.bytes += size if has_room else 0
        try:
            yield has_room
        finally:
            self.bytes -= size if has_room else 0


class Room:
    """Calls in flight. An arm has at most half of all, so that one that hangs leaves room for the others.

    Args:
        calls: Of all arms together.
        wait_seconds: How long a call waits for room.
    """

    def __init__(self, *, calls: int, wait_seconds: float) -> None:
        self._calls = calls
        self._all = asyncio.Semaphore(calls)
        self._arms: dict[tuple[str, str], tuple[int, asyncio.Semaphore]] = {}
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def enter(self, pilot: str, arm: str, limit: int, *, may_wait: bool = True) -> AsyncIterator[None]:
        """Waits for room, first come, first served; `NoRoom` if there is none in time, or at once for who may not wait."""
        own = self._of(pilot, arm, max(1, min(limit, self._calls // 2)))
        taken: list[asyncio.Semaphore] = []
        try:
            try:
                async with asyncio.timeout(self._wait_seconds if may_wait else 0):
                    for semaphore in (own, self._all):
                        await semaphore.acquire()
                        taken.append(semaphore)
            except TimeoutError:
                raise NoRoom from None
            yield
        finally:
            for semaphore in taken:
                semaphore.release()

    def _of(self, pilot: str, arm: str, limit: int) -> asyncio.Semaphore:
        """The arm's own; another one after its limit was changed: calls under way end on the old one."""
        found = self._arms.get((pilot, arm))
        if found is None or found[0] != limit:
            found = self._arms[pilot, arm] = (limit, asyncio.Semaphore(limit))
        return found[1]
