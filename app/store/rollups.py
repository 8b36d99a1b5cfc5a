"""Parts of closed days: what they add up to is kept, days that changed are found by their marks (decision 23)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.domain.evidence import Numbers
from app.domain.pilot import DAY, Pilot
from app.store.binary_rows import MOMENT, NUMBER, RowQuery, read_rows
from app.store.touched_tables import DayPartRow

EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class KeptPart:
    """A stored part; `seen` are the transactions whose marks of the day it has seen."""

    day: int
    content: bytes
    inputs_hash: str
    seen: frozenset[int]


def read_parts(session: Session, pilot_id: int) -> dict[int, KeptPart]:
    """The stored parts by day."""
    rows = session.scalars(select(DayPartRow).where(DayPartRow.pilot_id == pilot_id).order_by(DayPartRow.day))
    return {row.day: KeptPart(row.day, row.content, row.inputs_hash, frozenset(row.seen)) for row in rows}


def keep_parts(session: Session, pilot_id: int, parts: Iterable[KeptPart]) -> None:
    """Stores parts in place of those of the same days."""
    for part in parts:
        values = {"content": part.content, "inputs_hash": part.inputs_hash, "seen": sorted(part.seen)}
        adding = insert(DayPartRow).values(pilot_id=pilot_id, day=part.day, **values)
        session.execute(adding.on_conflict_do_update(index_elements=["pilot_id", "day"], set_=values))


def drop_parts(session: Session, pilot_id: int, days: Collection[int]) -> None:
    """Forgets parts that say no longer what is stored."""
    if days:
        session.execute(delete(DayPartRow).where(DayPartRow.pilot_id == pilot_id, DayPartRow.day.in_(sorted(days))))


_OPEN = text("SELECT arrived_at FROM exchanges WHERE pilot_id = :pilot AND closed_at IS NULL")


def open_days(session: Session, pilot: Pilot) -> set[int]:
    """Days on which an exchange still waits for something."""
    found = {pilot.day_of(arrived) for arrived in session.scalars(_OPEN, {"pilot": pilot.id})}
    return {day for day in found if day is not None}


_TALKS = """FROM (
    SELECT DISTINCT e.conversation_id FROM unnest(%(begins)s::timestamptz[]) AS w(begins)
    CROSS JOIN LATERAL (
        SELECT x.conversation_id FROM exchanges AS x
        WHERE x.pilot_id = %(pilot)s AND x.arrived_at >= w.begins AND x.arrived_at < w.begins + INTERVAL '24 hours' OFFSET 0
    ) AS e
) AS t CROSS JOIN LATERAL (
    SELECT x.id, x.arrived_at FROM exchanges AS x
    WHERE x.pilot_id = %(pilot)s AND x.conversation_id = t.conversation_id OFFSET 0
) AS e"""
_EXCHANGES = RowQuery({"e.id": NUMBER, "e.arrived_at": MOMENT}, (), _TALKS)


def exchanges_of_talks(session: Session, pilot: Pilot, days: Collection[int]) -> tuple[Numbers, Numbers]:
    """All exchanges of all conversations that have one on these days, and each one's day; also outside the window."""
    if not days:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    assert pilot.starts_at is not None  # noqa: S101 - days are counted from it
    begins = [pilot.starts_at + (day - 1) * DAY for day in sorted(days)]
    (ids, arrived_us), _ = read_rows(session, _EXCHANGES, {"pilot": pilot.id, "begins": begins})
    starts_us = (pilot.starts_at - EPOCH) // MICROSECOND
    return ids, (arrived_us - starts_us) // (DAY // MICROSECOND) + 1
