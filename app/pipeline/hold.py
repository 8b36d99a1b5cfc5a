"""When work that can wait lets others go first: while the recorder is behind, and when its worker is told to end.

Storing live events comes before judging them: both need the database, and events that find no room are lost.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

import redis
from prometheus_client import Counter, Gauge

from app.capture.newer import is_newer
from app.capture.streams import RECORD, alive_key
from app.domain.queues import NOW
from app.settings import Settings

BEHIND = "the recorder is behind: storing live events goes first; it goes on by itself once the recorder has caught up"
ENDING = "the worker was told to end"
WAITED_FOR = "short work that somebody waits for found no free process"
LOOK_SECONDS = 1.0
ANSWER_SECONDS = 1.0
# Short work that is waiting at so many looks in a row has found no free process.
LOOKS = 2
# Work goes on once so much of what made it wait is left: at the limit itself it would begin and end every second.
CAUGHT_UP_SHARE = 0.5

_WHY = {BEHIND: "behind", ENDING: "ending", WAITED_FOR: "waited_for"}
held = Counter("pilot_work_held_total", "Turns that ended early or did not begin, by work and why.", ["work", "why"])
is_behind = Gauge("pilot_recorder_behind", "1 while work waits for the recorder.", multiprocess_mode="livemax")
behind_seconds = Gauge(
    "pilot_recorder_oldest_seconds", "Age of the oldest event that is not stored.", multiprocess_mode="livemax"
)
unseen = Counter("pilot_recorder_unseen_total", "Looks at the recorder's stream that Redis did not answer.")

log = logging.getLogger(__name__)


class Hold(Protocol):
    """Asked between two steps of a turn."""

    @property
    def reason(self) -> str:
        """Why the turn should end now, as last seen; "" = it may go on. Never waits."""

    def look(self) -> str:
        """The same after a look, at most once a second; waits a moment for Redis."""


class NoHold:
    """For whoever is alone."""

    reason = ""

    def look(self) -> str:
        """Nothing."""
        return ""


NO_HOLD = NoHold()


@dataclass(frozen=True, slots=True)
class Backlog:
    """What stands in the recorder's stream.

    Attributes:
        age_seconds: Of its oldest entry; 0 = there is none.
        size_bytes: Memory that it takes.
        is_read: Whether a recorder lives: without one, nobody is helped by waiting.
    """

    age_seconds: float
    size_bytes: int
    is_read: bool


@dataclass(frozen=True, slots=True)
class BacklogLimits:
    """Beyond either, other work waits."""

    age_seconds: float
    size_bytes: float

    @classmethod
    def of(cls, settings: Settings) -> "BacklogLimits":
        """The limits that a process was started with."""
        return cls(settings.recorder_behind_seconds, settings.recorder_behind_share * settings.stream_bytes)

    def are_exceeded(self, backlog: Backlog, *, is_held: bool) -> bool:
        """Whether work has to wait; who waits already does so until most of it is gone."""
        share = CAUGHT_UP_SHARE if is_held else 1.0
        return backlog.is_read and (
            backlog.age_seconds > share * self.age_seconds or backlog.size_bytes > share * self.size_bytes
        )


class RecorderHold:
    """Watches the recorder's stream; one object a process, for all its threads.

    Args:
        redis_url: Where the stream is.
        limits: From which on work waits.
        is_ending: Whether this process was told to end.
    """

    def __init__(self, redis_url: str, limits: BacklogLimits, is_ending: Callable[[], bool] = lambda: False) -> None:
        self._client = _client_of(redis_url)
        self._limits = limits
        self._is_ending = is_ending
        self._is_behind = False
        self._looked_at = -LOOK_SECONDS
        self._lock = threading.Lock()

    @property
    def reason(self) -> str:
        """As `Hold.reason`."""
        if self._is_ending():
            return ENDING
        return BEHIND if self._is_behind else ""

    def look(self) -> str:
        """As `Hold.look`. While Redis is away the recorder waits, too: nothing is held."""
        with self._lock:
            if monotonic() - self._looked_at >= LOOK_SECONDS:
                self._note(self._backlog())
                self._looked_at = monotonic()
        return self.reason

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.close()

    def _backlog(self) -> Backlog | None:
        try:
            return read_backlog(self._client)
        except redis.RedisError as error:
            unseen.inc()
            log.debug("the recorder's stream was not seen: %s", type(error).__name__)
            return None

    def _note(self, backlog: Backlog | None) -> None:
        was_behind = self._is_behind
        self._is_behind = backlog is not None and self._limits.are_exceeded(backlog, is_held=was_behind)
        is_behind.set(self._is_behind)
        behind_seconds.set(backlog.age_seconds if backlog is not None else 0.0)
        if self._is_behind and not was_behind and backlog is not None:
            log.warning(
                "the recorder is behind by %.0f s and %.0f MB: other work waits", backlog.age_seconds, backlog.size_bytes / 1e6
            )
        elif was_behind and not self._is_behind:
            log.warning("the recorder has caught up: other work goes on")


class LiveHold:
    """The same for a turn in a process that short work waits for, too: it lets go where that found no process for a second.

    Args:
        hold: The process's own.
        redis_url: Where the queue is.
    """

    def __init__(self, hold: RecorderHold, redis_url: str) -> None:
        self._hold = hold
        self._client = _client_of(redis_url)
        self._waited = 0
        self._looked_at = -LOOK_SECONDS
        self._lock = threading.Lock()

    def begin(self) -> None:
        """A turn begins, so a process was free for whatever waited before."""
        with self._lock:
            self._waited = 0

    @property
    def reason(self) -> str:
        """As `Hold.reason`."""
        return self._hold.reason or (WAITED_FOR if self._waited >= LOOKS else "")

    def look(self) -> str:
        """As `Hold.look`."""
        self._hold.look()
        with self._lock:
            if monotonic() - self._looked_at >= LOOK_SECONDS:
                self._waited = self._waited + 1 if self._waiting() else 0
                self._looked_at = monotonic()
        return self.reason

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.close()

    def _waiting(self) -> bool:
        try:
            return bool(self._client.llen(NOW))
        except redis.RedisError:
            unseen.inc()
            return False


def _client_of(redis_url: str) -> "redis.Redis":
    plain = redis_url.replace("redis+socket://", "unix://", 1)
    return redis.Redis.from_url(plain, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS)


def read_backlog(client: "redis.Redis") -> Backlog:
    """What stands in the stream now, by Redis' own clock.

    Events of a newer version wait for a newer recorder, up to an hour (`app/capture/newer.py`): nobody has to wait for them.
    """
    first: Any = client.xrange(RECORD, count=1)
    if first and is_newer(first[0][1]):
        first, size_bytes = _not_read(client), 0  # how much of the stream they take is not known
    else:
        size_bytes = int(client.memory_usage(RECORD) or 0)
    if not first:
        return Backlog(0.0, 0, is_read=True)
    seconds, microseconds = client.time()
    age = seconds + microseconds / 1e6 - int(first[0][0].partition(b"-")[0]) / 1000
    return Backlog(max(0.0, age), size_bytes, is_read=_is_read(client))


def _not_read(client: "redis.Redis") -> Any:
    """The oldest entry that no recorder has taken, as a list."""
    try:
        groups: Any = client.xinfo_groups(RECORD)
    except redis.ResponseError:  # the stream is gone: it is empty
        return []
    last = max((found["last-delivered-id"] for found in groups), key=_moment, default=b"0-0")
    return client.xrange(RECORD, min=b"(" + last, count=1)


def _moment(number: bytes) -> tuple[int, ...]:
    return tuple(map(int, number.split(b"-")))


def _is_read(client: "redis.Redis") -> bool:
    try:
        groups: Any = client.xinfo_groups(RECORD)
        names = [found["name"].decode() for group in groups for found in client.xinfo_consumers(RECORD, group["name"])]
    except redis.ResponseError:  # the stream is gone: it is empty
        return True
    return any(sign is not None for sign in client.mget([alive_key(RECORD, name) for name in names])) if names else False


async def watch(hold: Hold) -> None:
    """Looks again and again beside an event loop's work, until it is cancelled."""
    while True:
        await asyncio.to_thread(hold.look)
        await asyncio.sleep(LOOK_SECONDS)


def note_held(work: str, reason: str) -> None:
    """Counts a turn that made room."""
    held.labels(work, _WHY.get(reason, "other")).inc()
