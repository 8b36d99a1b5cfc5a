"""Engineering hours that people logged."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.hours import HoursEntry
from app.store.tables import HoursRow


def insert_hours(session: Session, pilot_id: int, entries: Sequence[HoursEntry], *, by: str) -> list[HoursEntry]:
    """Stores entries (their `id` is not looked at) and gives them back with their numbers."""
    rows = [
        HoursRow(
            pilot_id=pilot_id, who=entry.who, worked_on=entry.worked_on, hours=entry.hours, kind=entry.kind,
            is_recurring=entry.is_recurring, note=entry.note, logged_by=by,
        )
        for entry in entries
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()
    return [_entry(row) for row in rows]


def list_hours(session: Session, pilot_id: int, *, until: date | None = None) -> list[HoursEntry]:
    """All hours that count, in the order of the days they were worked on; `until` = only days before that one."""
    query = select(HoursRow).where(HoursRow.pilot_id == pilot_id, HoursRow.superseded_by.is_(None))
    if until is not None:
        query = query.where(HoursRow.worked_on < until)
    return [_entry(row) for row in session.scalars(query.order_by(HoursRow.worked_on, HoursRow.id))]


def _entry(row: HoursRow) -> HoursEntry:
    return HoursEntry(row.id, row.who, row.worked_on, row.hours, row.kind, row.is_recurring, row.note)
