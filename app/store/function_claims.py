"""Leases on pairs whose segments are decided by users' functions: nobody has looked at them, or left them to a worker."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.grading import PairKey

_CLAIM = text("""
WITH taken AS (
    SELECT p.exchange_id, p.arm_id FROM pairs p JOIN exchanges e ON e.id = p.exchange_id
    WHERE p.pilot_id = :pilot AND p.state = 'pending' AND p.rule IS NULL AND e.segment = ANY(CAST(:segments AS text[]))
        AND (p.claimed_until IS NULL OR p.claimed_until < clock_timestamp())
    ORDER BY p.exchange_id, p.arm_id LIMIT :limit FOR UPDATE OF p SKIP LOCKED
)
UPDATE pairs p SET claimed_by = :worker, claimed_until = clock_timestamp() + make_interval(secs => :lease)
FROM taken t WHERE p.exchange_id = t.exchange_id AND p.arm_id = t.arm_id
RETURNING p.exchange_id, p.arm_id
""")


def claim_for_functions(
    session: Session, pilot_id: int, *, segments: Collection[str], worker: str, lease_seconds: float, limit: int
) -> list[PairKey]:
    """Takes pairs of these segments that are not settled and that nobody holds."""
    parameters = {
        "pilot": pilot_id,
        "segments": sorted(segments),
        "worker": worker,
        "lease": lease_seconds,
        "limit": limit,
    }
    return sorted(PairKey(*row) for row in session.execute(_CLAIM, parameters))
