"""Reads the metrics pages of running pilots' candidates again and again, beside the mirror's own work."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import redis.asyncio

from app.capture.streams import REDIS_ERRORS
from app.domain.pilot import Pilot
from app.domain.serving import ServerReadings, metrics_address
from app.domain.words import PilotState
from app.pipeline.mirroring import metrics
from app.pipeline.mirroring.arms import LiveArm
from app.pipeline.mirroring.memory import key
from app.pipeline.mirroring.pilots import UNREADABLE, LivePilot
from app.providers.server_metrics import read_metrics
from app.providers.transport import make_session
from app.store.server_metrics import keep_readings
from app.store.session import SessionFactory, session_scope

PAGE_SECONDS = 5.0
PAGES_AT_ONCE = 4
LOOKS = 6  # so often in the time between two readings it is seen whether one is due

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Page:
    pilot: Pilot
    arm: LiveArm
    url: str


@dataclass(frozen=True, slots=True)
class ServerWatch:
    """Of several mirrors one reads each page: whoever sets its key in Redis first, which lives until the next one is due.

    Attributes:
        client: Redis.
        session_factory: Where readings are kept; no transaction is open while a page is read.
        pilots: Those that the mirror knows now.
        every_seconds: Time between two readings of a page.
    """

    client: "redis.asyncio.Redis"
    session_factory: SessionFactory
    pilots: Callable[[], Iterable[LivePilot]]
    every_seconds: float
    _said: set[tuple[str, str]] = field(default_factory=set)

    async def run(self) -> None:
        """Until it is cancelled."""
        async with make_session(connections=PAGES_AT_ONCE) as session:
            while True:
                await self._look(session)
                await asyncio.sleep(self.every_seconds / LOOKS)

    async def _look(self, session: aiohttp.ClientSession) -> None:
        now = datetime.now(UTC)
        due = [page for pilot in self.pilots() if _runs(pilot.pilot, now) for page in _pages(pilot)]
        for fault in await asyncio.gather(*(self._read(session, page) for page in due), return_exceptions=True):
            if isinstance(fault, Exception):  # a page must not end the mirror
                log.error("a metrics page could not be read", exc_info=fault)
            elif fault is not None:
                raise fault

    async def _read(self, session: aiohttp.ClientSession, page: _Page) -> None:
        if not await self._is_mine(page):
            return
        at = datetime.now(UTC)
        target = page.arm.target
        is_own = urlsplit(page.url).netloc == urlsplit(target.base_url).netloc  # nobody else is given the candidate's key
        read = await read_metrics(
            session, page.url, model=target.model, key=target.api_key if is_own else None, timeout_seconds=PAGE_SECONDS
        )
        await self._keep(page, at, read)

    async def _is_mine(self, page: _Page) -> bool:
        """Whether a reading is due and nobody else makes it; while Redis is away nobody does."""
        lives = max(1, int(1000 * self.every_seconds * (1 - 0.5 / LOOKS)))
        try:
            return bool(await self.client.set(key("metrics", page.pilot.name, page.arm.name), b"1", nx=True, px=lives))
        except REDIS_ERRORS:
            return False

    async def _keep(self, page: _Page, at: datetime, read: ServerReadings) -> None:
        labels = page.pilot.name, page.arm.name
        try:
            await _to_its_end(asyncio.to_thread(self._store, page, at, read))
        except UNREADABLE as error:
            log.warning("what the server of %s said is not kept: %s", labels[1], type(error).__name__)
            metrics.server_pages.labels(*labels, "not_stored").inc()
            return
        metrics.server_pages.labels(*labels, "read" if read.problem is None else "problem").inc()
        if read.problem is None:
            self._said.discard(labels)
        elif labels not in self._said:  # once, not every minute
            self._said.add(labels)
            log.warning("pilot %s: the metrics page of %s cannot be read: %s", *labels, read.problem)

    def _store(self, page: _Page, at: datetime, read: ServerReadings) -> None:
        with session_scope(self.session_factory) as session:
            keep_readings(session, page.pilot.id, page.pilot.arm_named(page.arm.name).id, at, read)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Waits for a thread also when it is cancelled: the database must not be closed under it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _runs(pilot: Pilot, now: datetime) -> bool:
    return pilot.state is PilotState.RUNNING and pilot.day_of(now) is not None


def _pages(pilot: LivePilot) -> list[_Page]:
    """Candidates that have a page, and a key if they need one."""
    tables = {table.name: table for table in pilot.pilot.configuration.candidate}
    found = [(arm, metrics_address(tables[arm.name])) for arm in pilot.arms if arm.name in tables]
    return [_Page(pilot.pilot, arm, url) for arm, url in found if url is not None]
