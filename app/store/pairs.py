"""Pairs: what there is to grade."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

_TOUCH = text("""
INSERT INTO pairs (exchange_id, arm_id, pilot_id)
SELECT r.exchange_id, r.arm_id, r.pilot_id
FROM replies r JOIN arms a ON a.id = r.arm_id
WHERE r.exchange_id = ANY(:ids) AND a.role <> 'incumbent'
ORDER BY r.exchange_id, r.arm_id
ON CONFLICT (exchange_id, arm_id) DO UPDATE
SET state = 'pending', rule = NULL, preference = NULL, ungraded = NULL,
    claimed_until = NULL, claimed_by = NULL, settled_at = NULL
""")


def touch_pairs(session: Session, exchange_ids: Sequence[int]) -> None:
    """Every pair of these exchanges has to be looked at (again): a reply, a grade or a label came."""
    if exchange_ids:
        session.execute(_TOUCH, {"ids": list(exchange_ids)})
