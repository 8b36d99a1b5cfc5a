"""The audit log: who did what, append only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.store.tables import PilotRow
from app.store.work_tables import AuditRow


@dataclass(frozen=True, slots=True)
class Action:
    """One entry; `pilot` is `None` where it was about none."""

    id: int
    at: datetime
    actor: str
    action: str
    pilot: str | None
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """Which entries; `None` = all. `since` belongs to them, `until` does not."""

    actor: str | None = None
    action: str | None = None
    pilot_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def record(session: Session, actor: str, action: str, pilot_id: int | None = None, **facts: Any) -> None:
    """Notes a write in its own transaction: what is rolled back was not done. `facts` are JSON values."""
    session.add(AuditRow(actor=actor, action=action, pilot_id=pilot_id, facts=facts))
    session.flush()


def list_actions(session: Session, pilot_id: int | None = None) -> list[tuple[str, str]]:
    """Actor and action of every entry (of one pilot, if given), oldest first."""
    query = select(AuditRow.actor, AuditRow.action).order_by(AuditRow.id)
    if pilot_id is not None:
        query = query.where(AuditRow.pilot_id == pilot_id)
    return [(row.actor, row.action) for row in session.execute(query)]


def page_of_actions(session: Session, wanted: ActionFilter, *, limit: int, after: int | None = None) -> list[Action]:
    """Entries newest first, at most `limit`, those that come after the entry with the number `after`.

    Read along an index that begins with what is filtered by, so the length of the log does not matter.
    """
    conditions = _conditions(wanted)
    if after is not None:
        conditions.append(tuple_(AuditRow.at, AuditRow.id) < tuple_(_moment_of(session, after), after))
    query = (
        select(AuditRow, PilotRow.name)
        .outerjoin(PilotRow, PilotRow.id == AuditRow.pilot_id)
        .where(*conditions)
        .order_by(AuditRow.at.desc(), AuditRow.id.desc())
        .limit(limit)
    )
    return [Action(row.id, row.at, row.actor, row.action, pilot, row.facts) for row, pilot in session.execute(query)]


def _conditions(wanted: ActionFilter) -> list[ColumnElement[bool]]:
    columns = ((AuditRow.actor, wanted.actor), (AuditRow.action, wanted.action), (AuditRow.pilot_id, wanted.pilot_id))
    found = [column == value for column, value in columns if value is not None]
    if wanted.since is not None:
        found.append(AuditRow.at >= wanted.since)
    if wanted.until is not None:
        found.append(AuditRow.at < wanted.until)
    return found


def _moment_of(session: Session, number: int) -> datetime:
    at = session.scalar(select(AuditRow.at).where(AuditRow.id == number))
    if at is None:
        message = f"there is no entry {number} in the audit log"
        raise NotFound(message, entry=number)
    return at
