"""Pairs: what there is to grade."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

# What was decided while there was a text cannot be decided again without it: such a pair stays as it is settled.
HAS_TEXT = "NOT EXISTS (SELECT FROM exchanges AS gone WHERE gone.id = {}.exchange_id AND gone.text_erased_at IS NOT NULL)"
_TOUCH = text(f"""
INSERT INTO pairs (exchange_id, arm_id, pilot_id)
SELECT r.exchange_id, r.arm_id, r.pilot_id
FROM replies r JOIN arms a ON a.id = r.arm_id
WHERE r.exchange_id = ANY(:ids) AND a.role <> 'incumbent'
ORDER BY r.exchange_id, r.arm_id
ON CONFLICT (exchange_id, arm_id) DO UPDATE
SET state = 'pending', rule = NULL, preference = NULL, ungraded = NULL,
    claimed_until = NULL, claimed_by = NULL, settled_at = NULL
WHERE pairs.state = 'pending' OR {HAS_TEXT.format("pairs")}
""")  # noqa: S608 - our own words


def touch_pairs(session: Session, exchange_ids: Sequence[int]) -> None:
    """Every pair of these exchanges has to be looked at (again): a reply, a grade or a label came."""
    if exchange_ids:
        session.execute(_TOUCH, {"ids": list(exchange_ids)})


_REOPEN = text(f"""
UPDATE pairs SET is_again = is_again OR state = 'settled', state = 'pending', rule = NULL, preference = NULL, ungraded = NULL,
    claimed_until = NULL, claimed_by = NULL, settled_at = NULL
WHERE pilot_id = :pilot_id AND (state = 'pending' OR {HAS_TEXT.format("pairs")})
""")  # noqa: S608 - our own words


def reopen_pairs(session: Session, pilot_id: int) -> None:
    """Every pair of a pilot has to be looked at again: what its preference rests on was changed; grades are kept."""
    session.execute(_REOPEN, {"pilot_id": pilot_id})
