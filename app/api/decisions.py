"""Decisions: sign one under a report, list them."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.dependencies import Operator, ServicesDep, Viewer
from app.domain.report import Decision
from app.domain.words import Outcome
from app.pipeline.decisions import MOST_REASON, Signing, Standing, read_record, sign_decision
from app.store.pilots import get_pilot
from app.store.reports import LARGEST_ID
from app.store.session import session_scope

router = APIRouter(tags=["decisions"])


class SignBody(BaseModel):
    """What somebody decides; name and role are those of the person, the account that sends it is noted beside them."""

    model_config = ConfigDict(extra="forbid")

    outcome: Outcome
    name: str = Field(description="Of whoever decides.")
    role: str = Field(description="What that person is, as `Head of Platform`.")
    report: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = Field(default=None, description="Default: the newest report.")
    candidate: str | None = Field(default=None, description="Default: the only one.")
    reason: str = Field(default="", max_length=MOST_REASON, description="Needed where the report says otherwise.")
    expires_at: AwareDatetime | None = Field(
        default=None, description="Until when it holds. Needed where the report says otherwise; default: the verdict's own end."
    )


class DecisionBody(BaseModel):
    """A signature under a report, never changed."""

    id: int
    report: int
    candidate: str
    verdict: Outcome = Field(description="What the report says.")
    outcome: Outcome = Field(description="What was decided.")
    is_override: bool
    name: str
    role: str
    reason: str
    expires_at: datetime | None
    data_hash: str = Field(description="Of the report.")
    record_hash: str = Field(description="SHA-256 over all of this and the record hash of the decision before.")
    by: str
    signed_at: datetime
    standing: Standing


class SignedBody(BaseModel):
    """The decision, and what whoever signed it should know."""

    decision: DecisionBody
    warnings: list[str]


class DecisionsBody(BaseModel):
    """All decisions of a pilot, oldest first."""

    decisions: list[DecisionBody]
    broken_at: int | None = Field(description="The first decision that was changed behind our back; null = none was.")


@router.post("/pilots/{name}/decisions", status_code=201)
def create_decision(services: ServicesDep, who: Operator, name: str, body: SignBody) -> SignedBody:
    """Signs a decision under a report. It can be superseded by another one, and never changed or removed."""
    signing = Signing(
        outcome=body.outcome,
        name=body.name,
        role=body.role,
        report=body.report,
        candidate=body.candidate,
        reason=body.reason,
        expires_at=body.expires_at,
    )
    signed = sign_decision(services.session_factory, name, signing, by=who.name, now=datetime.now(UTC))
    return SignedBody(decision=_body(signed.decision, Standing.HOLDS), warnings=list(signed.warnings))


@router.get("/pilots/{name}/decisions")
def list_decisions(services: ServicesDep, _: Viewer, name: str) -> DecisionsBody:
    """Who signed what under which report, and what holds now."""
    with session_scope(services.session_factory) as session:
        found = read_record(session, get_pilot(session, name), datetime.now(UTC))
    return DecisionsBody(decisions=[_body(*each) for each in found.decisions], broken_at=found.broken)


def _body(decision: Decision, standing: Standing) -> DecisionBody:
    return DecisionBody(
        id=decision.id,
        report=decision.report_id,
        candidate=decision.candidate,
        verdict=decision.verdict,
        outcome=decision.outcome,
        is_override=decision.is_override,
        name=decision.signed_name,
        role=decision.signed_role,
        reason=decision.reason,
        expires_at=decision.expires_at,
        data_hash=decision.data_hash,
        record_hash=decision.record_hash,
        by=decision.by,
        signed_at=decision.signed_at,
        standing=standing,
    )
