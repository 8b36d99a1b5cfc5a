"""Reports: written once, never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain.report import PairExample, Provenance, ReportKind, StoredReport
from app.errors import NotFound
from app.store.reading_tables import ReportExampleRow
from app.store.tables import PilotRow
from app.store.texts import SessionTexts, texts_of
from app.store.work_tables import ReportRow

LARGEST_ID = 2**63 - 1
SEALED = "sealed"
# A report is made for minutes: whoever removes texts meanwhile waits for us, or has been.
_REMOVED = text("SELECT id, text_erased_at FROM exchanges WHERE id = ANY(:ids) ORDER BY id FOR KEY SHARE")


def insert_report(
    session: Session,
    pilot_id: int,
    *,
    made_at: datetime,
    data_hash: str,
    document: dict[str, Any],
    provenance: Provenance | None = None,
) -> int:
    """Stores a report; gives its number."""
    origin = provenance or Provenance()
    row = ReportRow(
        pilot_id=pilot_id,
        made_at=made_at,
        data_hash=data_hash,
        document=document,
        kind=origin.kind.value,
        period=origin.period,
        code_version=origin.code_version,
        program_hash=origin.program_hash,
        seeds=origin.seeds,
        expires_at=origin.expires_at,
        made_by=origin.by,
    )
    session.add(row)
    session.flush()
    return row.id


def insert_examples(session: Session, report_id: int, examples: Sequence[PairExample]) -> None:
    """Stores the pairs that a report shows, in their order; without the words of those that lost their text meanwhile."""
    pilot_id = session.scalars(select(ReportRow.pilot_id).where(ReportRow.id == report_id)).one()
    cipher = texts_of(session).sealing(pilot_id) if examples else None
    if cipher is None:  # nothing to keep, or the pilot's texts were shredded
        return
    rows = session.execute(_REMOVED, {"ids": sorted({each.exchange_number for each in examples})})
    gone = {row.id: row.text_erased_at for row in rows}
    kept = [each.without_texts(at) if (at := gone.get(each.exchange_number)) else each for each in examples]
    session.add_all(
        ReportExampleRow(
            report_id=report_id,
            position=place,
            exchange_id=each.exchange_number,
            document={SEALED: cipher.seal_words(each.model_dump_json())},
        )
        for place, each in enumerate(kept)
    )
    session.flush()


def examples_of(session: Session, report_id: int) -> list[PairExample]:
    """The pairs that a report shows; what was shredded is not there."""
    query = select(ReportRow.pilot_id, ReportExampleRow.document).join(ReportRow, ReportRow.id == ReportExampleRow.report_id)
    rows = session.execute(query.where(ReportRow.id == report_id).order_by(ReportExampleRow.position)).all()
    texts = texts_of(session)
    if not rows or texts.shredded_at(rows[0].pilot_id) is not None:
        return []
    return [_example(texts, *row) for row in rows]


def read_example(session: Session, pilot_id: int, document: dict[str, Any]) -> PairExample:
    """A pair as it is stored with a report; `ValueError` if it was shredded, `TextKeyMissing` if it cannot be read now."""
    return _example(texts_of(session), pilot_id, document)


def _example(texts: SessionTexts, pilot_id: int, document: dict[str, Any]) -> PairExample:
    """One that an earlier version stored is not sealed."""
    if SEALED not in document:
        return PairExample.model_validate(document)
    return PairExample.model_validate_json(texts.open_words(pilot_id, document[SEALED]) or "")


def count_examples(session: Session, report_id: int) -> int:
    """How many pairs a report shows."""
    query = select(func.count()).select_from(ReportExampleRow).where(ReportExampleRow.report_id == report_id)
    return session.scalar(query) or 0


def get_report(session: Session, report_id: int) -> StoredReport:
    """The whole report of that number; `NotFound` if there is none."""
    query = _reports(ReportRow.document).where(ReportRow.id == report_id)
    found = session.execute(query).one_or_none() if report_id <= LARGEST_ID else None
    if found is None:
        message = f"there is no report {report_id}"
        raise NotFound(message, report=report_id)
    return _stored(found)


def list_reports(session: Session, pilot_id: int) -> list[StoredReport]:
    """The pilot's reports with their summaries, newest first."""
    query = _reports(ReportRow.document["summary"]).where(ReportRow.pilot_id == pilot_id)
    return [_stored(row) for row in session.execute(query.order_by(ReportRow.id.desc()))]


def newest_reports(session: Session, pilot_ids: Sequence[int]) -> dict[str, StoredReport]:
    """Each pilot's newest report with its summary, by the pilot's name."""
    newest = select(func.max(ReportRow.id)).where(ReportRow.pilot_id.in_(pilot_ids)).group_by(ReportRow.pilot_id)
    query = _reports(ReportRow.document["summary"]).where(ReportRow.id.in_(newest))
    return {row.name: _stored(row) for row in session.execute(query)}


def _stored(row: Row[Any]) -> StoredReport:
    origin = Provenance(
        kind=ReportKind(row.kind),
        period=row.period,
        code_version=row.code_version,
        program_hash=row.program_hash,
        seeds=row.seeds,
        expires_at=row.expires_at,
        by=row.made_by,
    )
    return StoredReport(row.id, row.name, row.made_at, row.data_hash, row.document, origin)


def _reports(document: ColumnElement[Any] | InstrumentedAttribute[dict[str, Any]]) -> Select[Any]:
    origin = (
        ReportRow.kind,
        ReportRow.period,
        ReportRow.code_version,
        ReportRow.program_hash,
        ReportRow.seeds,
        ReportRow.expires_at,
        ReportRow.made_by,
    )
    shown = document.label("document")
    joined = select(ReportRow.id, PilotRow.name, ReportRow.made_at, ReportRow.data_hash, shown, *origin)
    return joined.join(PilotRow, PilotRow.id == ReportRow.pilot_id)
