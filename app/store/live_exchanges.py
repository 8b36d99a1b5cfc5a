"""Live exchanges and the attempts that are folded into them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.domain.recording import NewAttempt, NewExchange, RecordedArm, RecordedPilot, Target
from app.domain.words import ArmRole, CoverageReason, Source
from app.store.base import Base
from app.store.live_tables import AttemptRow
from app.store.payloads import REQUEST_ARM
from app.store.tables import ArmRow, ExchangeRow, PayloadRow, PilotRow
from app.store.texts import texts_of

# Core tables: rows go in as they are, thousands a second.
EXCHANGES, PAYLOADS = Base.metadata.tables[ExchangeRow.__tablename__], Base.metadata.tables[PayloadRow.__tablename__]
_HOLD = text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-recorder'), :pilot)")


def hold_pilots(session: Session, names: Iterable[str]) -> dict[str, RecordedPilot]:
    """Pilots by name, those that there are: one recorder a pilot at a time, and no change of its arms meanwhile."""
    found = session.execute(select(PilotRow.id).where(PilotRow.name.in_(sorted(set(names)))).order_by(PilotRow.id))
    numbers = list(found.scalars())
    for number in numbers:  # one order for all: no deadlocks
        session.execute(_HOLD, {"pilot": number % 2**31})
    rate = PilotRow.configuration["sampling"]["rate"].as_float()
    days = PilotRow.configuration["content"]["retention_days"].as_integer()
    since = func.now() - func.make_interval(0, 0, 0, days)
    held = select(PilotRow.id, PilotRow.name, func.coalesce(rate, 1.0).label("rate"), since.label("keeps_since"))
    held = held.where(PilotRow.id.in_(numbers))
    pilots = session.execute(held.order_by(PilotRow.id).with_for_update(read=True, key_share=True, of=PilotRow)).all()
    arms: dict[int, dict[str, RecordedArm]] = {row.id: {} for row in pilots}
    for arm in session.execute(select(ArmRow.id, ArmRow.name, ArmRow.role, ArmRow.model, ArmRow.pilot_id).order_by(ArmRow.id)):
        if arm.pilot_id in arms:
            arms[arm.pilot_id][arm.name] = RecordedArm(arm.id, arm.name, ArmRole(arm.role), arm.model)
    return {row.name: RecordedPilot(row.id, row.name, row.rate, arms[row.id], row.keeps_since) for row in pilots}


def add_exchanges(session: Session, pilot: RecordedPilot, exchanges: Sequence[NewExchange]) -> None:
    """Stores new exchanges with their requests; one that is there stays as it is."""
    if not exchanges:
        return
    statement = insert(EXCHANGES).on_conflict_do_nothing(index_elements=["pilot_id", "external_id"])
    ordered = sorted(exchanges, key=lambda each: each.external_id)
    rows = [_exchange_row(pilot, each) for each in ordered]
    stored = {row.external_id: row.id for row in session.execute(statement.returning(*_KEYS), rows)}
    kept = (each for each in ordered if each.external_id in stored and pilot.keeps(each.arrived_at))
    requests = [(each, each.request) for each in kept if each.request is not None]
    cipher = texts_of(session).sealing(pilot.id) if requests else None
    if cipher is None:  # nothing to keep, or the pilot's texts were shredded
        return
    payloads = [
        {
            "exchange_id": stored[each.external_id],
            "arm_id": REQUEST_ARM,
            "arrived_at": each.arrived_at,
            "pilot_id": pilot.id,
            "body": cipher.seal(request),
        }
        for each, request in requests
    ]
    session.execute(insert(PAYLOADS), payloads)


_KEYS = (EXCHANGES.c.external_id, EXCHANGES.c.id)


def _exchange_row(pilot: RecordedPilot, each: NewExchange) -> dict[str, Any]:
    return {
        "pilot_id": pilot.id,
        "external_id": each.external_id,
        "arrived_at": each.arrived_at,
        "conversation_id": each.conversation,
        "segment": each.segment,
        "inclusion_probability": 1.0,
        "sample_point": each.sample_point,
        "sampling_rate": pilot.sampling_rate,
        "source": Source.LIVE.value,
        "reason": CoverageReason.CAPTURED.value,
        "awaits": list(each.awaits),
        "deadline_at": each.deadline_at,
        "user_hash": each.user_hash,
        "text_erased_at": None if pilot.keeps(each.arrived_at) else datetime.now(UTC),
        "facts": each.facts,
    }


_POINT_ON = text("UPDATE attempts SET first_id = :first WHERE pilot_id = :pilot AND first_id = :was")


def add_attempts(session: Session, pilot_id: int, attempts: Sequence[NewAttempt]) -> frozenset[str]:
    """Stores attempts under the id of their first one, whatever their order; gives those first ids."""
    if not attempts:
        return frozenset()
    named = {each.retry_of for each in attempts}
    query = select(AttemptRow.external_id, AttemptRow.first_id)
    rows = session.execute(query.where(AttemptRow.pilot_id == pilot_id, AttemptRow.external_id.in_(named)))
    firsts: dict[str, str] = {row.external_id: row.first_id for row in rows}
    for each in attempts:
        first = firsts.get(each.retry_of, each.retry_of)
        for name in [name for name, pointed in firsts.items() if pointed == each.external_id]:
            firsts[name] = first
        firsts[each.external_id] = first
        session.execute(_POINT_ON, {"pilot": pilot_id, "first": first, "was": each.external_id})
        session.execute(
            insert(AttemptRow)
            .values(
                pilot_id=pilot_id,
                external_id=each.external_id,
                first_id=first,
                arrived_at=each.arrived_at,
                deadline_at=each.deadline_at,
            )
            .on_conflict_do_nothing()
        )
    return frozenset(firsts[each.external_id] for each in attempts)


def attempts_of(session: Session, pilot_id: int, first_ids: Iterable[str]) -> list[str]:
    """Ids of all attempts of some exchanges."""
    query = select(AttemptRow.external_id).where(AttemptRow.pilot_id == pilot_id, AttemptRow.first_id.in_(sorted(first_ids)))
    return list(session.scalars(query))


# The last attempt decides. What an earlier one's reply was is kept in `attempts`, its place is free for the last one's.
_FOLDING = text("""
WITH last AS (
    SELECT DISTINCT ON (e.id) e.id, e.external_id AS first_id, coalesce(e.decided_by, e.external_id) AS was,
        a.external_id AS is, e.arrived_at, e.deadline_at, a.deadline_at AS attempt_deadline
    FROM exchanges e JOIN attempts a ON a.pilot_id = e.pilot_id AND a.first_id = e.external_id
    WHERE e.pilot_id = :pilot AND e.external_id = ANY(CAST(:ids AS text[])) AND e.source = 'live' AND e.closed_at IS NULL
        AND a.external_id <> e.external_id AND (a.arrived_at, a.external_id) > (e.arrived_at, e.external_id)
    ORDER BY e.id, a.arrived_at DESC, a.external_id DESC
)
SELECT * FROM last WHERE was <> "is" ORDER BY id
""")
_KEEP_FIRST = text("""
INSERT INTO attempts (pilot_id, external_id, first_id, arrived_at, deadline_at, replied_at, failure, status, total_seconds)
SELECT e.pilot_id, e.external_id, e.external_id, e.arrived_at, e.deadline_at,
    r.recorded_at, r.failure, r.status, r.total_seconds
