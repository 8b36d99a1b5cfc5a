"""How many calls a model server is given at once: fewer when it has no room, slowly more when it answers."""

import asyncio
from collections import deque
from dataclasses import dataclass
from time import monotonic

DECREASE = 0.7
# Of the most, for each round of answers: from half to all takes 25 rounds.
INCREASE = 0.02


@dataclass(slots=True)
class Room:
    """What is known of a server's room; it outlives a worker's turn.

    Attributes:
        limit: Calls at once; `None` = as many as are wanted.
        not_before: Moment (monotonic seconds) before which it wants to be left alone.
    """

    limit: float | None = None
    not_before: float = 0.0


class CallLimiter:
    """Additive increase, multiplicative decrease. For one event loop.

    All calls that were under way when the server ran out of room are one sign, not many: after a decrease, only calls that
    began later can cause the next.

    Args:
        most: Calls at once at most.
        room: Where the limit is kept.
    """

    def __init__(self, most: int, room: Room) -> None:
        self._most = most
        self._room = room
        self._now = 0
        self._epoch = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        """How many calls may be under way now; at least one."""
        limit = self._room.limit
        return self._most if limit is None else max(1, min(self._most, int(limit)))

    @property
    def in_flight(self) -> int:
        """How many are."""
        return self._now

    async def enter(self) -> int:
        """Waits for a place; gives what `leave` wants to know."""
        while self._now >= self.limit:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                await future
            except asyncio.CancelledError:
                self._wake()
                raise
        self._now += 1
        return self._epoch

    def leave(self, epoch: int, *, has_room: bool | None) -> None:
        """A call has ended.

        Args:
            epoch: What `enter` gave.
            has_room: Whether it says that the server has room; `None` = it says nothing.
        """
        self._now -= 1
        if has_room is not None:
            self._learn(epoch, has_room=has_room)
        self._wake()

    def _learn(self, epoch: int, *, has_room: bool) -> None:
        room = self._room
        if not has_room and epoch == self._epoch:
            room.limit = max(1.0, self.limit * DECREASE)
            self._epoch += 1
        elif has_room and room.limit is not None:
            room.limit += max(1.0, self._most * INCREASE) / max(1.0, room.limit)
            if room.limit >= self._most:
                room.limit = None

    def _wake(self) -> None:
        free = self.limit - self._now
        while self._waiting and free > 0:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                free -= 1


def rest(room: Room, seconds: float) -> None:
    """Nobody asks the server for so long."""
    room.not_before = max(room.not_before, monotonic() + seconds)


_ROOMS: dict[tuple[str, str], Room] = {}


def room_of(base_url: str, model: str) -> Room:
    """This process's knowledge of a model at a server, whichever pilot asks it."""
    return _ROOMS.setdefault((base_url, model), Room())
