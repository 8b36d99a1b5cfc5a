"""Engineering hours that people logged, with all that was corrected and removed."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.domain.hours import HoursEntry, HoursVersion
from app.errors import NotFound
from app.store.tables import ClosedDayRow, HoursRow


def insert_hours(
    session: Session,
    pilot_id: int,
    entries: Sequence[HoursEntry],
    *,
    by: str,
    source: str = "",
    external_ids: Sequence[str] | None = None,
) -> list[HoursEntry]:
    """Stores entries (their `id` is not looked at) and gives them back with their numbers."""
    numbers = external_ids if external_ids is not None else [""] * len(entries)
    rows = [
        HoursRow(
            pilot_id=pilot_id, who=entry.who, worked_on=entry.worked_on, hours=entry.hours, kind=entry.kind,
            is_recurring=entry.is_recurring, note=entry.note, logged_by=by, source=source, external_id=number,
        )
        for entry, number in zip(entries, numbers, strict=True)
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()
    return [_entry(row) for row in rows]


def list_hours(session: Session, pilot_id: int, *, until: date | None = None) -> list[HoursEntry]:
    """All hours that count, in the order of the days they were worked on; `until` = only days before that one."""
    query = select(HoursRow).where(HoursRow.pilot_id == pilot_id, *counting())
    if until is not None:
        query = query.where(HoursRow.worked_on < until)
    return [_entry(row) for row in session.scalars(query.order_by(HoursRow.worked_on, HoursRow.id))]


def counting() -> tuple[ColumnElement[bool], ...]:
    """What an entry that counts meets: it is neither superseded nor removed."""
    return HoursRow.superseded_by.is_(None), HoursRow.removed_at.is_(None)


def newest_hours(session: Session, pilot_id: int, *, skip: int, count: int) -> list[HoursVersion]:
    """A part of the entries that count, the newest day first."""
    query = select(HoursRow).where(HoursRow.pilot_id == pilot_id, *counting())
    ordered = query.order_by(HoursRow.worked_on.desc(), HoursRow.id.desc())
    return [_version(row) for row in session.scalars(ordered.offset(skip).limit(count))]


def find_version(session: Session, pilot_id: int, number: int, *, for_update: bool = False) -> HoursVersion:
    """An entry, counting or not; `NotFound` where the pilot has none of that number."""
    query = select(HoursRow).where(HoursRow.pilot_id == pilot_id, HoursRow.id == number)
    row = session.scalar(query.with_for_update() if for_update else query)
    if row is None:
        message = f"this pilot has no hours with the number {number}"
        raise NotFound(message, id=number)
    return _version(row)


def stored_versions(session: Session, pilot_id: int, source: str | None) -> list[HoursVersion]:
    """All versions, or those that came from files of a source, oldest first, held against corrections."""
    query = select(HoursRow).where(HoursRow.pilot_id == pilot_id)
    if source is not None:
        query = query.where(HoursRow.source == source)
    return [_version(row) for row in session.scalars(query.order_by(HoursRow.id).with_for_update())]


def supersede(
    session: Session, pilot_id: int, old: HoursVersion, entry: HoursEntry, *, by: str, reason: str, source: str = ""
) -> HoursEntry:
    """Stores a correction: a new entry that counts in place of the old one."""
    number = old.external_id if source else ""
    (new,) = insert_hours(session, pilot_id, [entry], by=by, source=source, external_ids=[number])
    row = session.get_one(HoursRow, old.entry.id)
    row.superseded_by = new.id
    row.reason = reason
    session.flush()
    return new


def mark_removed(session: Session, number: int, *, by: str, reason: str) -> None:
    """The entry does not count any more."""
    row = session.get_one(HoursRow, number)
    row.removed_at = session.scalar(select(func.now()))
    row.removed_by = by
    row.reason = reason
    session.flush()


def history_of(session: Session, pilot_id: int, number: int) -> list[HoursVersion]:
    """All versions of an entry, oldest first; `number` may be any of them."""
    versions = [find_version(session, pilot_id, number)]
    while (before := session.scalar(select(HoursRow).where(HoursRow.superseded_by == versions[0].entry.id))) is not None:
        versions.insert(0, _version(before))
    while (after := versions[-1].superseded_by) is not None:
        versions.append(find_version(session, pilot_id, after))
    return versions


def closed_days_of(session: Session, pilot_id: int) -> list[int]:
    """The days of the pilot that are closed."""
    query = select(ClosedDayRow.day).where(ClosedDayRow.pilot_id == pilot_id)
    return list(session.scalars(query.order_by(ClosedDayRow.day)))


def _entry(row: HoursRow) -> HoursEntry:
    return HoursEntry(row.id, row.who, row.worked_on, row.hours, row.kind, row.is_recurring, row.note)


def _version(row: HoursRow) -> HoursVersion:
    return HoursVersion(
        entry=_entry(row),
        logged_by=row.logged_by,
        logged_at=row.logged_at,
        source=row.source,
        external_id=row.external_id,
        superseded_by=row.superseded_by,
        removed_at=row.removed_at,
        removed_by=row.removed_by,
        reason=row.reason,
    )
