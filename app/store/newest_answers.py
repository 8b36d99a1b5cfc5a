"""The newest live answer of each arm: the newest requests are looked at, however many a pilot has."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.pilot import Pilot

LOOKED_AT = 2000
_NEWEST = text(f"""
WITH newest AS MATERIALIZED (
    SELECT id, arrived_at, source, awaits FROM exchanges WHERE pilot_id = :pilot ORDER BY arrived_at DESC LIMIT {LOOKED_AT}
)
SELECT a.arm AS arm_id, max(n.arrived_at) AS asked_at,
    max(n.arrived_at) FILTER (WHERE r.arm_id IS NOT NULL OR s.arm_id IS NOT NULL) AS heard_at,
    max(n.arrived_at) FILTER (WHERE r.arm_id IS NOT NULL AND r.failure IS NULL) AS answered_at
FROM newest n CROSS JOIN LATERAL unnest(n.awaits) AS a(arm)
LEFT JOIN replies r ON r.exchange_id = n.id AND r.arm_id = a.arm
LEFT JOIN skipped_replies s ON s.exchange_id = n.id AND s.arm_id = a.arm
WHERE n.source = 'live' AND a.arm = ANY(:arms) GROUP BY 1
""")  # noqa: S608 - our own number


@dataclass(frozen=True, slots=True)
class NewestAnswer:
    """Arrivals of newest requests; `None` = of those looked at none.

    Attributes:
        asked_at: Of the newest that an arm had to be asked for.
        heard_at: Of the newest of them that led to anything: a reply, a failure, or a reason not to ask.
        answered_at: Of the newest that it answered.
    """

    asked_at: datetime | None = None
    heard_at: datetime | None = None
    answered_at: datetime | None = None


def newest_answers(session: Session, pilot: Pilot) -> dict[str, NewestAnswer]:
    """By candidate."""
    arms = {arm.id: arm.name for arm in pilot.candidates}
    rows = session.execute(_NEWEST, {"pilot": pilot.id, "arms": list(arms)})
    found = {arms[row.arm_id]: NewestAnswer(row.asked_at, row.heard_at, row.answered_at) for row in rows}
    return {name: found.get(name, NewestAnswer()) for name in arms.values()}
