"""Weeks of texts that are past what their pilots keep: dropped where nobody has to wait for it, else emptied row by row."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.store.payloads import week_of
from app.store.session import SessionFactory, session_scope
from app.store.tables import PilotRow

# Whoever writes texts waits behind whoever waits for the whole table: not longer than this, then it is tried again later.
LOCK_MILLISECONDS, LOOK_MILLISECONDS = 100, 300
# Clocks of producers differ, and events wait in streams: such a week may still get texts.
SETTLED = timedelta(days=2)
_NAME = re.compile(r"payloads_(\d{4})w(\d{2})")

_WEEKS = text("""
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'payloads'::regclass ORDER BY c.relname
""")
# Exchanges stand for their texts: theirs are found by an index, and those of the level `metadata` have none.
_KEPT = text("""
SELECT EXISTS (
    SELECT FROM exchanges WHERE pilot_id = :pilot AND arrived_at >= :begins AND arrived_at < :ends
        AND text_erased_at IS NULL AND facts ->> 'level' IS DISTINCT FROM 'metadata'
)
""")
_OLD = text("""
SELECT id, arrived_at FROM exchanges
WHERE pilot_id = :pilot AND arrived_at < :before AND (arrived_at, id) > (:after, :after_id)
    AND text_erased_at IS NULL AND facts ->> 'level' IS DISTINCT FROM 'metadata'
ORDER BY arrived_at, id LIMIT :most
""")
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Week:
    """One table of texts, and the arrivals that it holds: from `begins`, before `ends`."""

    table: str
    begins: datetime

    @property
    def ends(self) -> datetime:
        """The next Monday."""
        return self.begins + timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a walk along the arrivals is."""

    arrived_at: datetime = _BEFORE_ALL
    id: int = 0


def weeks_of_texts(session: Session) -> list[Week]:
    """All tables of texts, oldest first."""
    found = ((name, _NAME.fullmatch(name)) for name in session.scalars(_WEEKS))
    weeks = [(name, datetime.fromisocalendar(int(match[1]), int(match[2]), 1)) for name, match in found if match]
    return [Week(name, monday.replace(tzinfo=UTC)) for name, monday in weeks]


def retention_days(session: Session) -> dict[int, int | None]:
    """How many days each pilot keeps texts, by its number; `None` = until somebody removes them."""
    days = PilotRow.configuration["content"]["retention_days"].as_integer()
    return {row.id: row.days for row in session.execute(select(PilotRow.id, days.label("days")).order_by(PilotRow.id))}


def drop_week(factory: SessionFactory, week: Week, cuts: Mapping[int, datetime | None], now: datetime) -> bool:
    """Drops a table of texts whose texts nobody keeps any longer; gives whether it did.

    Looks first without any lock, then once more with it: both looks go along an index, and the second one has a bound.

    Args:
        factory: Of the process.
        week: Which.
        cuts: Before which arrival each pilot keeps nothing; `None` = it keeps everything.
        now: A week that is not long over is left alone.
    """
    if week.ends + SETTLED > now:
        return False
    keeping = [pilot for pilot, cut in cuts.items() if cut is None or cut < week.ends]
    with factory() as session:
        if _is_kept(session, week, keeping):
            return False
    try:
        with session_scope(factory) as session:
            session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_MILLISECONDS}ms'"))
            session.execute(text(f"SET LOCAL statement_timeout = '{LOOK_MILLISECONDS}ms'"))
            session.execute(text("LOCK TABLE ONLY payloads IN ACCESS EXCLUSIVE MODE"))
            # A pilot that is new since keeps what it has.
            newer = set(session.scalars(select(PilotRow.id))) - cuts.keys()
            if _is_kept(session, week, [*keeping, *newer]):
                return False
            session.execute(text(f"DROP TABLE {_checked(week)}"))
    except OperationalError:  # somebody reads or writes texts just now
        return False
    return True


def old_exchanges(session: Session, pilot_id: int, before: datetime, after: Place, *, most: int) -> Sequence[tuple[int, Place]]:
    """Exchanges that arrived before a moment and whose texts were not removed yet, from a place on, in their order."""
    parameters = {"pilot": pilot_id, "before": before, "after": after.arrived_at, "after_id": after.id, "most": most}
    return [(row.id, Place(row.arrived_at, row.id)) for row in session.execute(_OLD, parameters)]


def _is_kept(session: Session, week: Week, pilots: Sequence[int]) -> bool:
    window = {"begins": week.begins, "ends": week.ends}
    return any(session.scalar(_KEPT, {"pilot": pilot, **window}) for pilot in pilots)


def _checked(week: Week) -> str:
    """Its name, which goes into a statement as it is."""
    if _NAME.fullmatch(week.table) is None or week_of(week.begins) != week.begins:
        message = f"{week.table!r} is no table of texts"
        raise ValueError(message)
    return week.table
