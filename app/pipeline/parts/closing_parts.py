"""Keeps the parts of closed days in step with the evidence: only days that changed are read and added up again."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy.orm import Session

from app.domain.pilot import DAY, Pilot
from app.pipeline.closing import days_over, sampling_weights, select_evidence
from app.pipeline.freshness import inputs_hash
from app.pipeline.parts.extraction import part_of
from app.pipeline.parts.part import DayPart, from_bytes, to_bytes
from app.store.closed_days import hold_closing
from app.store.evidence import read_evidence
from app.store.live_ledger import read_ledger
from app.store.pilots import get_pilot
from app.store.rollups import KeptPart, days_of_talks, drop_parts, exchanges_of_days, keep_parts, open_days, read_parts
from app.store.session import SessionFactory, one_snapshot, session_scope
from app.store.touched import ANY_HOUR, Mark, read_marks

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What one snapshot says of the days.

    Attributes:
        closed: Days that are closed.
        kept: Stored parts by day.
        marks: Transactions that touched each closed day since marks were taken away last.
        inputs_hash: Of what parts rest on beside the evidence.
    """

    pilot: Pilot
    closed: frozenset[int]
    kept: Mapping[int, KeptPart]
    marks: Mapping[int, frozenset[int]]
    inputs_hash: str

    @property
    def stale(self) -> set[int]:
        """Days whose part has to be made anew, or taken away."""
        fresh = {day for day in self.closed & self.kept.keys() if self._is_fresh(day)}
        return (set(self.closed) | self.kept.keys()) - fresh

    def _is_fresh(self, day: int) -> bool:
        part = self.kept[day]
        return part.inputs_hash == self.inputs_hash and self.marks[day] <= part.seen


def close_parts(session_factory: SessionFactory, pilot_name: str, *, now: datetime | None = None) -> dict[int, DayPart]:
    """The part of each closed day, by its number; those of days that changed since are made anew and stored.

    Args:
        session_factory: Where the evidence is.
        pilot_name: Whose.
        now: Days that are not over are open; default: the present.

    Raises:
        NotFound: If there is no such pilot.
    """
    moment = now or datetime.now(UTC)
    with one_snapshot(session_factory) as reading:
        look = _look(reading, pilot_name, moment)
        if not look.stale:
            return {day: from_bytes(look.kept[day].content) for day in sorted(look.closed)}
    with session_scope(session_factory) as session:
        hold_closing(session, look.pilot.id)
        with one_snapshot(session_factory) as reading:
            look = _look(reading, pilot_name, moment)
            days = look.stale | (days_of_talks(reading, look.pilot, look.stale) if look.pilot.starts_at is not None else set())
            made = {day: _made(reading, look, day, moment) for day in sorted(days & look.closed)}
        drop_parts(session, look.pilot.id, look.kept.keys() - look.closed)
        keep_parts(session, look.pilot.id, made.values())
    return {day: from_bytes((made.get(day) or look.kept[day]).content) for day in sorted(look.closed)}


def forget_parts(session: Session, pilot: Pilot, marks: Iterable[Mark]) -> None:
    """Takes parts away that have not seen these marks: the marks are about to be taken away themselves."""
    kept = read_parts(session, pilot.id)
    by_day = _marks_by_day(pilot, kept, marks)
    drop_parts(session, pilot.id, {day for day, part in kept.items() if not by_day[day] <= part.seen})


def _look(reading: Session, pilot_name: str, now: datetime) -> _Look:
    pilot = get_pilot(reading, pilot_name)
    over = days_over(pilot, read_ledger(reading, pilot, now=now), now=now)
    closed = frozenset(range(1, over + 1)) - open_days(reading, pilot)
    marks = _marks_by_day(pilot, range(1, pilot.days + 1), read_marks(reading, pilot.id))
    rests_on = inputs_hash({"pilot": pilot}, days_over=0)
    return _Look(pilot, closed, read_parts(reading, pilot.id), marks, rests_on)


def _made(reading: Session, look: _Look, day: int, now: datetime) -> KeptPart:
    pilot = look.pilot
    evidence = read_evidence(reading, pilot, only=exchanges_of_days(reading, pilot, [day]))
    selection = select_evidence(pilot, evidence, now=now)
    counted = selection.captured & np.isin(selection.days, sorted(look.closed))
    selection = replace(selection, closed=tuple(sorted(look.closed)), counted=counted)
    part = part_of(pilot, evidence, selection, sampling_weights(pilot, evidence), day)
    return KeptPart(day, to_bytes(part), look.inputs_hash, look.marks[day])


def _marks_by_day(pilot: Pilot, days: Collection[int], marks: Iterable[Mark]) -> dict[int, frozenset[int]]:
    """The transactions whose marks concern each day; hours that two days share concern both."""
    found: dict[int, set[int]] = {day: set() for day in days}
    for mark in marks:
        concerned = days if mark.hour == ANY_HOUR or pilot.starts_at is None else _days_of_hour(pilot.starts_at, mark.hour)
        for day in concerned:
            if day in found:
                found[day].add(mark.transaction)
    return {day: frozenset(transactions) for day, transactions in found.items()}


def _days_of_hour(starts_at: datetime, hour: datetime) -> set[int]:
    return {(hour - starts_at) // DAY + 1, (hour + HOUR - timedelta(microseconds=1) - starts_at) // DAY + 1}
