"""What a judge said of canaries so far."""

from sqlalchemy import text
from sqlalchemy.orm import Session

_COUNT = text("""
SELECT count(value), count(*) FILTER (WHERE value = 1) FROM grades
WHERE pilot_id = :pilot AND grader = 'canary' AND rater = :rater AND version = :version
""")
_SEEN = text("""
SELECT DISTINCT exchange_id FROM grades
WHERE exchange_id = ANY(CAST(:exchanges AS bigint[])) AND grader = 'canary' AND rater = :rater AND version = :version
""")


def count_canaries(session: Session, pilot_id: int, *, rater: str, version: str) -> tuple[int, int]:
    """How many canaries this version of the judge has answered, and how many of them rightly."""
    answered, passed = session.execute(_COUNT, {"pilot": pilot_id, "rater": rater, "version": version}).one()
    return answered, passed


def seen_canaries(session: Session, exchanges: list[int], *, rater: str, version: str) -> set[int]:
    """Those of the exchanges whose canary this version of the judge has been shown."""
    parameters = {"exchanges": exchanges, "rater": rater, "version": version}
    return set(session.scalars(_SEEN, parameters))