FROM exchanges e LEFT JOIN replies r ON r.exchange_id = e.id AND r.arm_id = :incumbent
WHERE e.id = ANY(:ids) AND e.decided_by IS NULL
ON CONFLICT DO NOTHING
""")
_FREE = (
    text("DELETE FROM replies WHERE exchange_id = ANY(:ids) AND arm_id = :incumbent"),
    text("DELETE FROM payloads WHERE exchange_id = ANY(:ids) AND arm_id = :incumbent"),
    text("DELETE FROM pairs WHERE exchange_id = ANY(:ids)"),
)
_DECIDE = text("""
UPDATE exchanges SET decided_by = :decided_by, open_until = NULL, deadline_at = greatest(deadline_at, :deadline_at),
    reason = CASE WHEN reason = 'client_cancelled' THEN 'captured' ELSE reason END
WHERE id = :id
""")


def fold_attempts(session: Session, pilot: RecordedPilot, first_ids: Iterable[str]) -> None:
    """Lets the last attempt of each of these exchanges decide, those that are still open."""
    folding = session.execute(_FOLDING, {"pilot": pilot.id, "ids": sorted(first_ids)}).all()
    if not folding:
        return
    parameters = {"ids": [row.id for row in folding], "incumbent": pilot.incumbent.id}
    session.execute(_KEEP_FIRST, parameters)
    for statement in _FREE:
        session.execute(statement, parameters)
    decided = [{"id": row.id, "decided_by": row[3], "deadline_at": row.attempt_deadline} for row in folding]
    session.execute(_DECIDE, decided)


_TARGETS = text("""
SELECT k.id AS external_id, e.id, e.arrived_at, e.closed_at IS NOT NULL AS is_closed,
    coalesce(e.decided_by, e.external_id) AS decided_by, a.first_id IS NOT NULL AS is_attempt,
    a.replied_at IS NOT NULL AS has_replied
FROM unnest(CAST(:ids AS text[])) AS k(id)
LEFT JOIN attempts a ON a.pilot_id = :pilot AND a.external_id = k.id
LEFT JOIN exchanges e ON e.pilot_id = :pilot AND e.external_id = coalesce(a.first_id, k.id) AND e.source = 'live'
""")


def find_targets(session: Session, pilot_id: int, external_ids: Iterable[str]) -> dict[str, Target]:
    """Where replies to these ids belong, for every one of them."""
    rows = session.execute(_TARGETS, {"pilot": pilot_id, "ids": sorted(set(external_ids))})
    return {
        row.external_id: Target(row.id, row.arrived_at, row.is_closed, row.decided_by or "", row.is_attempt, row.has_replied)
        for row in rows
    }
