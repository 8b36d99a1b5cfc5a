"""Replays as the tests start, work on and read them."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from aiohttp import web
from sqlalchemy import select

from app.domain.access import Principal
from app.domain.exchange import Json
from app.domain.replay import ReplayLimits, ReplayState
from app.domain.words import Role
from app.jobs import Job
from app.pipeline.replay import (
    ReplayStatus,
    create_replay,
    replay_status,
    work_on_replay,
)
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from app.store.tables import ReplyRow
from tests.model_servers import DONE, completion, event, event_stream

OPERATOR = Principal("ada", Role.OPERATOR)
NO_LIMITS = ReplayLimits()
# A server that waits for more questions looks so often whether they came, and gives up so long after the first.
LOOK_SECONDS, LONGEST_HOLD_SECONDS = 0.005, 30.0


def published(_: Job, __: list[Any]) -> None:
    """Jobs leave for nowhere: the tests do the work themselves."""


def start(sessions: SessionFactory, limits: ReplayLimits = NO_LIMITS, candidate: str | None = None) -> int:
    with session_scope(sessions, published) as session:
        return create_replay(session, "support-bot", candidate=candidate, limits=limits, by=OPERATOR).replay.id


def work(sessions: SessionFactory, replay_id: int, **options: Any) -> ReplayState | None:
    bounds: dict[str, Any] = {"lease_seconds": 30.0, "reply_bytes": 1_000_000, "digest_key": b"the key of these tests"}
    return work_on_replay(sessions, replay_id, **(bounds | options))


def replay(sessions: SessionFactory, limits: ReplayLimits = NO_LIMITS, **options: Any) -> ReplayStatus:
    replay_id = start(sessions, limits, options.pop("candidate", None))
    work(sessions, replay_id, **options)
    return status(sessions, replay_id)


def status(sessions: SessionFactory, replay_id: int) -> ReplayStatus:
    with sessions() as session:
        return replay_status(session, replay_id)


def stored(sessions: SessionFactory, arm: str = "qwen") -> dict[int, ReplyRow]:
    with sessions() as session:
        arm_id = get_pilot(session, "support-bot").arm_named(arm).id
        return {row.exchange_id: row for row in session.scalars(select(ReplyRow).where(ReplyRow.arm_id == arm_id))}


class Recorder:
    """A model server that remembers what it was asked, and answers when `until` holds, at the latest after some seconds."""

    def __init__(self, seconds: float = 0.0, until: Callable[[], bool] = lambda: True) -> None:
        self.bodies: list[Json] = []
        self.keys: list[str | None] = []
        self.told: set[str | None] = set()
        self.in_flight = 0
        self.most_in_flight = 0
        self._seconds = seconds
        self._until = until
        self._began: float | None = None
        self.gave_up = False

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("Authorization"))
        self.told.add(request.headers.get("X-Pilot-Mirror"))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self._began = monotonic() if self._began is None else self._began
        while not self._until() and not self.gave_up:
            self.gave_up = monotonic() > self._began + LONGEST_HOLD_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.sleep(self._seconds)
        self.in_flight -= 1
        words = f"answer to {body['messages'][-1]['content']}"
        if body.get("stream"):
            usage = {"prompt_tokens": 1000, "completion_tokens": 100}
            return await event_stream(request, event({"content": words}, finish_reason="stop"), event(usage=usage), DONE)
        return web.json_response(completion(words) | {"usage": {"prompt_tokens": 1000, "completion_tokens": 100}})

    @property
    def questions(self) -> list[str]:
        return [body["messages"][-1]["content"] for body in self.bodies]
