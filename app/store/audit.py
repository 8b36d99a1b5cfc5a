"""The audit log: who did what, append only."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store.work_tables import AuditRow


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
