"""What changed since days were closed last (decision 23): marks by pilot and hour of arrival."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.store.touched_tables import TouchedRow

ANY_HOUR = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mark:
    """One transaction changed evidence of one hour; `ANY_HOUR` = of any."""

    hour: datetime
    transaction: int


def is_touched(session: Session, pilot_id: int) -> bool:
    """Whether this transaction sees a change that no day close has seen."""
    query = select(TouchedRow.hour).where(TouchedRow.pilot_id == pilot_id).limit(1)
    return session.scalar(query) is not None


def read_marks(session: Session, pilot_id: int) -> list[Mark]:
    """All marks that this transaction sees: what they stand for is what it reads."""
    query = select(TouchedRow.hour, TouchedRow.transaction).where(TouchedRow.pilot_id == pilot_id)
    return [Mark(*row) for row in session.execute(query)]


_FORGET = text("""
DELETE FROM touched t USING unnest(CAST(:hours AS timestamptz[]), CAST(:transactions AS bigint[])) AS m(hour, transaction)
WHERE t.pilot_id = :pilot AND t.hour = m.hour AND t.transaction = m.transaction
""")


def forget_marks(session: Session, pilot_id: int, marks: Sequence[Mark]) -> None:
    """Takes away what a day close has seen; what came after its reading stays."""
    if marks:
        hours, transactions = [mark.hour for mark in marks], [mark.transaction for mark in marks]
        session.execute(_FORGET, {"pilot": pilot_id, "hours": hours, "transactions": transactions})


# A new mark is there before the old ones are gone: whoever reads sees at least one. Locked ones are just being taken away.
_FOLD = text("""
WITH many AS (
    SELECT pilot_id, hour FROM touched GROUP BY pilot_id, hour HAVING count(*) > :most
), old AS (
    SELECT t.pilot_id, t.hour, t.transaction FROM touched t JOIN many m USING (pilot_id, hour) FOR UPDATE OF t SKIP LOCKED
), gone AS (
    DELETE FROM touched t USING old o
    WHERE t.pilot_id = o.pilot_id AND t.hour = o.hour AND t.transaction = o.transaction RETURNING t.pilot_id, t.hour
)
INSERT INTO touched (pilot_id, hour) SELECT DISTINCT pilot_id, hour FROM gone
""")
_ORPHANS = text("DELETE FROM touched t WHERE NOT EXISTS (SELECT FROM pilots p WHERE p.id = t.pilot_id)")


def fold_marks(session: Session, *, most: int = 1000) -> None:
    """One mark for the many of an hour, where nobody has closed days for long; marks of pilots that are gone go too."""
    session.execute(_ORPHANS)
    session.execute(_FOLD, {"most": most})


_UNDECIDED = text("SELECT EXISTS (SELECT FROM pairs WHERE pilot_id = :pilot AND state = 'pending' AND rule IS NULL)")


def has_undecided(session: Session, pilot_id: int) -> bool:
    """Whether there are pairs that the next day close has to look at, though nobody touches them until then."""
    return bool(session.scalar(_UNDECIDED, {"pilot": pilot_id}))
