"""Keeps the parts of closed days in step with the evidence: only days that changed are read and added up again."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy.orm import Session

from app.domain.evidence import Evidence, Numbers
from app.domain.ledger import LiveLedger
from app.domain.pilot import DAY, Pilot
from app.pipeline.closing import Selection, days_over, sampling_weights, select_evidence
from app.pipeline.freshness import inputs_hash
from app.pipeline.judged_sample import Sampling
from app.pipeline.parts.extraction import part_of, with_later_days
from app.pipeline.parts.part import DayPart, from_bytes, to_bytes
from app.pipeline.registration import plan_of
from app.pipeline.settlement import judge_of
from app.store.closed_days import hold_closing
from app.store.evidence import read_evidence
from app.store.judge_shares import read_shares
from app.store.live_ledger import read_ledger
from app.store.pilots import get_pilot
from app.store.registrations import registration_of
from app.store.rollups import KeptPart, drop_parts, exchanges_of_talks, keep_parts, open_days, read_parts
from app.store.session import SessionFactory, one_snapshot, session_scope
from app.store.touched import ANY_HOUR, Mark, read_marks

HOUR = timedelta(hours=1)
SPOILED = ""  # in place of a hash of inputs: never the present one


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What one snapshot says of the days.

    Attributes:
        closed: Days that are closed.
        kept: Stored parts by day.
        marks: Transactions that touched each closed day since marks were taken away last.
        inputs_hash: Of what parts rest on beside the evidence.
        sampling: Which conversations a judge looks at.
        ledger: Live requests without an exchange.
    """

    pilot: Pilot
    closed: frozenset[int]
    kept: Mapping[int, KeptPart]
    marks: Mapping[int, frozenset[int]]
    inputs_hash: str
    sampling: Sampling
    ledger: LiveLedger

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
            made = {part.day: part for part in _made_anew(reading, look, moment)}
        drop_parts(session, look.pilot.id, look.kept.keys() - look.closed)
        keep_parts(session, look.pilot.id, made.values())
    return {day: from_bytes((made.get(day) or look.kept[day]).content) for day in sorted(look.closed)}


def forget_parts(session: Session, pilot: Pilot, marks: Iterable[Mark]) -> None:
    """Spoils parts that have not seen these marks, which are about to be taken away themselves."""
    kept = read_parts(session, pilot.id)
    by_day = _marks_by_day(pilot, kept, marks)
    # They stay as what has to be made anew: their conversations may have exchanges on days that are not touched.
    spoiled = [replace(part, inputs_hash=SPOILED) for day, part in kept.items() if not by_day[day] <= part.seen]
    keep_parts(session, pilot.id, spoiled)


def _look(reading: Session, pilot_name: str, now: datetime) -> _Look:
    pilot = get_pilot(reading, pilot_name)
    ledger = read_ledger(reading, pilot, now=now)
    over = days_over(pilot, ledger, now=now)
    closed = frozenset(range(1, over + 1)) - open_days(reading, pilot)
    marks = _marks_by_day(pilot, range(1, pilot.days + 1), read_marks(reading, pilot.id))
    registration, judge = registration_of(reading, pilot.id), judge_of(pilot.configuration)
    shares = read_shares(reading, pilot.id, judge.version) if judge is not None and judge.version else ()
    # A share of 1 leaves nothing out: parts rest on the others alone.
    partly = [share for share in shares if share.share < 1]
    rests_on = inputs_hash({"pilot": pilot, "shares": partly}, days_over=0)
    sampling = Sampling(plan_of(pilot, registration), shares)
    return _Look(pilot, closed, read_parts(reading, pilot.id), marks, rests_on, sampling, ledger)


def _made_anew(reading: Session, look: _Look, now: datetime) -> Iterator[KeptPart]:
    """The parts of the days that changed, and of the other days of their conversations."""
    if look.pilot.starts_at is None:
        return
    exchanges, days = exchanges_of_talks(reading, look.pilot, look.stale)
    for day in sorted(look.closed & (look.stale | set(np.unique(days).tolist()))):
        only = exchanges if look.stale == {day} else exchanges_of_talks(reading, look.pilot, {day})[0]
        part = _later(reading, look, day, only, now) if day < min(look.stale) else _whole(reading, look, day, only, now)
        yield KeptPart(day, to_bytes(part), look.inputs_hash, look.marks[day])


def _whole(reading: Session, look: _Look, day: int, only: Numbers, now: datetime) -> DayPart:
    evidence = read_evidence(reading, look.pilot, only=only)
    selection = _selection(look, evidence, now)
    weights = sampling_weights(look.pilot, evidence, look.ledger)
    return part_of(look.pilot, evidence, selection, weights, day, look.sampling)


def _later(reading: Session, look: _Look, day: int, only: Numbers, now: datetime) -> DayPart:
    """Of a day before all that changed: nothing is new there but how its conversations went on."""
    evidence = read_evidence(reading, look.pilot, only=only, without_times=True)
    return with_later_days(
        from_bytes(look.kept[day].content), look.pilot, evidence, _selection(look, evidence, now), day, look.sampling
    )


def _selection(look: _Look, evidence: Evidence, now: datetime) -> Selection:
    selection = select_evidence(look.pilot, evidence, now=now)
    counted = selection.captured & np.isin(selection.days, sorted(look.closed))
    return replace(selection, closed=tuple(sorted(look.closed)), counted=counted)


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
