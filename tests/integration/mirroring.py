"""A mirror on real Redis and PostgreSQL: events are put into its stream, what it told the recorder is read."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from aiohttp import web

from app.capture.events import decode, encode
from app.capture.sealing import Sealer, load_sealer
from app.capture.streams import GROUP, MIRROR, RECORD
from app.domain.exchange import Json
from app.domain.live import ArmReplyEvent, ExchangeEvent, Hints, RepeatEvent, ReplyEvent, RequestEvent
from app.domain.pilot import Pilot
from app.pipeline.mirroring.assembly import open_mirror
from app.pipeline.mirroring.mirror import Mirror
from app.settings import Settings
from app.stack.redis import EmbeddedRedis
from app.store.pilots import mark_started
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.model_servers import completion

BOOT = "b00t"
DATABASE = 7  # of the Redis server that all tests share
SLOT = "mirror-1"


def a_candidate(url: str, name: str = "qwen", **more: Any) -> Json:
    return {"name": name, "base_url": url, "model": f"{name}-model", "license": "Apache-2.0", "timeout_seconds": 5.0} | more


def a_running_pilot(sessions: SessionFactory, *candidates: Json, name: str = "support-bot", **tables: Any) -> Pilot:
    """A pilot that started yesterday."""
    with session_scope(sessions) as session:
        pilot = a_pilot(session, pilot={"name": name}, candidate=list(candidates), **tables)
        now = datetime.now(UTC)
        return mark_started(session, pilot, starts_at=now - timedelta(days=1), at=now)


def now_us() -> int:
    return time.time_ns() // 1000


def a_request(number: int = 1, text: str = "hello", *, pilot: str = "support-bot", **more: Any) -> RequestEvent:
    """A request that arrives now; `hints`, `at_us`, `path` and `body` can be given, the rest is part of the body."""
    given = {key: more.pop(key) for key in ("hints", "at_us", "path", "body") if key in more}
    document = {"model": "gpt-5.1", "messages": [{"role": "user", "content": text}]} | more
    values: dict[str, Any] = {
        "at_us": now_us(),
        "path": "/chat/completions",
        "hints": Hints(),
        "body": orjson.dumps(document),
    } | given
    return RequestEvent(pilot=pilot, boot=BOOT, number=number, **values)


def a_reply(number: int = 1, content: str = "Hi.", *, pilot: str = "support-bot", **more: Any) -> ReplyEvent:
    """The incumbent's reply to it."""
    values: dict[str, Any] = {
        "at_us": now_us(), "path": "/chat/completions", "hints": Hints(), "status": 200, "content_type": "application/json",
        "content_encoding": "", "total_seconds": 0.5, "lag_seconds": 0.0, "end": "complete",
        "body": orjson.dumps(completion(content)),
    } | more  # fmt: skip
    values.setdefault("chunks", ((0.5, len(values["body"])),))
    return ReplyEvent(pilot=pilot, boot=BOOT, number=number, **values)


@dataclass
class Stage:
    """The streams, from outside."""

    client: "redis.Redis"
    sealer: Sealer
    settings: Settings
    environment: Mapping[str, str] = field(default_factory=dict)

    def put(self, *events: RequestEvent | ReplyEvent, is_sealed: bool = False) -> None:
        for event in events:
            self.client.xadd(MIRROR, encode(event, self.sealer if is_sealed else None))  # type: ignore[arg-type]

    def told(self) -> list[ExchangeEvent | ArmReplyEvent]:
        """All that the recorder would read, in order; repeats of calls apart."""
        entries: Any = self.client.xrange(RECORD)
        found = [event for _, entry in entries if not isinstance(event := decode(entry, self.sealer), RepeatEvent)]
        assert all(isinstance(event, ExchangeEvent | ArmReplyEvent) for event in found)
        return found  # type: ignore[return-value]

    def exchanges(self) -> dict[int, ExchangeEvent]:
        """By number; more than one of a number is a fault of the test that asks."""
        found = [event for event in self.told() if isinstance(event, ExchangeEvent)]
        assert len({event.number for event in found}) == len(found)
        return {event.number: event for event in found}

    def replies(self, arm: str = "qwen") -> dict[int, ArmReplyEvent]:
        found = [event for event in self.told() if isinstance(event, ArmReplyEvent) and event.arm == arm]
        assert len({event.number for event in found}) == len(found)
        return {event.number: event for event in found}

    def in_hand(self) -> int:
        """Entries that nobody has acknowledged."""
        return int(self.client.xlen(MIRROR))

    async def until(self, happened: Callable[[], Any], seconds: float = 20.0) -> Any:
        async with asyncio.timeout(seconds):
            while not (found := happened()):  # noqa: ASYNC110 - a test waits
                await asyncio.sleep(0.01)
        return found

    async def until_done(self, seconds: float = 20.0) -> None:
        """Until every entry was acknowledged."""
        await self.until(lambda: self.in_hand() == 0, seconds)

    @asynccontextmanager
    async def mirror(self, slot: str = SLOT, *, drain_seconds: float = 5.0) -> AsyncIterator[Mirror]:
        """A mirror that runs, and is stopped in order at the end."""
        async with open_mirror(self.settings, slot, self.environment) as mirror:
            running = asyncio.create_task(mirror.run(drain_seconds))
            try:
                yield mirror
                mirror.stop()
                await running
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running


MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(redis_server: EmbeddedRedis, fresh_database_url: str, tmp_path: Path) -> Iterator[MakeStage]:
    """Empty streams."""
    url = f"{redis_server.url}?db={DATABASE}"
    client = redis.Redis.from_url(url)
    client.flushdb()

    def make(environment: Mapping[str, str] | None = None, **more: Any) -> Stage:
        settings = Settings(home=tmp_path, redis_url=url, database_url=fresh_database_url, **more)
        return Stage(client, load_sealer(tmp_path, None), settings, environment or {})

    yield make
    client.close()


class Asked:
    """A model server that remembers what it was asked."""

    def __init__(self, content: str = "Hello.", seconds: float = 0.0) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._content = content
        self._seconds = seconds

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self._seconds)
        return web.json_response(completion(self._content))


def pending_of(stage: Stage) -> int:
    """Entries that some consumer has read and not acknowledged."""
    try:
        found: Any = stage.client.xpending(MIRROR, GROUP)
    except redis.ResponseError:  # nobody has read yet
        return 0
    return int(found["pending"])
