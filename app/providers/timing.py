"""The one clock of all arms: from the last request byte handed to the socket to the socket read of a reply.

See `docs/decisions/0003-timing-of-model-calls.md`.
"""

import asyncio
import time
from collections import deque

from app.domain.exchange import Timing

TICK_SECONDS = 0.002
"""Resolution of the lag: a stall of s seconds is seen as s - TICK_SECONDS to s."""

now = time.perf_counter


class LoopLag:
    """How late the running event loop gets to what is due, measured by a timer that should fire every tick."""

    def __init__(self) -> None:
        self._ticks: deque[tuple[float, float]] = deque(maxlen=64)  # when it fired, time since the one before
        self._last = now()
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to tick on the running loop."""
        self._last = now()
        self._handle = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def stop(self) -> None:
        """Ends the ticking."""
        if self._handle is not None:
            self._handle.cancel()

    def since(self, moment: float) -> float:
        """The largest lag, in seconds, that a read at `moment` can have suffered.

        A stall before the read shows in the first tick after it, for asyncio runs socket reads before timers that are due;
        or, if the tick was due in the turn of the loop that stalled, in the last tick before it.
        """
        largest = now() - self._last
        for fired, gap in reversed(
            self._ticks
        ):  # asked twice for each request of the gateway: it looks no further than it must
            if fired < moment - TICK_SECONDS:
                break
            largest = max(largest, gap)
        return max(0.0, largest - TICK_SECONDS)

    def _tick(self) -> None:
        fired = now()
        self._ticks.append((fired, fired - self._last))
        self._last = fired
        self._handle = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)


class Stopwatch:
    """The moments of one call; all are given, none is guessed. Times before the start count as the start."""

    def __init__(self) -> None:
        self.started: float | None = None
        self._first_any: float | None = None
        self._first_visible: float | None = None
        self._ended: float | None = None

    def start(self, at: float) -> None:
        """The last request byte was handed to the socket."""
        self.started = at

    def output(self, at: float, *, visible: bool) -> bool:
        """Non-empty output was read: content, reasoning or a tool call; whether it was the first of its kind."""
        is_first = self._first_any is None or (visible and self._first_visible is None)
        if self._first_any is None:
            self._first_any = at
        if visible and self._first_visible is None:
            self._first_visible = at
        return is_first

    def forget_visible(self) -> None:
        """What was taken for content turned out to be thought."""
        self._first_visible = None

    def end(self, at: float | None) -> None:
        """The last byte that belongs to the reply was read; `None` = nobody knows when."""
        self._ended = at

    def timing(self) -> Timing:
        """What was measured; without a start nothing was."""
        return Timing(
            ttft_any_seconds=self._since_start(self._first_any),
            ttft_visible_seconds=self._since_start(self._first_visible),
            total_seconds=self._since_start(self._ended),
        )

    def _since_start(self, moment: float | None) -> float | None:
        return None if moment is None or self.started is None else max(0.0, moment - self.started)
