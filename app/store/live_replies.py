"""Replies to live exchanges: stored once, waiting for their exchange, skipped, or late."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.costs.arm_prices import MOST_USD
from app.domain.recording import AttemptReply, IncumbentSaid, LateReply, LiveReply, RecordedPilot, Rejected
from app.domain.words import Source
from app.store.base import Base
from app.store.live_tables import LateReplyRow, RejectedEventRow, SkippedRow, WaitingReplyRow
from app.store.pairs import HAS_TEXT
from app.store.tables import PayloadRow, ReplyRow
from app.store.text_removal import erased_among, forget_late
from app.store.texts import texts_of

REPLIES, PAYLOADS = Base.metadata.tables[ReplyRow.__tablename__], Base.metadata.tables[PayloadRow.__tablename__]
COLUMNS = (
    "failure", "status", "finish_reason", "model", "content_chars", "input_tokens", "cached_input_tokens", "output_tokens",
    "reasoning_tokens", "cache_write_tokens", "audio_input_tokens", "audio_output_tokens", "service_tier", "usage",
    "price_version", "ttft_any_seconds", "ttft_visible_seconds", "total_seconds", "lag_seconds", "queue_lag_seconds",
)  # fmt: skip

Place = tuple[int, int]


def taken_places(session: Session, exchange_ids: Collection[int]) -> tuple[set[Place], set[Place]]:
    """(exchange, arm) that have a reply, and those that were skipped."""
    numbers = sorted(exchange_ids)
    replied = select(ReplyRow.exchange_id, ReplyRow.arm_id).where(ReplyRow.exchange_id.in_(numbers))
    skipped = select(SkippedRow.exchange_id, SkippedRow.arm_id).where(SkippedRow.exchange_id.in_(numbers))
    return {(row[0], row[1]) for row in session.execute(replied)}, {(row[0], row[1]) for row in session.execute(skipped)}


def add_replies(session: Session, pilot: RecordedPilot, replies: Iterable[LiveReply]) -> None:
    """Stores replies with their texts, and has the pairs that are complete by them looked at."""
    ordered = sorted(replies, key=lambda each: (each.exchange_id, each.arm_id))  # one order for all: no deadlocks
    if not ordered:
        return
    session.execute(insert(REPLIES).on_conflict_do_nothing(), [_reply_row(pilot, each) for each in ordered])
    # After the replies, whose foreign keys hold their exchanges: a removal has been, or waits for us.
    gone = erased_among(session, {each.exchange_id for each in ordered})
    _add_texts(
        session, pilot, [(each, each.body) for each in ordered if each.body is not None and each.exchange_id not in gone]
    )
    forget_late(session, gone)
    parameters = {
        "exchanges": [each.exchange_id for each in ordered],
        "arms": [each.arm_id for each in ordered],
        "incumbent": pilot.incumbent.id,
    }
    session.execute(_TOUCH, parameters)


def _add_texts(session: Session, pilot: RecordedPilot, bodies: Sequence[tuple[LiveReply, bytes]]) -> None:
    cipher = texts_of(session).sealing(pilot.id) if bodies else None
    if cipher is None:  # nothing to keep, or the pilot's texts were shredded
        return
    payloads = [
        {
            "exchange_id": each.exchange_id,
            "arm_id": each.arm_id,
            "arrived_at": each.arrived_at,
            "pilot_id": pilot.id,
            "body": cipher.seal(body),
        }
        for each, body in bodies
    ]
    session.execute(insert(PAYLOADS).on_conflict_do_nothing(), payloads)


def _reply_row(pilot: RecordedPilot, each: LiveReply) -> dict[str, Any]:
    return {
        "exchange_id": each.exchange_id,
        "arm_id": each.arm_id,
        "pilot_id": pilot.id,
        "source": Source.LIVE.value,
        "checks": each.checks,
        "adaptation": each.columns.get("adaptation") or [],
        "caused_by_adaptation": bool(each.columns.get("caused_by_adaptation")),
        "cost_usd": _usd(each.columns.get("cost_usd")),
        **{name: each.columns.get(name) for name in COLUMNS},
    }


def _usd(text: Any) -> Decimal | None:
    """The dollars that an event tells; what is no amount is unknown."""
    try:
        usd = Decimal(text) if isinstance(text, str) else None
    except InvalidOperation:
        return None
    return usd if usd is not None and usd.is_finite() and abs(usd) < MOST_USD else None


# A pair is there when both replies are; another arm's pair of the same exchange stays as it is.
_TOUCH = text(f"""
INSERT INTO pairs (exchange_id, arm_id, pilot_id)
SELECT DISTINCT r.exchange_id, r.arm_id, r.pilot_id
FROM unnest(CAST(:exchanges AS bigint[]), CAST(:arms AS bigint[])) AS n(exchange_id, arm_id)
JOIN replies i ON i.exchange_id = n.exchange_id AND i.arm_id = :incumbent
JOIN replies r ON r.exchange_id = n.exchange_id AND r.arm_id <> :incumbent AND (r.arm_id = n.arm_id OR n.arm_id = :incumbent)
ORDER BY r.exchange_id, r.arm_id
ON CONFLICT (exchange_id, arm_id) DO UPDATE
SET state = 'pending', rule = NULL, preference = NULL, ungraded = NULL,
    claimed_until = NULL, claimed_by = NULL, settled_at = NULL
