"""Which versions of graders have graded a pilot's pairs, and pairs that the present version has not seen."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.store.pairs import HAS_TEXT

_VERSIONS = text("""
SELECT grader, rater, version, count(DISTINCT (exchange_id, arm_id)) AS pairs, count(*) AS grades,
    count(ungraded) AS ungraded, sum(cost_usd) AS usd, min(graded_at) AS first_at, max(graded_at) AS last_at
FROM grades WHERE pilot_id = :pilot AND grader NOT IN ('anchor', 'canary')
GROUP BY grader, rater, version ORDER BY grader, rater, max(graded_at) DESC, version
""")
# An imported grade is of no version of ours, and counts on.
_REOPEN = text(f"""
WITH stale AS (
    SELECT p.exchange_id, p.arm_id FROM pairs p JOIN exchanges e ON e.id = p.exchange_id
    WHERE p.pilot_id = :pilot AND p.state = 'settled' AND p.rule = 'grader' AND {HAS_TEXT.format("p")}
        AND (e.segment = ANY(CAST(:segments AS text[]))) = :inside
        AND (CAST(:version AS text) IS NULL OR NOT EXISTS (
            SELECT FROM grades g WHERE g.exchange_id = p.exchange_id AND g.arm_id = p.arm_id AND g.grader = :grader
                AND g.version IN (:version, 'imported')
        ))
    FOR UPDATE OF p SKIP LOCKED
)
UPDATE pairs p SET state = 'pending', rule = NULL, preference = NULL, ungraded = NULL, facts = '{{}}', settled_at = NULL,
    is_again = true
FROM stale s WHERE p.exchange_id = s.exchange_id AND p.arm_id = s.arm_id
RETURNING 1
""")  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class GradedVersion:
    """Grades of one version of a grader; `usd` None = nobody was paid, or nobody knows."""

    grader: str
    rater: str
    version: str
    pairs: int
    grades: int
    ungraded: int
    usd: Decimal | None
    first_at: datetime
    last_at: datetime


def graded_versions(session: Session, pilot_id: int) -> list[GradedVersion]:
    """Every version that has graded pairs of a pilot, the newest of each grader first."""
    return [GradedVersion(*row) for row in session.execute(_VERSIONS, {"pilot": pilot_id})]


def reopen_stale(
    session: Session, pilot_id: int, *, grader: str, version: str | None, segments: list[str], is_within: bool
) -> int:
    """Pairs that a grader decides and that its present version has not graded are pending again; gives their number.

    Args:
        session: The transaction.
        pilot_id: Whose.
        grader: Its name.
        version: The present one; `None` = it is known where it runs alone, so all are looked at.
        segments: Whose pairs these are, or (`is_within` false) are not.
        is_within: See above.
    """
    parameters = {"pilot": pilot_id, "grader": grader, "version": version, "segments": segments, "inside": is_within}
    return len(session.execute(_REOPEN, parameters).all())
