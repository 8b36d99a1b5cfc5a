"""Looks every few seconds at what the service rests on, and remembers since when a part is ill."""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from app.capture.server_seen import RedisSeen, look_at_redis
from app.capture.streams import REDIS_ERRORS
from app.domain.health import PartName, Parts
from app.domain.routing import FILE_NAME, routing_of
from app.pipeline import health_metrics
from app.pipeline.health import DiskSeen, Seen, parts_of, words_of
from app.settings import Settings
from app.store.health import DATABASE_ERRORS, database_illness
from app.store.server_seen import DatabaseSeen, look_at_database
from app.store.session import SessionFactory

LOOK_SECONDS = 5.0
# Whoever asks in between is told what was found: the route needs no key.
KEPT_SECONDS = 2.0

UNREADABLE: tuple[type[Exception], ...] = (*REDIS_ERRORS, ValueError)

log = logging.getLogger(__name__)


class HealthWatch:
    """One an API process.

    Args:
        session_factory: Of the process.
        settings: Where everything is.
        clock: Seconds that only go on.
    """

    def __init__(
        self, session_factory: SessionFactory, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session_factory = session_factory
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._ill_since: dict[PartName, float] = {}
        self._looked_at = float("-inf")
        self._found: Parts | None = None

    def look(self) -> Parts:
        """What a look finds that is not older than two seconds."""
        found = self._found
        if not self._lock.acquire(blocking=found is None):
            assert found is not None  # noqa: S101 - else it was waited for
            return found  # a server that hangs must not hold up all who ask
        try:
            if self._found is None or self._clock() - self._looked_at >= KEPT_SECONDS:
                self._found = self._look()
                self._looked_at = self._clock()
            return self._found
        finally:
            self._lock.release()

    def run(self, ended: threading.Event) -> None:
        """Looks until the event is set."""
        while not ended.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:  # a fault of ours must not end the watch
                log.exception("the parts could not be looked at")

    def _look(self) -> Parts:
        seen = self._see()
        words, now = words_of(seen), self._clock()
        for name, word in words.items():
            if word.status == "ill":
                self._ill_since.setdefault(name, now)
            else:
                self._ill_since.pop(name, None)
        health_metrics.show(seen, words)
        return parts_of(words, {name: now - since for name, since in self._ill_since.items()})

    def _see(self) -> Seen:
        redis, redis_problem = self._see_redis()
        database, database_problem = self._see_database()
        return Seen(
            redis=redis,
            redis_problem=redis_problem,
            database=database,
            database_problem=database_problem,
            routing_problem=routing_problem(self._settings.home),
            stream_bytes=self._settings.stream_bytes,
            disks=self._disks(),
        )

    def _see_redis(self) -> tuple[RedisSeen | None, str]:
        url = self._settings.redis_url
        if url is None:
            return None, "no address of Redis: set PILOT_REDIS_URL"
        try:
            return look_at_redis(url, health_metrics.QUEUES), ""
        except UNREADABLE as error:
            return None, f"it does not answer: {error}"

    def _see_database(self) -> tuple[DatabaseSeen | None, str]:
        problem = database_illness(self._session_factory)
        if problem is not None:
            return None, problem
        try:
            with self._session_factory() as session:
                return look_at_database(session), ""
        except DATABASE_ERRORS as error:
            return None, f"it does not answer: {str(error).splitlines()[0]}"

    def _disks(self) -> dict[str, DiskSeen]:
        """Of the home alone: embedded servers keep their data there, and others have a disk that is not seen from here."""
        home = self._settings.home
        writers: set[PartName] = {"routing"}
        if (home / "postgres").is_dir():
            writers.add("postgres")
        if (home / "redis").is_dir():
            writers.add("redis")
        try:
            usage = shutil.disk_usage(home)
        except OSError:  # the routing file says so
            return {}
        return {"home": DiskSeen(usage.free, usage.total, frozenset(writers))}


def routing_problem(home: Path) -> str:
    """Why the gateway could not read its file; "" = it can."""
    try:
        routing_of(orjson.loads((home / FILE_NAME).read_bytes()))
    except OSError as error:
        return f"the gateway's file {FILE_NAME} cannot be read: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"the gateway's file {FILE_NAME} is not what it should be: {error!r}"
    return ""