WHERE pairs.state = 'pending' OR {HAS_TEXT.format("pairs")}
""")  # noqa: S608 - our own words


def add_skips(session: Session, pilot_id: int, skips: Iterable[tuple[int, int, str]]) -> None:
    """Arms that were not asked: (exchange, arm, reason)."""
    rows = [
        {"exchange_id": exchange, "arm_id": arm, "pilot_id": pilot_id, "reason": reason}
        for exchange, arm, reason in sorted(skips)
    ]
    if rows:
        session.execute(insert(SkippedRow).on_conflict_do_nothing(), rows)


_ATTEMPT = text("""
INSERT INTO attempts AS a (pilot_id, external_id, first_id, arrived_at, deadline_at, replied_at, failure, status, total_seconds)
SELECT e.pilot_id, :external_id, e.external_id, e.arrived_at, e.deadline_at, now(), :failure, :status, :total_seconds
FROM exchanges e WHERE e.id = :exchange_id
ON CONFLICT (pilot_id, external_id) DO UPDATE SET replied_at = excluded.replied_at, failure = excluded.failure,
    status = excluded.status, total_seconds = excluded.total_seconds
WHERE a.replied_at IS NULL
""")
_SAID = text("""
UPDATE exchanges SET reason = CASE WHEN :is_cancelled THEN 'client_cancelled' ELSE reason END, open_until = :open_until
WHERE id = :exchange_id
""")


def note_attempts(session: Session, attempts: Sequence[AttemptReply]) -> None:
    """What became of attempts that several made one exchange of."""
    rows = [
        {name: getattr(each, name) for name in ("external_id", "exchange_id", "failure", "status", "total_seconds")}
        for each in sorted(attempts, key=lambda each: each.external_id)
    ]
    if rows:
        session.execute(_ATTEMPT, rows)


def note_incumbent(session: Session, said: Sequence[IncumbentSaid]) -> None:
    """What the incumbent's replies mean for their exchanges."""
    rows = [
        {"exchange_id": each.exchange_id, "is_cancelled": each.is_cancelled, "open_until": each.open_until}
        for each in sorted(said, key=lambda each: each.exchange_id)
        if each.is_cancelled or each.open_until is not None
    ]
    if rows:
        session.execute(_SAID, rows)


def add_late(session: Session, pilot_id: int, late: Sequence[LateReply]) -> set[tuple[str, str]]:
    """Keeps replies that came too late; (external id, arm) of those that were not known yet."""
    if not late:
        return set()
    unique = {(each.external_id, each.arm): each for each in late}
    rows = [
        {
            "pilot_id": pilot_id,
            "external_id": each.external_id,
            "arm": each.arm,
            "arrived_at": each.arrived_at,
            "failure": each.failure,
            "status": each.status,
        }
        for _, each in sorted(unique.items())
    ]
    adding = insert(LateReplyRow).values(rows).on_conflict_do_nothing()
    return {(row[0], row[1]) for row in session.execute(adding.returning(LateReplyRow.external_id, LateReplyRow.arm))}


Parked = tuple[str, str, bytes, bytes]


def park_replies(session: Session, pilot_id: int, parked: Iterable[Parked]) -> None:
    """Keeps replies whose exchange is not there yet: (external id, arm, head, body)."""
    ordered = sorted(parked, key=lambda each: each[:2])
    cipher = texts_of(session).sealing(pilot_id) if ordered else None
    if cipher is None:  # nothing waits, or the pilot is over and its texts were shredded
        return
    rows = [
        {"pilot_id": pilot_id, "external_id": external_id, "arm": arm, "head": head, "body": cipher.seal(body)}
        for external_id, arm, head, body in ordered
    ]
    session.execute(insert(WaitingReplyRow).on_conflict_do_nothing(), rows)


def unpark_replies(session: Session, pilot_id: int, external_ids: Collection[str]) -> list[tuple[bytes, bytes]]:
    """Takes the replies that waited for these exchanges or attempts: (head, body)."""
    if not external_ids:
        return []
    gone = delete(WaitingReplyRow).where(
        WaitingReplyRow.pilot_id == pilot_id, WaitingReplyRow.external_id.in_(sorted(external_ids))
    )
    returned = (WaitingReplyRow.external_id, WaitingReplyRow.arm, WaitingReplyRow.head, WaitingReplyRow.body)
    found = session.execute(gone.returning(*returned)).all()
    texts = texts_of(session)
    ordered = sorted(found, key=lambda row: (row.external_id, row.arm))
    opened = ((row.head, texts.open(pilot_id, row.body)) for row in ordered)
    return [(head, body) for head, body in opened if body is not None]


MOST_REJECTED = 10_000
_REJECTED = select(func.count()).select_from(RejectedEventRow)


def add_rejected(session: Session, rejected: Sequence[Rejected]) -> None:
    """Puts events aside that cannot be stored; without their content, and no more than `MOST_REJECTED`."""
    if not rejected or (session.scalar(_REJECTED) or 0) >= MOST_REJECTED:
        return
    rows = [
        {
            "entry": each.entry,
            "head": None if each.head is None else orjson.loads(orjson.dumps(each.head).replace(b"\\u0000", b"?")),
            "reason": each.reason,
            "problem": each.problem.replace("\x00", "?")[:1000],
        }
        for each in rejected
    ]
    session.execute(insert(RejectedEventRow).on_conflict_do_nothing(), rows)
