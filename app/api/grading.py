"""Grading: every pair gets a preference, or the reason why it has none."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from app.api.dependencies import Operator, ServicesDep, Viewer
from app.domain.grading import GradingState, GradingStatus
from app.pipeline.grading import ask_for_grading, status_of_grading
from app.pipeline.regrading import versions_of
from app.store.session import session_scope

router = APIRouter(tags=["grading"])

Money = Annotated[Decimal, PlainSerializer(lambda value: f"{value:.6f}", return_type=str, when_used="json")]


class GradingBody(BaseModel):
    """How far the grading of a pilot is; it is over when `pending` is 0 or `state` is `stopped`."""

    pairs: int
    settled: int = Field(description="Pairs with a preference, or with the reason why there is none.")
    pending: int
    ungraded: dict[str, int] = Field(description="Settled pairs without a preference, by reason.")
    left_out: dict[str, int] = Field(description="Settled pairs that are no evidence for quality, by the ledger's reason.")
    judge_calls: int
    usd: Money = Field(description="What the judge's calls have cost so far.")
    state: GradingState
    problem: str = Field(
        description="Why the grading stopped, or what it waits for; it goes on by itself while `state` is `running`."
    )


class GradingRequest(BaseModel):
    """What is graded; without a grader, everything that is not graded by the present versions."""

    model_config = ConfigDict(extra="forbid")
    grader: str | None = Field(default=None, max_length=500, description="As `pilot.toml` names it, such as `judge`.")
    version: str | None = Field(default=None, max_length=200, description="The version that is meant: the present one.")


class VersionBody(BaseModel):
    """What one version of a grader has graded; grades of earlier versions stay and count no more."""

    grader: str
    rater: str
    version: str
    is_current: bool
    pairs: int
    grades: int
    ungraded: int
    usd: Money | None
    first_at: datetime
    last_at: datetime


@router.post("/pilots/{name}/grading", status_code=202)
def create_grading(name: str, services: ServicesDep, principal: Operator, request: GradingRequest | None = None) -> GradingBody:
    """Asks for grading: workers settle every pending pair, and ask the judge again where it gave no answer before.

    Pairs that only another version of their grader has graded are graded by the present one.
    """
    asked = request or GradingRequest()
    with session_scope(services.session_factory, services.publish) as session:
        return _body(ask_for_grading(session, name, principal.name, grader=asked.grader, version=asked.version))


@router.get("/pilots/{name}/grading/versions")
def read_versions(name: str, services: ServicesDep, _: Viewer) -> list[VersionBody]:
    """Which versions of which graders have graded the pilot's pairs, the newest of each first."""
    with services.session_factory() as session:
        return [VersionBody(**asdict(found), is_current=current) for found, current in versions_of(session, name)]


@router.get("/pilots/{name}/grading")
def read_grading(name: str, services: ServicesDep, _: Viewer) -> GradingBody:
    """How far the grading is."""
    with services.session_factory() as session:
        return _body(status_of_grading(session, name))


def _body(status: GradingStatus) -> GradingBody:
    return GradingBody(
        pairs=status.pairs,
        settled=status.settled,
        pending=status.pending,
        ungraded=status.ungraded,
        left_out=status.left_out,
        judge_calls=status.judge_calls,
        usd=status.usd,
        state=status.state,
        problem=status.problem,
    )
