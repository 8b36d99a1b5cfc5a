"""Imports: opened, fed chunk by chunk under a row lock, ended."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.domain.imports import ImportFormat, ImportState
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.errors import NotFound, Problem
from app.store.staging_tables import STAGING
from app.store.tables import PilotRow
from app.store.work_tables import ImportRow

MAX_LISTED_LINES = 50


@dataclass(frozen=True, slots=True)
class Import:
    """One import as it stands.

    Attributes:
        pilot: Its pilot's name.
        layout: Digest of the arms and segments that its lines were checked against.
        lines_read: Lines of the file until now, blank and skipped ones too: what line numbers count.
        lines_staged: Good lines that wait for the commit.
        lines_skipped: Records of a foreign format that are no exchange.
        bytes_staged: How much of the file was taken: where the next chunk begins.
        problems: What is wrong with the first `MAX_LISTED_LINES` bad lines.
        bad_lines: How many lines are wrong.
    """

    id: int
    pilot: str
    pilot_id: int
    file_key: str
    format: ImportFormat
    state: ImportState
    layout: str
    lines_read: int
    lines_staged: int
    lines_skipped: int
    bytes_staged: int
    problems: tuple[Problem, ...]
    bad_lines: int
    result: dict[str, Any] | None


def open_import(session: Session, pilot: Pilot, *, file_key: str, format_: ImportFormat, layout: str, by: str) -> Import:
    """The unfinished import of a file, locked, or a new one."""
    values = {"pilot_id": pilot.id, "file_key": file_key, "format": format_.value, "layout": layout, "by": by}
    session.execute(insert(ImportRow).values(**values).on_conflict_do_nothing())
    number = session.scalar(
        select(ImportRow.id).where(
            ImportRow.pilot_id == pilot.id, ImportRow.file_key == file_key, ImportRow.state == ImportState.STAGING.value
        )
    )
    if number is None:  # somebody ended it between the two statements
        return open_import(session, pilot, file_key=file_key, format_=format_, layout=layout, by=by)
    return lock_import(session, number)


def get_import(session: Session, import_id: int) -> Import:
    """An import as it stands; `NotFound` if there is none of that number."""
    return _read(session, import_id, lock=False)


def lock_import(session: Session, import_id: int) -> Import:
    """An import that nobody else can change until the transaction ends."""
    return _read(session, import_id, lock=True)


def note_chunk(session: Session, current: Import, *, read: int, skipped: int, staged: int, size: int) -> None:
    """Counts a chunk that was taken."""
    values = {
        "lines_read": current.lines_read + read,
        "lines_skipped": current.lines_skipped + skipped,
        "lines_staged": current.lines_staged + staged,
        "bytes_staged": current.bytes_staged + size,
    }
    _update(session, current.id, values)


def note_problems(session: Session, current: Import, bad: Sequence[Sequence[Problem]]) -> None:
    """Adds lines that are wrong: the first ones are listed in the order of their lines, all are counted."""
    if not bad:
        return
    by_line: dict[int | None, list[Problem]] = {}
    for found in (*current.problems, *(found for line in bad for found in line)):
        by_line.setdefault(found.line, []).append(found)
    first = sorted(by_line, key=lambda line: line or 0)[:MAX_LISTED_LINES]
    listed = [asdict(found) for line in first for found in by_line[line]]
    _update(session, current.id, {"problems": listed, "problem_count": current.bad_lines + len(bad)})


def restart(session: Session, current: Import, *, layout: str) -> None:
    """Forgets all that was taken of the file."""
    clear_staging(session, current.id)
    zero = {"lines_read": 0, "lines_skipped": 0, "lines_staged": 0, "bytes_staged": 0, "problems": [], "problem_count": 0}
    _update(session, current.id, {"layout": layout, **zero})


def finish(session: Session, import_id: int, state: ImportState, result: Mapping[str, Any] | None = None) -> None:
    """Ends an import and throws its staging away."""
    clear_staging(session, import_id)
    _update(session, import_id, {"state": state.value, "result": result, "finished_at": func.now()})


def clear_staging(session: Session, import_id: int) -> None:
    """Removes all that is staged of an import."""
    for table in STAGING:
        session.execute(delete(table).where(table.import_id == import_id))


def stale_imports(session: Session, before: datetime) -> list[int]:
    """Imports that were opened before a moment and never ended."""
    query = select(ImportRow.id).where(ImportRow.state == ImportState.STAGING.value, ImportRow.created_at < before)
    return list(session.scalars(query.order_by(ImportRow.id)))


def open_imports(session: Session, pilot_id: int) -> list[int]:
    """Imports of a pilot that have not ended."""
    query = select(ImportRow.id).where(ImportRow.pilot_id == pilot_id, ImportRow.state == ImportState.STAGING.value)
    return list(session.scalars(query.order_by(ImportRow.id)))


def hold_pilot(session: Session, pilot_id: int) -> PilotState:
    """One merge into a pilot at a time, and no change of the pilot until it ends; the pilot's state now."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-import'), :pilot)"), {"pilot": pilot_id})
    state = session.scalar(select(PilotRow.state).where(PilotRow.id == pilot_id).with_for_update(read=True))
    return PilotState(state or PilotState.STOPPED)


def _update(session: Session, import_id: int, values: Mapping[str, Any]) -> None:
    session.execute(update(ImportRow).where(ImportRow.id == import_id).values(**values))


def _read(session: Session, import_id: int, *, lock: bool) -> Import:
    query = (
        select(ImportRow, PilotRow.name)
        .join(PilotRow, PilotRow.id == ImportRow.pilot_id)
        .where(ImportRow.id == import_id)
        .execution_options(populate_existing=True)
    )
    found = session.execute(query.with_for_update(of=ImportRow) if lock else query).one_or_none()
    if found is None:
        message = f"there is no import {import_id}"
        raise NotFound(message, import_id=import_id)
    row = found[0]
    return Import(
        id=row.id,
        pilot=found[1],
        pilot_id=row.pilot_id,
        file_key=row.file_key,
        format=ImportFormat(row.format),
        state=ImportState(row.state),
        layout=row.layout,
        lines_read=row.lines_read,
        lines_staged=row.lines_staged,
        lines_skipped=row.lines_skipped,
        bytes_staged=row.bytes_staged,
        problems=tuple(Problem(**problem) for problem in row.problems),
        bad_lines=row.problem_count,
        result=row.result,
    )
