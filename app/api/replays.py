"""Replays: asking candidates for stored exchanges."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from app.api.dependencies import Operator, ServicesDep, Viewer
from app.api.paths import Id
from app.domain.replay import ArmProgress, ReplayLimits, ReplayState
from app.pipeline import replay as pipeline
from app.store.session import session_scope

router = APIRouter(tags=["replays"])

Money = Annotated[Decimal, PlainSerializer(lambda value: f"{value:.6f}", return_type=str, when_used="json")]


class ReplayRequest(BaseModel):
    """Which candidate is asked (`null` = all), and what the replay may use (`null` = no limit)."""

    model_config = ConfigDict(extra="forbid")

    candidate: str | None = None
    limit_usd: Annotated[Decimal | None, Field(ge=0, max_digits=14, decimal_places=6)] = None
    limit_seconds: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    limit_exchanges: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


class ReplayCounts(BaseModel):
    """Counters; `usd` is what is known to be spent on tokens, `null` if nothing of it is known."""

    asked: int = Field(description="Exchanges whose reply or failure is stored.")
    answered: int
    failed: int
    not_asked: int = Field(description="Exchanges whose request has a shape that is not asked in this version.")
    unpriced: int = Field(description="Replies whose cost nobody knows; not in `usd`.")
    usd: Money | None


class ReplayBody(ReplayCounts):
    """A replay as it stands now."""

    id: int
    pilot: str
    candidate: str | None
    state: ReplayState
    message: str = Field(description="Why it ended, if not because everything was asked.")
    remaining: int
    limit_usd: Money | None
    limit_seconds: float | None
    limit_exchanges: int | None
    by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    candidates: dict[str, ReplayCounts]


@router.post("/pilots/{name}/replays", status_code=202)
def create_replay(name: str, body: ReplayRequest, services: ServicesDep, principal: Operator) -> ReplayBody:
    """Queues a replay: a worker asks the candidates for stored exchanges that lack their reply."""
    limits = ReplayLimits(usd=body.limit_usd, seconds=body.limit_seconds, exchanges=body.limit_exchanges)
    with session_scope(services.session_factory, services.publish) as session:
        return _body(pipeline.create_replay(session, name, candidate=body.candidate, limits=limits, by=principal))


@router.get("/replays/{replay_id}")
def read_replay(replay_id: Id, services: ServicesDep, _: Viewer) -> ReplayBody:
    """How far a replay is."""
    with services.session_factory() as session:
        return _body(pipeline.replay_status(session, replay_id))


@router.post("/replays/{replay_id}/cancel")
def cancel_replay(replay_id: Id, services: ServicesDep, principal: Operator) -> ReplayBody:
    """Ends a replay: no further exchange is asked, replies that are on the way are still stored."""
    with session_scope(services.session_factory, services.publish) as session:
        return _body(pipeline.cancel_replay(session, replay_id, by=principal))


def _body(status: pipeline.ReplayStatus) -> ReplayBody:
    replay = status.replay
    return ReplayBody(
        **_counts(*replay.progress.values()).model_dump(),
        id=replay.id,
        pilot=replay.pilot_name,
        candidate=replay.arm_name,
        state=replay.state,
        message=replay.message,
        remaining=status.remaining,
        limit_usd=replay.limits.usd,
        limit_seconds=replay.limits.seconds,
        limit_exchanges=replay.limits.exchanges,
        by=replay.by,
        created_at=replay.created_at,
        started_at=replay.started_at,
        finished_at=replay.finished_at,
        candidates={arm: _counts(progress) for arm, progress in replay.progress.items()},
    )


def _counts(*arms: ArmProgress) -> ReplayCounts:
    asked, unpriced = sum(arm.asked for arm in arms), sum(arm.unpriced for arm in arms)
    usd = sum((arm.usd for arm in arms), Decimal(0))
    return ReplayCounts(
        asked=asked,
        answered=sum(arm.answered for arm in arms),
        failed=sum(arm.failed for arm in arms),
        not_asked=sum(arm.not_asked for arm in arms),
        unpriced=unpriced,
        usd=None if unpriced and unpriced == asked else usd,
    )
