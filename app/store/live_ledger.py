"""Reads the ledger of a pilot's live requests."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.ledger import Boot, LedgerLine, LiveLedger, unknown_seconds
from app.domain.pilot import Pilot
from app.store.live_closing import read_watermark
from app.store.live_counts import read_boots, read_counts
from app.store.live_numbers import count_come
from app.store.live_tables import LateReplyRow, LedgerRow


def read_ledger(session: Session, pilot: Pilot, *, now: datetime, as_of: datetime | None = None) -> LiveLedger:
    """All of it, or what had happened by a moment.

    Args:
        session: For several statements that must see one state, in a transaction with repeatable reads.
        pilot: Whose.
        now: Until when an unheard producer's time is unknown.
        as_of: Quarters of an hour and boots that began before it.
    """
    boots = read_boots(session)
    until = min(moment for moment in (now, as_of, pilot.stopped_at) if moment is not None)
    counts = {
        boot: found
        for boot, found in read_counts(session, pilot.id).items()
        if as_of is None or boot not in boots or boots[boot].started_at < as_of
    }
    if not any(found.issued for found in counts.values()):
        return LiveLedger(watermark_at=read_watermark(session))
    missing = sum(found.missing for found in counts.values())
    lost = sum(
        found.lost(count_come(session, pilot.id, boot, up_to=found.settled)) for boot, found in counts.items() if found.missing
    )
    concerned = [boot for boot in boots.values() if boot.source == "gateway" or boot.boot in counts]
    return LiveLedger(
        lines=_lines(session, pilot.id, as_of),
        missing_lost=lost,
        missing_pending=missing - lost,
        unknown_seconds=_unknown(pilot, concerned, until),
        late_replies=session.scalar(select(func.count()).where(LateReplyRow.pilot_id == pilot.id)) or 0,
        watermark_at=read_watermark(session),
        last_seen_at=max((found.last_seen_at for found in counts.values() if found.last_seen_at is not None), default=None),
        is_live=True,
    )


def _lines(session: Session, pilot_id: int, as_of: datetime | None) -> tuple[LedgerLine, ...]:
    query = select(LedgerRow.at, LedgerRow.reason, LedgerRow.requests).where(LedgerRow.pilot_id == pilot_id)
    if as_of is not None:
        query = query.where(LedgerRow.at < as_of)
    return tuple(LedgerLine(*row) for row in session.execute(query.order_by(LedgerRow.at, LedgerRow.reason)))


def _unknown(pilot: Pilot, boots: list[Boot], until: datetime) -> float:
    return 0.0 if pilot.started_at is None else unknown_seconds(boots, since=pilot.started_at, until=until)
