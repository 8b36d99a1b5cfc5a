"""Which pairs a judge saw a part of only, because a text was too long for it."""

from collections import defaultdict
from datetime import datetime

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.evidence import Numbers

# The index holds these grades alone.
_CUT = text("""
SELECT DISTINCT arm_id, exchange_id FROM grades
WHERE pilot_id = :pilot AND facts ? 'cut_chars' AND grader = 'judge' AND version = :version
    AND (CAST(:as_of AS timestamptz) IS NULL OR at <= :as_of)
""")


def read_cuts(session: Session, pilot_id: int, version: str | None, *, as_of: datetime | None = None) -> dict[int, Numbers]:
    """Exchanges of which this version of a judge was shown cut texts, by the arm's number."""
    found: dict[int, list[int]] = defaultdict(list)
    for row in session.execute(_CUT, {"pilot": pilot_id, "version": version, "as_of": as_of}):
        found[row.arm_id].append(row.exchange_id)
    return {arm: np.array(numbers, dtype=np.int64) for arm, numbers in found.items()}
