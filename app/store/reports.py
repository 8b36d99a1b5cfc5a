"""Reports: written once, never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.domain.report import StoredReport
from app.errors import NotFound
from app.store.tables import PilotRow
from app.store.work_tables import ReportRow

LARGEST_ID = 2**63 - 1


def insert_report(session: Session, pilot_id: int, *, made_at: datetime, data_hash: str, document: dict[str, Any]) -> int:
    """Stores a report; gives its number."""
    row = ReportRow(pilot_id=pilot_id, made_at=made_at, data_hash=data_hash, document=document)
    session.add(row)
    session.flush()
    return row.id


def get_report(session: Session, report_id: int) -> StoredReport:
    """The whole report of that number; `NotFound` if there is none."""
    query = _reports(ReportRow.document).where(ReportRow.id == report_id)
    found = session.execute(query).one_or_none() if report_id <= LARGEST_ID else None
    if found is None:
        message = f"there is no report {report_id}"
        raise NotFound(message, report=report_id)
    return StoredReport(*found)


def list_reports(session: Session, pilot_id: int) -> list[StoredReport]:
    """The pilot's reports with their summaries, newest first."""
    query = _reports(ReportRow.document["summary"]).where(ReportRow.pilot_id == pilot_id)
    return [StoredReport(*row) for row in session.execute(query.order_by(ReportRow.id.desc()))]


def newest_reports(session: Session, pilot_ids: Sequence[int]) -> dict[str, StoredReport]:
    """Each pilot's newest report with its summary, by the pilot's name."""
    newest = select(func.max(ReportRow.id)).where(ReportRow.pilot_id.in_(pilot_ids)).group_by(ReportRow.pilot_id)
    query = _reports(ReportRow.document["summary"]).where(ReportRow.id.in_(newest))
    return {row.name: StoredReport(*row) for row in session.execute(query)}


def _reports(document: Any) -> Select[tuple[int, str, datetime, str, Any]]:
    joined = select(ReportRow.id, PilotRow.name, ReportRow.made_at, ReportRow.data_hash, document)
    return joined.join(PilotRow, PilotRow.id == ReportRow.pilot_id)
