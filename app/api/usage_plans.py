"""A plan from an export of the vendor, before a pilot exists."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from app.api.bodies import RawBody, text_body
from app.api.dependencies import ServicesDep, Viewer
from app.domain.usage_plan import UsagePlan
from app.pipeline.usage_plan import plan_usage

router = APIRouter(tags=["plans"])
FILE = text_body("application/octet-stream", "A usage or cost export as the vendor gives it, CSV or JSON.")


@router.post("/plan/usage", openapi_extra=FILE)
def make_usage_plan(
    services: ServicesDep,
    _: Viewer,
    content: RawBody,
    privacy: Annotated[bool, Query(description="The data may not leave: the decision does not hang on money.")] = False,
) -> UsagePlan:
    """Volume, spend and where it is, and whether to pilot at all; nothing is stored."""
    now = datetime.now(UTC)
    return plan_usage(content, now=now, has_privacy_constraint=privacy, own_catalogue=services.settings.catalogue)
