"""Warnings that say the same again and again, as while Redis is away: one line a while, with how many were left out."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import structlog
from structlog.typing import EventDict
from typing_extensions import override

SECONDS = 10.0
# Of one template, whatever differs in its lines.
MOST_OF_A_KIND = 100
# Different lines that are remembered; the oldest are forgotten first.
MOST_KNOWN = 1000
# What tells two lines of the same trouble apart, and says nothing about the trouble.
_OWN = frozenset({"timestamp", "exception", "exchange", "number", "request", "task_id", "trace_id"})


@dataclass(slots=True)
class _Window:
    began_at: float
    lines: int = 0
    left_out: int = 0


class Repeats(logging.Filter):
    """Lets through the first of equal warnings in a while; `repeated` of the next one says how many there were meanwhile.

    Args:
        seconds: How long a while is.
        clock: Seconds that only grow.
    """

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._windows: OrderedDict[Hashable, _Window] = OrderedDict()
        self._lock = threading.Lock()

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.levelno < logging.WARNING:
            return True
        kind, words = _identity(record)
        with self._lock:
            # Both are asked: a line that is left out counts where it is left out.
            repeated = self._admitted(words, 1)
            more = self._admitted(kind, MOST_OF_A_KIND) if repeated is not None else None
        if repeated is None or more is None:
            return False
        record.repeated = repeated + more
        return True

    def _admitted(self, key: Hashable, most: int) -> int | None:
        """How many were left out before this line; `None` = so is this one."""
        now = self._clock()
        window = self._windows.get(key)
        if window is not None and now - window.began_at < self._seconds:
            if window.lines >= most:
                window.left_out += 1
                return None
            window.lines += 1
            return 0
        self._windows[key] = _Window(now, lines=1)
        self._windows.move_to_end(key)
        if len(self._windows) > MOST_KNOWN:
            self._windows.popitem(last=False)
        return window.left_out if window is not None else 0


def say_repeats(_: Any, __: str, event: EventDict) -> EventDict:
    """Adds how many equal lines were left out since the last one."""
    repeated = getattr(event.get("_record"), "repeated", 0)
    return {**event, "repeated": repeated} if repeated else event


def _identity(record: logging.LogRecord) -> tuple[Hashable, Hashable]:
    """What a line says apart from its values, and what it says in all."""
    kind = (record.name, record.levelno, type(record.exc_info[1]).__name__ if record.exc_info else "")
    if isinstance(record.msg, dict):  # of structlog
        said = {name: value for name, value in record.msg.items() if name not in _OWN and name[0] != "_"}
        return (*kind, "event", str(said.get("event"))), (*kind, "line", repr(sorted(said.items())))
    bound = structlog.contextvars.get_contextvars()
    whose = (str(bound.get("pilot")), str(bound.get("arm")))
    return (*kind, "event", str(record.msg)), (*kind, "line", record.getMessage(), *whose)
