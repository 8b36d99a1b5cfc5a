"""How pilots are sent."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.domain.judge_money import JudgeMoneyModel
from app.domain.notify_table import without_secret
from app.domain.pilot import Pilot
from app.domain.registration_models import ChangeModel, PlanModel
from app.domain.scorecard import Money
from app.domain.serving import ServerNow
from app.domain.words import ArmRole, PilotState
from app.pipeline.mirroring.breaker import BreakerState
from app.pipeline.mirroring.breakers_seen import BreakerSeen
from app.pipeline.pilots import PilotDetails
from app.pipeline.registration_card import change_model
from app.pipeline.status import PilotStatus


class ArmBody(BaseModel):
    """One model in a pilot."""

    name: str
    role: ArmRole
    model: str


class GuessBody(BaseModel):
    """A value that the file did not say."""

    field: str
    value: str | None
    message: str


class PilotBody(BaseModel):
    """A pilot as it stands; `notes` is what people should know of the step that was taken."""

    name: str
    state: PilotState
    starts_at: datetime | None
    ends_at: datetime | None
    days: int
    extended_days: int
    is_default: bool
    is_detached: bool
    mirror_on: bool
    created_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None
    shredded_at: datetime | None = Field(default=None, description="Since then nobody can read its texts.")
    arms: list[ArmBody]
    configuration: dict[str, Any] | None = None
    guesses: list[GuessBody] = []
    registration_hash: str | None = None
    registered_at: datetime | None = None
    changes: list[ChangeModel] = []
    plan: PlanModel | None = Field(default=None, description="What the statistics rest on.")
    notes: list[str] = []


class ArmCountsBody(BaseModel):
    """Replies (failures are among them) of an arm, and how far its pairs are graded."""

    replies: int
    failures: int
    settled: int
    pending: int
    ungraded: int


class BreakerBody(BaseModel):
    """An arm's circuit breaker that is not closed."""

    arm: str
    state: BreakerState
    since: datetime


class LiveBody(BaseModel):
    """Live traffic: `by_reason` counts requests since `since`; `waiting_events` null = Redis does not answer."""

    since: datetime
    by_reason: dict[str, int]
    shed: int
    last_request_at: datetime | None
    last_count_at: datetime | None
    recorded_until: datetime | None
    waiting_events: dict[str, int] | None


class StatusBody(BaseModel):
    """Where a pilot stands; `next_steps` in the order to take them; `spend_usd` null = a price is unknown."""

    name: str
    state: PilotState
    day: int
    days: int
    days_left: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    is_default: bool
    is_detached: bool
    mirror_on: bool
    exchanges: int
    conversations: int
    planned_conversations: int
    oldest: datetime | None
    newest: datetime | None
    by_segment: dict[str, int]
    arms: dict[str, ArmCountsBody]
    labels: int
    hours: float
    spend_usd: Money | None
    next_steps: list[str]
    plan: PlanModel | None = Field(
        default=None, description="What the statistics rest on; of a draft, what would be registered."
    )
    live: LiveBody | None = Field(default=None, description="`null` = no request ever came live.")
    judge_money: JudgeMoneyModel | None = Field(
        default=None, description="What judging has cost and what is left of its budget; `null` = nobody is asked."
    )
    breakers: list[BreakerBody] | None = Field(
        default=None, description="Arms that the mirror leaves alone or tries again; `null` = Redis does not answer."
    )
    servers: list[ServerNow] = Field(default=[], description="What candidates' metrics pages said last.")


def summary_body(pilot: Pilot) -> PilotBody:
    """A pilot's own facts."""
    return PilotBody(
        name=pilot.name,
        state=pilot.state,
        starts_at=pilot.starts_at,
        ends_at=pilot.ends_at,
        days=pilot.days,
        extended_days=pilot.extended_days,
        is_default=pilot.is_default,
        is_detached=pilot.is_detached,
        mirror_on=pilot.mirror_on,
        created_at=pilot.created_at,
        started_at=pilot.started_at,
        stopped_at=pilot.stopped_at,
        shredded_at=pilot.shredded_at,
        arms=[ArmBody(name=arm.name, role=arm.role, model=arm.model) for arm in pilot.arms],
    )


def pilot_body(details: PilotDetails, notes: tuple[str, ...] = ()) -> PilotBody:
    """A pilot with all that was fixed, guessed and changed."""
    registration = details.registration
    return summary_body(details.pilot).model_copy(
        update={
            "configuration": _configuration_of(details.pilot),
            "guesses": [GuessBody.model_validate(guess) for guess in details.guesses],
            "registration_hash": registration.hash if registration else None,
            "registered_at": registration.registered_at if registration else None,
            "changes": [change_model(change) for change in details.changes],
            "plan": PlanModel.of(details.plan),
            "notes": list(notes),
        }
    )


def _configuration_of(pilot: Pilot) -> dict[str, Any]:
    """As everybody may read it: of where messages go, the host alone; who knows the whole address can often write there."""
    found = pilot.configuration.model_dump(mode="json")
    found["notify"]["webhook_url"] = without_secret(found["notify"]["webhook_url"])
    return found


def status_body(status: PilotStatus, breakers: list[BreakerSeen] | None, waiting_events: dict[str, int] | None) -> StatusBody:
    """Where a pilot stands."""
    pilot, counts = status.pilot, status.counts
    return StatusBody(
        name=pilot.name,
        state=pilot.state,
        day=status.day,
        days=pilot.days,
        days_left=status.days_left,
        starts_at=pilot.starts_at,
        ends_at=pilot.ends_at,
        is_default=pilot.is_default,
        is_detached=pilot.is_detached,
        mirror_on=pilot.mirror_on,
        exchanges=counts.exchanges,
        conversations=counts.conversations,
        planned_conversations=pilot.configuration.pilot.planned_conversations,
        oldest=counts.oldest,
        newest=counts.newest,
        by_segment=counts.by_segment,
        arms={
            name: ArmCountsBody(
                replies=arm.replies,
                failures=arm.failures,
                settled=arm.settled,
                pending=arm.pending,
                ungraded=arm.ungraded,
            )
            for name, arm in counts.arms.items()
        },
        labels=counts.labels,
        hours=float(counts.hours),
        spend_usd=counts.spend_usd,
        next_steps=list(status.next_steps),
        judge_money=status.judge_money,
        plan=PlanModel.of(status.plan) if status.plan is not None else None,
        live=None if status.live is None else LiveBody(**asdict(status.live), waiting_events=waiting_events),
        servers=list(status.servers),
        breakers=None
        if breakers is None
        else [BreakerBody(arm=seen.arm, state=seen.state, since=seen.since) for seen in breakers],
    )
