"""Closing live exchanges: complete ones at once, the others when their time is over; and what is left behind."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.domain.recording import RecordedPilot
from app.store.live_tables import RecorderStateRow

_HAS_ALL = """NOT EXISTS (
    SELECT FROM unnest(e.awaits) AS a(arm)
    WHERE NOT EXISTS (SELECT FROM replies r WHERE r.exchange_id = e.id AND r.arm_id = a.arm)
        AND NOT EXISTS (SELECT FROM skipped_replies s WHERE s.exchange_id = e.id AND s.arm_id = a.arm)
)"""
_COMPLETE = text(f"""
UPDATE exchanges e SET closed_at = clock_timestamp()
WHERE e.id = ANY(:ids) AND e.closed_at IS NULL AND e.open_until IS NULL AND {_HAS_ALL}
""")  # noqa: S608 - our own words
_WAITED = text(f"""
UPDATE exchanges e SET closed_at = clock_timestamp()
WHERE e.pilot_id = :pilot AND e.closed_at IS NULL AND e.open_until <= :watermark AND {_HAS_ALL}
""")  # noqa: S608 - our own words
_OVERDUE = text("""
SELECT id FROM exchanges WHERE pilot_id = :pilot AND closed_at IS NULL AND deadline_at <= :watermark ORDER BY id LIMIT :limit
""")
_NOT_ASKED = text("""
INSERT INTO skipped_replies (exchange_id, arm_id, pilot_id, reason)
SELECT e.id, a.id, e.pilot_id, 'not_asked'
FROM exchanges e CROSS JOIN unnest(e.awaits) AS w(arm) JOIN arms a ON a.id = w.arm AND a.role <> 'incumbent'
WHERE e.id = ANY(:ids) AND NOT EXISTS (SELECT FROM replies r WHERE r.exchange_id = e.id AND r.arm_id = a.id)
ORDER BY e.id, a.id ON CONFLICT DO NOTHING
""")
_GIVE_UP = text("""
UPDATE exchanges e SET closed_at = clock_timestamp(), reason = CASE
    WHEN e.reason = 'captured' AND NOT EXISTS (SELECT FROM replies r WHERE r.exchange_id = e.id AND r.arm_id = :incumbent)
    THEN 'lost' ELSE e.reason END
WHERE e.id = ANY(:ids)
""")
_OPEN = text("""
SELECT DISTINCT p.name FROM exchanges e JOIN pilots p ON p.id = e.pilot_id
WHERE e.closed_at IS NULL AND (e.deadline_at <= :watermark OR e.open_until <= :watermark)
""")
# Nothing will come for them any more: they are counted with what came late.
_ABANDON = text("""
WITH gone AS (DELETE FROM waiting_replies WHERE recorded_at < :before RETURNING pilot_id, external_id, arm, recorded_at)
INSERT INTO late_replies (pilot_id, external_id, arm, arrived_at)
SELECT pilot_id, external_id, arm, recorded_at FROM gone ON CONFLICT DO NOTHING
""")
_ADVANCE = text("""
INSERT INTO recorder_state AS s (id, watermark_at, updated_at) VALUES (1, :watermark, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET watermark_at = greatest(s.watermark_at, excluded.watermark_at), updated_at = excluded.updated_at
""")


def close_complete(session: Session, exchange_ids: Collection[int]) -> None:
    """Closes those of these exchanges whose awaited replies have all come, and which no attempt can follow."""
    if exchange_ids:
        session.execute(_COMPLETE, {"ids": sorted(exchange_ids)})


def pilots_to_close(session: Session, watermark: datetime) -> Sequence[str]:
    """Names of pilots with open exchanges whose time is over."""
    return sorted(session.scalars(_OPEN, {"watermark": watermark}))


def close_overdue(session: Session, pilot: RecordedPilot, watermark: datetime, *, limit: int = 5000) -> int:
    """Closes exchanges that have waited long enough; how many were closed without all their replies.

    Without the incumbent's reply an exchange is `lost`; an arm that said nothing was `not_asked`.
    """
    session.execute(_WAITED, {"pilot": pilot.id, "watermark": watermark})
    ids = list(session.scalars(_OVERDUE, {"pilot": pilot.id, "watermark": watermark, "limit": limit}))
    if ids:
        session.execute(_NOT_ASKED, {"ids": ids})
        session.execute(_GIVE_UP, {"ids": ids, "incumbent": pilot.incumbent.id})
    return len(ids)


def abandon_waiting(session: Session, before: datetime) -> None:
    """Replies that have waited since before a moment for an exchange that never came are no longer kept."""
    session.execute(_ABANDON, {"before": before})


def advance_watermark(session: Session, watermark: datetime) -> None:
    """What had happened by then is recorded, or lost. It never goes back."""
    session.execute(_ADVANCE, {"watermark": watermark})


def read_watermark(session: Session) -> datetime | None:
    """As it was advanced last; `None` = no recorder ran yet."""
    return session.scalar(select(RecorderStateRow.watermark_at))
