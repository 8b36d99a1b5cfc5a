"""Scorecards: what the evidence says of each candidate."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from app.api.dependencies import ServicesDep, Viewer
from app.domain.scorecard import Scorecard
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
