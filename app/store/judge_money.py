"""What judges cost: budgets' other side, reserves of workers, and the sums that people are shown."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from sqlalchemy import Date, cast, delete, func, select, update
from sqlalchemy.orm import Session

from app.domain.judge_money import JudgePurpose
from app.store.judge_money_tables import JudgeReserveRow
from app.store.spend import book_spend
from app.store.tables import GradeRow
from app.store.work_tables import SpendRow

PURPOSES = tuple(purpose.value for purpose in JudgePurpose)


@dataclass(frozen=True, slots=True)
class JudgeSpent:
    """Calls and dollars of all judges of a pilot so far, and on one UTC day."""

    calls: int
    usd: Decimal
    day: date
    day_usd: Decimal


@dataclass(frozen=True, slots=True)
class SpendLine:
    """Spend of one purpose on one UTC day; `is_at_most`: no server has counted the tokens."""

    purpose: str
    day: date
    is_at_most: bool
    calls: int
    usd: Decimal


def judge_spent(session: Session, pilot_id: int, now: datetime) -> JudgeSpent:
    """What is booked so far, and today of it."""
    day = now.astimezone(UTC).date()
    begins = datetime.combine(day, time(), UTC)
    query = select(
        func.coalesce(func.sum(SpendRow.calls), 0),
        func.coalesce(func.sum(SpendRow.usd), Decimal(0)),
        func.coalesce(func.sum(SpendRow.usd).filter(SpendRow.at >= begins), Decimal(0)),
    ).where(SpendRow.pilot_id == pilot_id, SpendRow.purpose.in_(PURPOSES))
    calls, usd, today = session.execute(query).one()
    return JudgeSpent(int(calls), usd or Decimal(0), day, today or Decimal(0))


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a worker sets aside for its open calls."""

    worker: str
    purpose: str
    model: str
    calls: int
    usd: Decimal
    at: datetime


def insert_reserve(session: Session, pilot_id: int, reserve: Reserve) -> None:
    """A worker's first."""
    session.add(JudgeReserveRow(pilot_id=pilot_id, **asdict(reserve)))
    session.flush()


def change_reserve(session: Session, reserve: Reserve) -> bool:
    """A worker's next; false if its row is gone: somebody has taken the worker for dead and booked what it had."""
    statement = update(JudgeReserveRow).where(JudgeReserveRow.worker == reserve.worker)
    changed = statement.values(calls=reserve.calls, usd=reserve.usd, at=reserve.at).returning(JudgeReserveRow.worker)
    return session.execute(changed).one_or_none() is not None


def drop_reserve(session: Session, worker: str) -> bool:
    """The turn is over: nothing is set aside any more; false if the row was gone already."""
    statement = delete(JudgeReserveRow).where(JudgeReserveRow.worker == worker).returning(JudgeReserveRow.worker)
    return session.execute(statement).one_or_none() is not None


def book_dead_reserves(session: Session, pilot_id: int) -> Decimal:
    """Books what workers had set aside that died: what they did with it nobody knows. The caller is the only grader."""
    gone = delete(JudgeReserveRow).where(JudgeReserveRow.pilot_id == pilot_id).returning(JudgeReserveRow)
    total = Decimal(0)
    for row in session.scalars(gone).all():
        total += row.usd
        if row.usd:
            book_spend(
                session, pilot_id, purpose=row.purpose, model=row.model, calls=max(1, row.calls), usd=row.usd, at=row.at,
                is_at_most=True,
            )  # fmt: skip
    return total


def spend_lines(session: Session, pilot_id: int, *, as_of: datetime | None = None) -> list[SpendLine]:
    """What all judges of a pilot cost, by purpose and day."""
    day = cast(func.timezone("UTC", SpendRow.at), Date)
    query = select(SpendRow.purpose, day, SpendRow.is_at_most, func.sum(SpendRow.calls), func.sum(SpendRow.usd))
    query = query.where(SpendRow.pilot_id == pilot_id, SpendRow.purpose.in_(PURPOSES), SpendRow.usd.is_not(None))
    if as_of is not None:
        query = query.where(SpendRow.at <= as_of)
    rows = session.execute(query.group_by(SpendRow.purpose, day, SpendRow.is_at_most).order_by(day, SpendRow.purpose))
    return [SpendLine(purpose, on, at_most, calls, usd or Decimal(0)) for purpose, on, at_most, calls, usd in rows]


def paid_grades(session: Session, pilot_id: int, *, as_of: datetime | None = None) -> int:
    """How many grades the money bought: answers of judges that say something."""
    query = select(func.count()).select_from(GradeRow)
    query = query.where(GradeRow.pilot_id == pilot_id, GradeRow.cost_usd.is_not(None), GradeRow.value.is_not(None))
    if as_of is not None:
        query = query.where(GradeRow.graded_at <= as_of)
    return session.scalar(query) or 0
