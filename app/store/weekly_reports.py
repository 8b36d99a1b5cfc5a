"""What weekly and final reports need to know: which are there, the one before, decisions that end; and who makes them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.report import ReportKind
from app.errors import Conflict
from app.store.hours import counting
from app.store.money_tables import InvoiceRow
from app.store.reading_tables import DecisionRow
from app.store.session import SessionFactory
from app.store.tables import HoursRow, ScorecardRow
from app.store.turns import only_one
from app.store.work_tables import ReportRow

LISTED = 20


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """The newest weekly report before now, with the scorecard that it was made from."""

    number: int
    made_at: datetime
    data_hash: str
    scorecard: dict[str, Any]


def weekly_report_of(session: Session, pilot_id: int, period: str) -> int | None:
    """The number of a week's report; `None` if there is none."""
    query = select(ReportRow.id).where(ReportRow.pilot_id == pilot_id, ReportRow.kind == ReportKind.WEEKLY.value)
    return session.scalar(query.where(ReportRow.period == period))


def newest_weekly_report(session: Session, pilot_id: int) -> PeriodReport | None:
    """The newest weekly report."""
    query = select(ReportRow.id, ReportRow.made_at, ReportRow.data_hash, ReportRow.document["scorecard"].label("scorecard"))
    mine = query.where(ReportRow.pilot_id == pilot_id, ReportRow.kind == ReportKind.WEEKLY.value)
    row = session.execute(mine.order_by(ReportRow.made_at.desc(), ReportRow.id.desc()).limit(1)).one_or_none()
    return None if row is None else PeriodReport(row.id, row.made_at, row.data_hash, dict(row.scorecard))


def final_days(session: Session, pilot_id: int) -> set[int]:
    """For how many planned days final reports were made: an extension asks for another one."""
    days = ReportRow.document["summary"]["days"].as_integer()
    query = select(days).where(ReportRow.pilot_id == pilot_id, ReportRow.kind == ReportKind.FINAL.value)
    return set(session.scalars(query))


def closed_until(session: Session, pilot_id: int) -> datetime | None:
    """The end of the last closed day of the newest scorecard; `None` if no day is closed."""
    query = select(ScorecardRow.as_of).where(ScorecardRow.pilot_id == pilot_id)
    return session.scalar(query.order_by(ScorecardRow.computed_at.desc(), ScorecardRow.id.desc()).limit(1))


def newest_worked_day(session: Session, pilot_id: int) -> date | None:
    """The newest day for which hours are logged."""
    return session.scalar(select(func.max(HoursRow.worked_on)).where(HoursRow.pilot_id == pilot_id, *counting()))


def has_invoice(session: Session, pilot_id: int) -> bool:
    """Whether an invoice of the vendor was imported and still counts."""
    query = select(InvoiceRow.id).where(InvoiceRow.pilot_id == pilot_id, InvoiceRow.voided_at.is_(None))
    return session.scalar(query.limit(1)) is not None


def decisions_ending(session: Session, pilot_id: int, *, before: datetime) -> list[tuple[str, str, datetime]]:
    """Candidate, outcome and end of decisions that end before a moment, the newest of each candidate."""
    newest = select(func.max(DecisionRow.id)).where(DecisionRow.pilot_id == pilot_id).group_by(DecisionRow.candidate)
    query = select(DecisionRow.candidate, DecisionRow.outcome, DecisionRow.expires_at)
    ending = query.where(DecisionRow.id.in_(newest), DecisionRow.expires_at < before).order_by(DecisionRow.expires_at)
    return [(row[0], row[1], row[2]) for row in session.execute(ending.limit(LISTED)) if row[2] is not None]


def only_reporter(session_factory: SessionFactory, pilot_id: int) -> AbstractContextManager[bool]:
    """Whether this process is the one that makes the pilot's due reports, until the end of the block."""
    return only_one(session_factory, f"parallel-pilot-reporting-{pilot_id}")


@contextmanager
def once_a_week(period: str) -> Iterator[None]:
    """Turns the database's word that a week has its report already into a `Conflict`."""
    try:
        yield
    except IntegrityError as error:
        if "uq_reports_weekly" not in str(error.orig):
            raise
        message = f"the week {period} has its weekly report already; make one on demand"
        raise Conflict(message, period=period) from error
