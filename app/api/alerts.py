"""Alarms of a pilot: what holds, what held."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.dependencies import ServicesDep, Viewer
from app.pipeline.alert_rules import RULE_NAMES
from app.store.alerts import StoredAlert, list_alerts
from app.store.pilots import get_pilot

router = APIRouter(tags=["alerts"])


class AlertBody(BaseModel):
    """One time that a rule's condition held."""

    id: int
    rule: str
    subject: str = Field(description="What of the pilot: a candidate, a budget with its share, a cause; may be empty.")
    severity: str = Field(description="`critical`: evidence is being lost now; else `warning`.")
    title: str
    text: str = Field(description="With its figures, as they were when it was opened.")
    advice: str
    facts: dict[str, Any]
    opened_at: datetime
    resolved_at: datetime | None = Field(description="null = it holds still.")


@router.get("/pilots/{name}/alerts")
def list_pilot_alerts(services: ServicesDep, _: Viewer, name: str) -> list[AlertBody]:
    """A pilot's alarms: those that hold first, then the newest 200."""
    with services.session_factory() as session:
        found = list_alerts(session, get_pilot(session, name).id)
    return [_body(alert) for alert in found]


def _body(alert: StoredAlert) -> AlertBody:
    rule = RULE_NAMES.get(alert.rule)
    return AlertBody(
        id=alert.id,
        rule=alert.rule,
        subject=alert.subject,
        severity=alert.severity,
        title=alert.rule if rule is None else rule.title,
        text=alert.text,
        advice="" if rule is None else rule.advice,
        facts=alert.facts,
        opened_at=alert.opened_at,
        resolved_at=alert.resolved_at,
    )
