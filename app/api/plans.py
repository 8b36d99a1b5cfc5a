"""Plans before a pilot exists."""

from datetime import UTC, datetime

from fastapi import APIRouter

from app.api.dependencies import Viewer
from app.domain.plan import PlanAnswer, PlanQuestion
from app.pipeline.planning import plan_pilot

router = APIRouter(tags=["plans"])


@router.post("/plan")
def make_plan(_: Viewer, question: PlanQuestion) -> PlanAnswer:
    """What a pilot needs and how likely each end on quality is, by simulating the rule; nothing is stored."""
    return plan_pilot(question, datetime.now(UTC))
