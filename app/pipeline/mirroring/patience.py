"""Redis comes back: what needs it is tried again until it does; and how tasks that do so are ended."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from app.capture.streams import REDIS_ERRORS

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
SAID_AGAIN_SECONDS = 10.0
CANCEL_SECONDS = 0.2

Found = TypeVar("Found")
log = logging.getLogger(__name__)
_said_at: list[float] = []


async def patiently(try_it: Callable[[], Awaitable[Found]]) -> Found:
    """What the call gives once Redis answers; it must do no harm if it is done twice."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await try_it()
        except REDIS_ERRORS as error:
            _say(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _say(error: Exception) -> None:
    """One line from time to time, however many calls wait."""
    now = time.monotonic()
    if not _said_at or now - _said_at[-1] >= SAID_AGAIN_SECONDS:
        log.warning("Redis does not answer, trying again: %s", type(error).__name__)
        _said_at[:] = [now]


async def end(tasks: Iterable["asyncio.Future[Any]"]) -> None:
    """Cancels tasks until they have ended: redis-py may turn a cancellation into a time-out, which is then tried again."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_SECONDS)
