"""Alarms as they are stored: each opened once and resolved once, whoever else looks at the same moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.store.reading_tables import AlertRow

LISTED = 200


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """One time that a rule's condition held; `resolved_at` `None` = it holds still."""

    id: int
    pilot_id: int
    rule: str
    subject: str
    severity: str
    text: str
    facts: dict[str, Any]
    opened_at: datetime
    resolved_at: datetime | None


def open_alert(
    session: Session, pilot_id: int, *, rule: str, subject: str, severity: str, text: str, facts: dict[str, Any], at: datetime
) -> int | None:
    """Stores an alarm; `None` if it is open already, also where another process opens it at this moment."""
    row = {
        "pilot_id": pilot_id, "rule": rule, "subject": subject, "severity": severity, "text": text, "facts": facts,
        "opened_at": at,
    }  # fmt: skip
    is_open = AlertRow.resolved_at.is_(None)
    statement = insert(AlertRow).values(row)
    once = statement.on_conflict_do_nothing(index_elements=["pilot_id", "rule", "subject"], index_where=is_open)
    return session.scalar(once.returning(AlertRow.id))


def resolve_alert(session: Session, alert_id: int, *, at: datetime) -> bool:
    """Ends an alarm; false if somebody else has."""
    ended = update(AlertRow).where(AlertRow.id == alert_id, AlertRow.resolved_at.is_(None)).values(resolved_at=at)
    return session.scalar(ended.returning(AlertRow.id)) is not None


def open_alerts(session: Session, pilot_id: int | None = None) -> list[StoredAlert]:
    """Alarms that hold, of one pilot or of all, the oldest first."""
    query = select(AlertRow).where(AlertRow.resolved_at.is_(None))
    if pilot_id is not None:
        query = query.where(AlertRow.pilot_id == pilot_id)
    return [_alert(row) for row in session.scalars(query.order_by(AlertRow.opened_at, AlertRow.id))]


def list_alerts(session: Session, pilot_id: int, *, since: datetime | None = None, limit: int = LISTED) -> list[StoredAlert]:
    """A pilot's alarms: those that hold first, then the newest; `since` = only those that were opened after it."""
    query = select(AlertRow).where(AlertRow.pilot_id == pilot_id)
    if since is not None:
        query = query.where(AlertRow.opened_at > since)
    ordered = query.order_by(AlertRow.resolved_at.is_not(None), AlertRow.opened_at.desc(), AlertRow.id.desc())
    return [_alert(row) for row in session.scalars(ordered.limit(limit))]


def count_open(session: Session) -> dict[tuple[int, str], int]:
    """How many alarms hold, by pilot and rule."""
    query = select(AlertRow.pilot_id, AlertRow.rule, func.count()).where(AlertRow.resolved_at.is_(None))
    return {(row[0], row[1]): row[2] for row in session.execute(query.group_by(AlertRow.pilot_id, AlertRow.rule))}


def _alert(row: AlertRow) -> StoredAlert:
    return StoredAlert(
        row.id, row.pilot_id, row.rule, row.subject, row.severity, row.text, dict(row.facts), row.opened_at, row.resolved_at
    )
