"""Files that were made with a report and cannot be made again from its document, in pieces."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from sqlalchemy import delete, exists, func, insert, select, text
from sqlalchemy.orm import Session

from app.domain.report import ReportKind
from app.store.reading_tables import DecisionRow, ReportFileRow
from app.store.session import SessionFactory
from app.store.work_tables import ReportRow

PIECE_BYTES = 8 << 20


def hold_files(session: Session, report_id: int) -> None:
    """One writer of a report's files at a time, until the transaction ends."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-report-files'), :report)"), {"report": report_id % 2**31}
    )


def insert_file(session: Session, report_id: int, name: str, stream: BinaryIO) -> None:
    """Stores a file of a report, read from where the stream stands."""
    for number, body in enumerate(_pieces(stream)):
        session.execute(insert(ReportFileRow).values(report_id=report_id, name=name, piece=number, body=body))


def read_file(factory: SessionFactory, report_id: int, name: str) -> Iterator[bytes]:
    """The pieces of a file, each read by itself: no transaction lasts as long as somebody downloads; none = no such file."""
    number = 0
    while True:
        with factory() as session:
            query = select(ReportFileRow.body).where(ReportFileRow.report_id == report_id, ReportFileRow.name == name)
            body = session.scalar(query.where(ReportFileRow.piece == number))
        if body is None:
            return
        yield body
        number += 1


def has_file(session: Session, report_id: int, name: str) -> bool:
    """Whether a report has a file of that name."""
    query = select(exists().where(ReportFileRow.report_id == report_id, ReportFileRow.name == name))
    return bool(session.scalar(query))


def reports_with_file(session: Session, pilot_id: int, name: str) -> dict[int, int]:
    """The reports of a pilot that have a file of that name, and its size in bytes."""
    query = (
        select(ReportFileRow.report_id, func.sum(func.length(ReportFileRow.body)))
        .join(ReportRow, ReportRow.id == ReportFileRow.report_id)
        .where(ReportRow.pilot_id == pilot_id, ReportFileRow.name == name)
        .group_by(ReportFileRow.report_id)
    )
    return {number: int(size) for number, size in session.execute(query)}


def drop_older_files(session: Session, pilot_id: int, names: Iterable[str], *, keep: int) -> list[int]:
    """Removes files of all but the newest reports that have some; gives the reports that lost theirs.

    Those of a final report, and of one that somebody signed, stay.
    """
    is_signed = exists().where(DecisionRow.report_id == ReportRow.id)
    has_files = exists().where(ReportFileRow.report_id == ReportRow.id)
    older = (
        select(ReportRow.id)
        .where(ReportRow.pilot_id == pilot_id, ReportRow.kind != ReportKind.FINAL.value, ~is_signed, has_files)
        .order_by(ReportRow.id.desc())
        .offset(keep)
    )
    found = list(session.scalars(older))
    if found:
        session.execute(delete(ReportFileRow).where(ReportFileRow.report_id.in_(found), ReportFileRow.name.in_(list(names))))
    return found


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(PIECE_BYTES):
        yield piece
