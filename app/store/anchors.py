"""Pairs of the first week that the judge is asked about again, and what it said then."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.grading import ANCHOR, PairKey, StoredGrade
from app.domain.pilot import DAY, Pilot

WEEK = 7 * DAY

# By hash, so that neither when nor how well it was judged says whether a pair is among them.
_CHOOSE = text("""
SELECT e.id, :arm FROM exchanges e
WHERE e.pilot_id = :pilot AND e.arrived_at >= :since AND e.arrived_at < :until AND e.reason = 'captured'
    AND EXISTS (
        SELECT FROM pairs p WHERE p.exchange_id = e.id AND p.arm_id = :arm AND p.state = 'settled' AND p.rule = 'grader'
    )
    AND EXISTS (
        SELECT FROM grades g WHERE g.exchange_id = e.id AND g.arm_id = :arm AND g.grader = 'judge' AND g.rater = :rater
            AND g.version = :version AND g.value IS NOT NULL AND g.graded_at < :graded_before
    )
ORDER BY sha256(convert_to(e.external_id, 'UTF8')), e.external_id COLLATE "C" LIMIT :limit
""")
_SAID = text("""
SELECT exchange_id, arm_id, version, shown_first, value, ungraded FROM grades
WHERE exchange_id = ANY(CAST(:exchanges AS bigint[])) AND grader = :grader AND rater = :rater AND version = :version
ORDER BY id
""")


def choose_anchors(
    session: Session, pilot: Pilot, arm_id: int, *, rater: str, version: str, graded_before: datetime, limit: int
) -> list[PairKey]:
    """Pairs of one arm with a grade that this version of the judge gave long enough ago: those with the least hashes.

    Args:
        session: For reading.
        pilot: Whose pairs: those of the first week of its window.
        arm_id: Of which arm.
        rater: The judge's.
        version: The judge's.
        graded_before: By the wall clock: what was judged a moment ago says nothing of how the judge changes.
        limit: At most so many.
    """
    if pilot.starts_at is None:
        return []
    parameters = {
        "pilot": pilot.id,
        "arm": arm_id,
        "rater": rater,
        "version": version,
        "since": pilot.starts_at,
        "until": pilot.starts_at + WEEK,
        "graded_before": graded_before,
        "limit": limit,
    }
    return [PairKey(*row) for row in session.execute(_CHOOSE, parameters)]


def anchor_grades(
    session: Session, keys: Sequence[PairKey], *, rater: str, version: str
) -> Mapping[PairKey, list[StoredGrade]]:
    """What the judge has answered so far when it was asked again; `version` names the week too."""
    parameters = {"exchanges": [key.exchange_id for key in keys], "grader": ANCHOR, "rater": rater, "version": version}
    found: dict[PairKey, list[StoredGrade]] = defaultdict(list)
    for row in session.execute(_SAID, parameters):
        grade = StoredGrade(row.version, row.shown_first, row.value, row.ungraded)
        found[PairKey(row.exchange_id, row.arm_id)].append(grade)
    return found
