"""Scorecards: what the evidence says of each candidate."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from app.api.dependencies import ServicesDep, Viewer
from app.domain.day_figures import DaysModel
from app.domain.scorecard import Scorecard
from app.pipeline.parts.figures import figures_of_days
from app.pipeline.scorecard import compute_scorecard

router = APIRouter(tags=["scorecards"])

AsOf = Annotated[
    datetime | None,
    Query(description="Only days that end, and grades and labels made, not after it. ISO 8601 with zone; default: now."),
]


@router.get("/pilots/{name}/scorecard", response_model_by_alias=True)
def read_scorecard(name: str, services: ServicesDep, _: Viewer, as_of: AsOf = None) -> Scorecard:
    """All estimates, gates and the verdict; days that changed are closed first, so it is never stale."""
    return compute_scorecard(services.session_factory, name, as_of)


Day = Annotated[int | None, Query(ge=1, le=1000, description="A number of a day, from 1.")]


@router.get("/pilots/{name}/days")
def read_days(name: str, services: ServicesDep, _: Viewer, first: Day = None, last: Day = None) -> DaysModel:
    """Figures of closed days, one by one and together; percentiles are within half a percent."""
    return figures_of_days(services.session_factory, name, first=first or 1, last=last)
