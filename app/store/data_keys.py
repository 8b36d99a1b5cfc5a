"""The wrapped data keys of pilots: wrapped anew, made anew, counted and removed."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from app.errors import TextKeyMissing
from app.store.keeping_tables import PilotKeyRow
from app.store.session import SessionFactory, session_scope
from app.store.tables import PilotRow
from app.store.text_format import KEY_BYTES
from app.store.texts import texts_of

_ALONE = text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-payload-keys'))")


@contextmanager
def wrapping_alone(factory: SessionFactory) -> Iterator[Session]:
    """One transaction in which nobody else wraps a data key or changes the installation's keys."""
    with session_scope(factory) as session:
        session.execute(_ALONE)
        yield session


def wrapped_under(session: Session, keys: Sequence[Fernet]) -> list[int]:
    """How many data keys each of the installation's keys wraps, in their order; the last number: none of them does."""
    counts = [0] * (len(keys) + 1)
    for wrapped in session.scalars(select(PilotKeyRow.wrapped)):
        place = next((place for place, key in enumerate(keys) if _unwraps(key, wrapped)), len(keys))
        counts[place] += 1
    return counts


def wrap_anew(session: Session, keys: Sequence[Fernet]) -> int:
    """Wraps every data key under the first of the installation's keys; how many there are.

    Raises:
        TextKeyMissing: One of them is wrapped by a key that is not there; nothing was changed.
    """
    rows = session.scalars(select(PilotKeyRow).order_by(PilotKeyRow.pilot_id, PilotKeyRow.number).with_for_update()).all()
    all_keys = MultiFernet(keys)
    for row in rows:
        try:
            row.wrapped = all_keys.rotate(row.wrapped)
        except InvalidToken as error:
            message = f"data key {row.number} of pilot {row.pilot_id} is wrapped by a key that is not there: nothing was done"
            raise TextKeyMissing(message, pilot_id=row.pilot_id, number=row.number) from error
    session.flush()
    return len(rows)


def add_data_keys(session: Session) -> int:
    """A new data key for every pilot that has one: texts are sealed with it from now on, older ones stay to read."""
    newest = select(PilotKeyRow.pilot_id, func.max(PilotKeyRow.number)).group_by(PilotKeyRow.pilot_id)
    texts = texts_of(session).texts
    rows = [
        {"pilot_id": pilot_id, "number": number + 1, "wrapped": texts.wrap(session, os.urandom(KEY_BYTES))}
        for pilot_id, number in session.execute(newest.order_by(PilotKeyRow.pilot_id)).all()
    ]
    if rows:
        session.execute(insert(PilotKeyRow), rows)
    return len(rows)


def shred_keys(session: Session, pilot_id: int) -> tuple[datetime, int]:
    """Removes all data keys of a pilot for good; when that was (the first time counts), and how many there were."""
    at = session.scalar(
        update(PilotRow)
        .where(PilotRow.id == pilot_id)
        .values(shredded_at=func.coalesce(PilotRow.shredded_at, func.now()))
        .returning(PilotRow.shredded_at)
    )
    assert at is not None  # noqa: S101 - just written
    removed = session.execute(delete(PilotKeyRow).where(PilotKeyRow.pilot_id == pilot_id).returning(PilotKeyRow.number))
    return at, len(removed.all())


def newest_numbers(session: Session) -> dict[int, int]:
    """The number of the data key that seals, by pilot."""
    query = select(PilotKeyRow.pilot_id, func.max(PilotKeyRow.number)).group_by(PilotKeyRow.pilot_id)
    return {row[0]: row[1] for row in session.execute(query)}


def _unwraps(key: Fernet, wrapped: bytes) -> bool:
    try:
        key.decrypt(wrapped)
    except InvalidToken:
        return False
    return True
