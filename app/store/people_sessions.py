"""Sessions of people: found by a digest of their token, which nobody but the browser has."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from app.domain.people import Person, PersonSession
from app.store.people import person_of
from app.store.reading_tables import PersonRow, PersonSessionRow

# How long a session that is over stays in its table.
KEPT = timedelta(days=30)


def insert_session(session: Session, person_id: int, digest: bytes, now: datetime, expires_at: datetime) -> None:
    """Begins a session; what of this person was over long ago goes."""
    old = PersonSessionRow.expires_at < now - KEPT
    session.execute(delete(PersonSessionRow).where(PersonSessionRow.person_id == person_id, old))
    session.add(PersonSessionRow(person_id=person_id, digest=digest, created_at=now, seen_at=now, expires_at=expires_at))
    session.execute(update(PersonRow).where(PersonRow.id == person_id).values(last_seen_at=now))
    session.flush()


def find_session(session: Session, digest: bytes, now: datetime, idle: timedelta) -> tuple[Person, PersonSession] | None:
    """The session of a token, if it is not over and its person may still sign in."""
    query = (
        select(PersonSessionRow, PersonRow)
        .join(PersonRow, PersonRow.id == PersonSessionRow.person_id)
        .where(PersonSessionRow.digest == digest, PersonRow.disabled_at.is_(None), *_valid(now, idle))
    )
    found = session.execute(query).one_or_none()
    return None if found is None else (person_of(found[1]), _session(found[0]))


def list_sessions(session: Session, person_id: int, now: datetime, idle: timedelta) -> list[PersonSession]:
    """A person's sessions that are not over, newest first."""
    query = select(PersonSessionRow).where(PersonSessionRow.person_id == person_id, *_valid(now, idle))
    return [_session(row) for row in session.scalars(query.order_by(PersonSessionRow.id.desc()))]


def note_seen(session: Session, session_id: int, person_id: int, now: datetime) -> None:
    """The person is here."""
    session.execute(update(PersonSessionRow).where(PersonSessionRow.id == session_id).values(seen_at=now))
    session.execute(update(PersonRow).where(PersonRow.id == person_id).values(last_seen_at=now))


def end_session(session: Session, session_id: int) -> None:
    """Ends one session."""
    _end(session, PersonSessionRow.id == session_id)


def end_sessions(session: Session, person_id: int, *, but: int | None = None) -> int:
    """Ends a person's sessions, except one if given; how many."""
    if but is None:
        return _end(session, PersonSessionRow.person_id == person_id)
    return _end(session, PersonSessionRow.person_id == person_id, PersonSessionRow.id != but)


def _end(session: Session, *which: ColumnElement[bool]) -> int:
    ended = update(PersonSessionRow).where(PersonSessionRow.ended_at.is_(None), *which)
    return len(session.scalars(ended.values(ended_at=func.now()).returning(PersonSessionRow.id)).all())


def _valid(now: datetime, idle: timedelta) -> tuple[ColumnElement[bool], ...]:
    row = PersonSessionRow
    return (row.ended_at.is_(None), row.expires_at > now, row.seen_at > now - idle)


def _session(row: PersonSessionRow) -> PersonSession:
    return PersonSession(row.id, row.person_id, row.created_at, row.seen_at, row.expires_at)
