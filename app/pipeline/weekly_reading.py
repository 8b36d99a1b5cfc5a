"""Reads what a weekly report says beside its scorecard."""

from datetime import datetime
from decimal import Decimal

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.domain.pilot import Pilot
from app.domain.scorecard import Scorecard
from app.pipeline.alert_rules import RULE_NAMES
from app.pipeline.weekly_due import WEEK, is_last_week
from app.reports.weekly_facts import AlarmSeen, EarlierReport, Expiring, Week
from app.reports.weekly_tasks import SOON
from app.store.alerts import StoredAlert, list_alerts, open_alerts
from app.store.judge_money import judge_spent
from app.store.weekly_reports import decisions_ending, has_invoice, newest_weekly_report, newest_worked_day

MOST_ALARMS = 50


def read_week(session: Session, pilot: Pilot, now: datetime) -> Week:
    """All of it, as it is stored at this moment."""
    earlier = _earlier(session, pilot.id)
    begins = earlier.made_at if earlier is not None else pilot.started_at or now - WEEK
    return Week(
        made_at=now,
        begins=begins,
        earlier=earlier,
        is_last=is_last_week(pilot, now),
        alarms=[_seen(alert) for alert in _alarms(session, pilot.id, begins)],
        last_worked=newest_worked_day(session, pilot.id),
        has_invoice=has_invoice(session, pilot.id),
        decisions=[Expiring(*found) for found in decisions_ending(session, pilot.id, before=now + SOON)],
        judge_spent_usd=_judge_spent(session, pilot, now),
    )


def _earlier(session: Session, pilot_id: int) -> EarlierReport | None:
    found = newest_weekly_report(session, pilot_id)
    if found is None:
        return None
    try:
        card = Scorecard.model_validate(found.scorecard)
    except ValidationError:
        card = None  # made by a later version, before somebody went back; the report says so
    return EarlierReport(found.number, found.made_at, found.data_hash, card)


def _alarms(session: Session, pilot_id: int, since: datetime) -> list[StoredAlert]:
    new = list_alerts(session, pilot_id, since=since, limit=MOST_ALARMS)
    known = {alert.id for alert in new}
    return [*(alert for alert in open_alerts(session, pilot_id) if alert.id not in known), *new]


def _seen(alert: StoredAlert) -> AlarmSeen:
    rule = RULE_NAMES.get(alert.rule)
    title = rule.title if rule is not None else alert.rule
    return AlarmSeen(title, alert.text, alert.opened_at, alert.resolved_at is None)


def _judge_spent(session: Session, pilot: Pilot, now: datetime) -> Decimal | None:
    judge = pilot.configuration.judge
    return judge_spent(session, pilot.id, now).usd if judge is not None and judge.base_url else None
