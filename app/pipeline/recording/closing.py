"""What the recorder does now and then: closes exchanges whose time is over and settles which numbers are lost."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.pipeline.closing import microseconds
from app.pipeline.recording.counting import with_watermark
from app.store.live_closing import abandon_waiting, advance_watermark, close_overdue, pilots_to_close
from app.store.live_counts import pilots_with_checkpoints, read_counts, save_counts
from app.store.live_exchanges import hold_pilots
from app.store.session import SessionFactory, session_scope

WAITS_AT_MOST = timedelta(days=1)


def close_until(session_factory: SessionFactory, watermark: datetime) -> int:
    """Everything that happened before the watermark is recorded: closes what can wait for nothing more.

    Returns:
        How many exchanges were closed without all their replies.
    """
    overdue = 0
    with session_factory() as session:
        names = {*pilots_to_close(session, watermark), *pilots_with_checkpoints(session)}
    for name in sorted(names):
        with session_scope(session_factory) as session:
            held = hold_pilots(session, [name]).get(name)
            if held is not None:
                overdue += close_overdue(session, held, watermark)
                settle_numbers(session, held.id, watermark)
    with session_scope(session_factory) as session:
        abandon_waiting(session, watermark - WAITS_AT_MOST)
        advance_watermark(session, watermark)
    return overdue


def settle_numbers(session: Session, pilot_id: int, watermark: datetime) -> None:
    """Which of a held pilot's numbers had their time to come."""
    known = read_counts(session, pilot_id)
    settled = {boot: with_watermark(counts, microseconds(watermark)) for boot, counts in known.items()}
    save_counts(session, pilot_id, {boot: counts for boot, counts in settled.items() if counts != known[boot]})
