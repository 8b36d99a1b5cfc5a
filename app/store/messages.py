"""Messages to people outside: stored with what they are about, claimed by one sender at a time, tried until taken."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.store.reading_tables import MessageRow
from app.store.tables import PilotRow

LISTED = 100
# A row whose sender died is free again when its lease is over.
_CLAIM = text("""
WITH due AS (
    SELECT id FROM messages WHERE sent_at IS NULL AND given_up_at IS NULL AND next_at <= :now
    ORDER BY next_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
)
UPDATE messages m SET next_at = :until, attempts = m.attempts + 1 FROM due d WHERE m.id = d.id RETURNING m.id
""")


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message on one channel; neither sent nor given up = it waits for its next attempt."""

    id: int
    pilot_id: int
    pilot: str
    subject: str
    channel: str
    document: dict[str, Any]
    created_at: datetime
    attempts: int
    next_at: datetime
    sent_at: datetime | None
    given_up_at: datetime | None
    problem: str

    @property
    def state(self) -> str:
        """`sent`, `given_up` or `waiting`."""
        if self.sent_at is not None:
            return "sent"
        return "given_up" if self.given_up_at is not None else "waiting"


def insert_messages(
    session: Session, pilot_id: int, *, subject: str, channels: Iterable[str], document: dict[str, Any], at: datetime
) -> list[int]:
    """Stores one message a channel, once for a subject; gives the numbers of those that are new."""
    rows = [
        {"pilot_id": pilot_id, "subject": subject, "channel": each, "document": document, "created_at": at, "next_at": at}
        for each in channels
    ]
    if not rows:
        return []
    once = insert(MessageRow).values(rows).on_conflict_do_nothing(index_elements=["subject", "channel"])
    return list(session.scalars(once.returning(MessageRow.id)))


def claim_messages(session: Session, *, now: datetime, lease: timedelta, limit: int) -> list[StoredMessage]:
    """Takes messages that are due and that nobody holds; each counts as tried."""
    taken = list(session.scalars(_CLAIM, {"now": now, "until": now + lease, "limit": limit}))
    return _messages(session, MessageRow.id.in_(taken)) if taken else []


def mark_sent(session: Session, message_id: int, *, at: datetime) -> None:
    """The channel has taken it."""
    row = session.get_one(MessageRow, message_id)
    row.sent_at, row.problem = at, ""


def mark_failed(
    session: Session, message_id: int, *, problem: str, next_at: datetime | None, at: datetime, taken: list[str]
) -> None:
    """The channel has not taken it, or not all of its addresses: it is tried again, or given up where `next_at` is `None`.

    `taken` marks the addresses that have it.
    """
    row = session.get_one(MessageRow, message_id)
    row.problem, row.document = problem, row.document | ({"taken": taken} if taken else {})
    if next_at is None:
        row.given_up_at = at
    else:
        row.next_at = next_at


def list_messages(session: Session, pilot_id: int, *, limit: int = LISTED) -> list[StoredMessage]:
    """A pilot's messages, the newest first."""
    return _messages(session, MessageRow.pilot_id == pilot_id, limit=limit)


def messages_about(session: Session, pilot_id: int, subject: str) -> list[StoredMessage]:
    """The messages of one subject, one a channel."""
    return _messages(session, MessageRow.pilot_id == pilot_id, MessageRow.subject == subject)


def _messages(session: Session, *conditions: Any, limit: int = LISTED) -> list[StoredMessage]:
    query = select(MessageRow, PilotRow.name).join(PilotRow, PilotRow.id == MessageRow.pilot_id).where(*conditions)
    found = session.execute(query.order_by(MessageRow.id.desc()).limit(limit).execution_options(populate_existing=True))
    return [
        StoredMessage(
            row.id, row.pilot_id, name, row.subject, row.channel, dict(row.document), row.created_at, row.attempts,
            row.next_at, row.sent_at, row.given_up_at, row.problem,
        )
        for row, name in found
    ]  # fmt: skip
