"""Plans of open models on GPUs, from the catalogue."""

from datetime import UTC, datetime

from fastapi import APIRouter

from app.api.dependencies import ServicesDep, Viewer
from app.domain.model_plan import ModelPlanAnswer, ModelPlanQuestion
from app.pipeline.measured_volume import measured_volume
from app.pipeline.model_plan import plan_models

router = APIRouter(tags=["plans"])


@router.post("/plan/models")
def make_model_plan(services: ServicesDep, _: Viewer, question: ModelPlanQuestion) -> ModelPlanAnswer:
    """What fits on which GPUs, with which licence, for how much; without GPUs, those that are known. Nothing is stored."""
    measured = measured_volume(services.session_factory, question.pilot) if question.pilot is not None else None
    return plan_models(question, datetime.now(UTC), own=services.settings.catalogue, measured=measured)
