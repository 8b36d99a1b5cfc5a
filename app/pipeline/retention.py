"""Removing texts that are older than their pilots keep them, and what came late for an erasure (docs/erasure.md)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.domain.erasure import ErasureKind, Receipt, subject_digest
from app.pipeline.erasing import BY_ITSELF, erase_late, remove_in_batches
from app.store.erasing import blank_problems, blank_remarks
from app.store.erasures import list_receipts, newest_receipt, write_receipt
from app.store.pilots import get_pilot_by_id
from app.store.retention import Place, drop_week, old_exchanges, retention_days, weeks_of_texts
from app.store.session import SessionFactory, session_scope

# Asked for hourly, done daily; an erasure's late arrivals are looked for each time.
EVERY = timedelta(hours=20)
FOLLOWED = timedelta(days=2)
EXCHANGES_AT_ONCE = 500
TURN_SECONDS = 300.0
MORE = "unfinished"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Removed:
    """What a turn removed: tables of weeks, exchanges whose texts were too old, and those that came late for an erasure."""

    weeks: tuple[str, ...]
    exchanges: int
    late: int


def remove_old_texts(factory: SessionFactory, key: bytes, now: datetime, *, seconds: float = TURN_SECONDS) -> Removed:
    """One turn for all pilots.

    Args:
        factory: Of the process.
        key: The installation's key of digests.
        now: What is old is reckoned from it.
        seconds: After them what is left waits for the next turn.
    """
    with factory() as session:
        days = retention_days(session)
    cuts = {pilot: now - timedelta(days=kept) if kept is not None else None for pilot, kept in days.items()}
    due = {pilot: cut for pilot, cut in cuts.items() if cut is not None and _is_due(factory, pilot, now)}
    weeks = _drop_weeks(factory, cuts, now) if due else ()
    exchanges = sum(_remove(factory, pilot, cut, now, weeks, key=key, seconds=seconds) for pilot, cut in due.items())
    late = sum(_late(factory, pilot, now, key) for pilot in days)
    return Removed(weeks, exchanges, late)


def _is_due(factory: SessionFactory, pilot_id: int, now: datetime) -> bool:
    with factory() as session:
        last = newest_receipt(session, pilot_id, ErasureKind.RETENTION)
    return last is None or last.erased_at <= now - EVERY or bool(last.counts.get(MORE))


def _drop_weeks(factory: SessionFactory, cuts: dict[int, datetime | None], now: datetime) -> tuple[str, ...]:
    """Whole weeks first: what is dropped need not be deleted row by row."""
    with factory() as session:
        weeks = weeks_of_texts(session)
    dropped = tuple(week.table for week in weeks if drop_week(factory, week, cuts, now))
    if dropped:
        log.info("weeks of texts were dropped", tables=list(dropped))
    return dropped


def _remove(
    factory: SessionFactory, pilot_id: int, before: datetime, now: datetime, weeks: Sequence[str], *, key: bytes, seconds: float
) -> int:
    batches = _old(factory, pilot_id, before)
    removed, is_done = remove_in_batches(factory, pilot_id, batches, now, seconds=seconds)
    with session_scope(factory) as session:
        # Also where no exchange is too old: a refused import has none, and a turn may have been killed before it came here.
        removed["import_problems"] = blank_problems(session, pilot_id, before=before)
        removed["audit_remarks"] = blank_remarks(session, pilot_id)
        if not removed.total():
            return 0
        counts = {name: number for name, number in sorted(removed.items()) if number}
        said = counts | {"before": before.isoformat(), "weeks_dropped": list(weeks)} | ({} if is_done else {MORE: True})
        digest = subject_digest(key, pilot_id, ErasureKind.RETENTION, before.isoformat())
        write_receipt(
            session, pilot_id, ErasureKind.RETENTION, subject_digest=digest, by=BY_ITSELF, counts=said, key=key, erased_at=now
        )  # fmt: skip
    log.info("texts past their retention were removed", pilot_id=pilot_id, exchanges=removed["exchanges"], is_done=is_done)
    return removed["exchanges"]


def _old(factory: SessionFactory, pilot_id: int, before: datetime) -> Iterator[Sequence[int]]:
    after = Place()
    while True:
        with factory() as session:
            found = old_exchanges(session, pilot_id, before, after, most=EXCHANGES_AT_ONCE)
        if not found:
            return
        yield [number for number, _ in found]
        after = found[-1][1]


def _late(factory: SessionFactory, pilot_id: int, now: datetime, key: bytes) -> int:
    with factory() as session:
        receipts: list[Receipt] = [each for each in list_receipts(session, pilot_id) if each.erased_at > now - FOLLOWED]
        pilot = get_pilot_by_id(session, pilot_id) if receipts else None
    found = erase_late(factory, pilot, receipts, key=key) if pilot is not None else 0
    if found:
        log.info("texts that came late for an erasure were removed", pilot_id=pilot_id, exchanges=found)
    return found
