"""What was fixed at a pilot's start, and what was changed afterwards."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.pilot import ConfigurationChange, Registration
from app.store.tables import ConfigurationChangeRow, RegistrationRow


def insert_registration(
    session: Session, pilot_id: int, *, digest: str, document: dict[str, Any], at: datetime
) -> Registration:
    """Writes it once; there is no way to change it."""
    session.add(RegistrationRow(pilot_id=pilot_id, hash=digest, document=document, registered_at=at))
    session.flush()
    return Registration(digest, document, at)


def registration_of(session: Session, pilot_id: int) -> Registration | None:
    """The registration; `None` for a pilot that was not started."""
    row = session.scalar(select(RegistrationRow).where(RegistrationRow.pilot_id == pilot_id))
    return Registration(row.hash, row.document, row.registered_at) if row is not None else None


def insert_changes(session: Session, pilot_id: int, changes: Iterable[ConfigurationChange]) -> None:
    """Notes changes after the start."""
    session.add_all(
        ConfigurationChangeRow(pilot_id=pilot_id, at=c.at, by=c.by, path=c.path, before=c.before, after=c.after)
        for c in changes
    )
    session.flush()


def changes_of(session: Session, pilot_id: int) -> list[ConfigurationChange]:
    """All changes after the start, oldest first."""
    query = select(ConfigurationChangeRow).where(ConfigurationChangeRow.pilot_id == pilot_id)
    query = query.order_by(ConfigurationChangeRow.id)
    return [ConfigurationChange(row.at, row.by, row.path, row.before, row.after) for row in session.scalars(query)]
