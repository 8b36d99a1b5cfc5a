"""Rehearsals: recorded requests sent to a candidate again at their recorded times."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.api.dependencies import Operator, ServicesDep, Viewer
from app.api.paths import Id
from app.api.replays import Money
from app.domain.rehearsal import Rehearsal, RehearsalModel, RehearsalTerms, StepModel
from app.domain.replay import ReplayState
from app.pipeline import rehearsal as pipeline
from app.store.pilots import get_pilot
from app.store.rehearsals import get_rehearsal, list_rehearsals
from app.store.session import session_scope

router = APIRouter(tags=["rehearsals"])

Speed = Annotated[float, Field(gt=0, le=pipeline.MOST_SPEED, allow_inf_nan=False)]


class RehearsalRequest(BaseModel):
    """Which candidate (`null` = the only one), how fast, how long, and what it may cost."""

    model_config = ConfigDict(extra="forbid")

    candidate: str | None = None
    speeds: Annotated[list[Speed], Field(min_length=1, max_length=pipeline.MOST_SPEEDS)] = [1.0, 1.5, 2.0]
    minutes: Annotated[float, Field(gt=0, le=pipeline.MOST_MINUTES, allow_inf_nan=False)] = 10.0
    limit_usd: Annotated[Decimal | None, Field(ge=0, max_digits=14, decimal_places=6)] = None
    find_capacity: bool | None = Field(default=None, description="`null`: where the top speed is met or the lowest is not.")
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0

    @property
    def terms(self) -> RehearsalTerms:
        """What is asked for."""
        return RehearsalTerms(tuple(self.speeds), self.minutes, self.limit_usd, self.find_capacity, self.seed)


class RehearsalPlanBody(BaseModel):
    """What a rehearsal will take, before it begins."""

    candidate: str
    seconds: float = Field(description="How long requests are offered at most; answers are waited for besides.")
    may_search: bool = Field(description="Whether the capacity may be searched for, besides the asked speeds.")
    requests: int = Field(description="Sent at the asked speeds; the search sends more.")
    usd_at_most: Money | None = Field(description="What those can cost; 0 if the GPU is rented by the hour.")
    production_requests_per_minute_peak: float
    is_load_test: bool = Field(description="Whether a step at full speed is long enough to count as a test at the peak.")
    not_mirrored_day_share: float | None = Field(
        description="Of a day's requests those that are not mirrored to the candidate meanwhile, at the busiest time."
    )


class RehearsalBody(BaseModel):
    """A rehearsal as it stands now; `result` once it is done."""

    id: int
    pilot: str
    candidate: str
    state: ReplayState
    message: str
    speeds: list[float]
    minutes: float
    limit_usd: Money | None
    find_capacity: bool | None
    steps: list[StepModel]
    result: RehearsalModel | None
    by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@router.post("/pilots/{name}/rehearsals/plan")
def plan_rehearsal(name: str, body: RehearsalRequest, services: ServicesDep, _: Viewer) -> RehearsalPlanBody:
    """What a rehearsal would take: time, requests, money."""
    with services.session_factory() as session:
        plan = pipeline.plan_rehearsal(session, name, candidate=body.candidate, terms=body.terms)
    return RehearsalPlanBody(**{field: getattr(plan, field) for field in RehearsalPlanBody.model_fields})


@router.post("/pilots/{name}/rehearsals", status_code=202)
def create_rehearsal(name: str, body: RehearsalRequest, services: ServicesDep, principal: Operator) -> RehearsalBody:
    """Queues a rehearsal: a worker sends recorded requests to the candidate again, at their times."""
    with session_scope(services.session_factory, services.publish) as session:
        return _body(pipeline.create_rehearsal(session, name, candidate=body.candidate, terms=body.terms, by=principal))


@router.get("/pilots/{name}/rehearsals")
def read_rehearsals(name: str, services: ServicesDep, _: Viewer) -> list[RehearsalBody]:
    """All rehearsals of a pilot, newest first."""
    with services.session_factory() as session:
        return [_body(each) for each in list_rehearsals(session, get_pilot(session, name))]


@router.get("/rehearsals/{rehearsal_id}")
def read_rehearsal(rehearsal_id: Id, services: ServicesDep, _: Viewer) -> RehearsalBody:
    """How far a rehearsal is, and what it found."""
    with services.session_factory() as session:
        return _body(get_rehearsal(session, rehearsal_id))


@router.post("/rehearsals/{rehearsal_id}/cancel")
def cancel_rehearsal(rehearsal_id: Id, services: ServicesDep, principal: Operator) -> RehearsalBody:
    """Ends a rehearsal within seconds: calls that are on the way are ended."""
    with session_scope(services.session_factory, services.publish) as session:
        return _body(pipeline.cancel_rehearsal(session, rehearsal_id, by=principal))


def _body(rehearsal: Rehearsal) -> RehearsalBody:
    terms = rehearsal.terms
    return RehearsalBody(
        id=rehearsal.id,
        pilot=rehearsal.pilot_name,
        candidate=rehearsal.arm_name,
        state=rehearsal.state,
        message=rehearsal.message,
        speeds=list(terms.speeds),
        minutes=terms.minutes,
        limit_usd=terms.limit_usd,
        find_capacity=terms.find_capacity,
        steps=list(rehearsal.steps),
        result=rehearsal.result,
        by=rehearsal.by,
        created_at=rehearsal.created_at,
        started_at=rehearsal.started_at,
        finished_at=rehearsal.finished_at,
    )
