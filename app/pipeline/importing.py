"""Importing recorded exchanges: staged chunk by chunk, resumable, then merged in one transaction or not at all."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import NoReturn

from sqlalchemy.orm import Session

from app.capture.document import Layout, layout_of
from app.capture.foreign import READERS
from app.capture.lines import LineReader
from app.domain.imports import ImportFormat, ImportResult, ImportState
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.errors import Conflict, InvalidInput, Problem
from app.pipeline.erasing import forget_imported
from app.pipeline.import_content import check_text_is_kept, keep_of
from app.pipeline.import_meeting import settle_meetings
from app.store import import_merge, imports, staging
from app.store.audit import record
from app.store.imports import MAX_LISTED_LINES, Import
from app.store.payloads import ensure_partitions
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope

MAX_WEEKS = 520


def open_import(session: Session, pilot_name: str, *, file_key: str, format_: ImportFormat, by: str) -> Import:
    """Begins to import a file, or goes on where an earlier attempt ended.

    The import begins anew if the pilot's arms, segments or content levels changed since, the file is said to be of another
    format, or the database lost the staged lines in a crash.
    """
    pilot = _importable(get_pilot(session, pilot_name))
    check_text_is_kept(pilot)
    layout = layout_of(pilot).digest
    current = imports.open_import(session, pilot, file_key=file_key, format_=format_, layout=layout, by=by)
    if current.format is not format_:
        imports.finish(session, current.id, ImportState.ABANDONED)
        current = imports.open_import(session, pilot, file_key=file_key, format_=format_, layout=layout, by=by)
    if current.layout != layout or staging.count_staged(session, current.id) != current.lines_staged:
        imports.restart(session, current, layout=layout)
    return imports.get_import(session, current.id)


def stage_chunk(
    session_factory: SessionFactory, import_id: int, *,
    offset: int, text: bytes, line_bytes: int, digest_key: Callable[[], bytes],
) -> Import:  # fmt: skip
    """Takes the next whole lines of a file. Good ones are staged, what is wrong with the others is noted.

    Args:
        session_factory: Of the process.
        import_id: The import.
        offset: Where in the file `text` begins, in bytes: it must be where the last chunk ended.
        text: Whole lines; only the last one of the file may lack its line break.
        line_bytes: Longest line.
        digest_key: The installation's key, asked for where text is masked.
    """
    with session_scope(session_factory) as session:
        current = imports.get_import(session, import_id)
        layout = _expected(session, current, offset)
        keep = keep_of(get_pilot(session, current.pilot).configuration, digest_key)
    reader = LineReader(layout, line_bytes=line_bytes, from_record=READERS[current.format], keep=keep)
    found = reader.read(text, after=current.lines_read)
    bad = found.bad if keep is None else keep.problems(found.bad)
    with session_scope(session_factory) as session:
        current = imports.lock_import(session, import_id)
        _expected(session, current, offset)
        staging.stage_lines(session, import_id, current.pilot_id, found.good)
        imports.note_problems(session, current, bad)
        imports.note_chunk(
            session, current, read=found.read, skipped=found.skipped, staged=len(found.good), size=len(text)
        )  # fmt: skip
        return imports.get_import(session, import_id)


def commit_import(
    session_factory: SessionFactory, import_id: int, by: str, *, digest_key: Callable[[], bytes] | None = None
) -> ImportResult:
    """Merges all that was staged, in one transaction; asked again it says the same again.

    Args:
        session_factory: Of the process.
        import_id: The import.
        by: Who imports.
        digest_key: The installation's key, asked for where texts were erased; without it nothing of the import is forgotten.

    Raises:
        InvalidInput: With what is wrong with the first bad lines; nothing was imported.
        Conflict: If the import or the pilot is in no state for it.
    """
    with session_scope(session_factory) as session:
        if imports.get_import(session, import_id).state is ImportState.STAGING:
            import_merge.prepare_merge(session)
            weeks = import_merge.staged_weeks(session, import_id)
            if len(weeks) <= MAX_WEEKS:  # apart from the merge: it locks the table of payloads for everybody
                ensure_partitions(session, weeks)
    with session_scope(session_factory) as session:
        _commit(session, imports.lock_import(session, import_id), by, digest_key)
    with session_scope(session_factory) as session:
        ended = imports.get_import(session, import_id)
    if ended.state is ImportState.REFUSED:
        _refuse(ended)
    return ImportResult(**(ended.result or {}))


def abandon_import(session: Session, import_id: int, by: str) -> Import:
    """Throws an unfinished import away; one that ended stays as it is."""
    current = imports.lock_import(session, import_id)
    if current.state is ImportState.STAGING:
        imports.finish(session, import_id, ImportState.ABANDONED)
        record(session, by, "import.abandon", current.pilot_id, import_id=import_id)
    return imports.get_import(session, import_id)


def abandon_stale_imports(session: Session, before: datetime) -> int:
    """Throws away imports that were begun before a moment and never ended; how many they were."""
    found = imports.stale_imports(session, before)
    for number in found:
        abandon_import(session, number, "service")
    return len(found)


def _importable(pilot: Pilot) -> Pilot:
    if pilot.state is PilotState.STOPPED:
        message = f"the pilot {pilot.name!r} is stopped: exchanges are imported into a draft or a running pilot"
        raise Conflict(message, pilot=pilot.name, state=pilot.state.value)
    return pilot


def _staging(current: Import) -> Import:
    if current.state is not ImportState.STAGING:
        message = f"import {current.id} is {current.state.value}; open another one"
        raise Conflict(message, import_id=current.id, state=current.state.value)
    return current


def _expected(session: Session, current: Import, offset: int) -> Layout:
    """The layout to check the lines against, if a chunk may come now and begins where the last one ended."""
    layout = _layout(session, _staging(current))
    if offset != current.bytes_staged:
        message = f"the next chunk of import {current.id} begins at byte {current.bytes_staged}, not {offset}"
        raise Conflict(message, import_id=current.id, bytes_staged=current.bytes_staged)
    return layout


def _layout(session: Session, current: Import) -> Layout:
    layout = layout_of(_importable(get_pilot(session, current.pilot)))
    if layout.digest != current.layout:
        message = "the pilot's arms, segments or content levels changed since this import was opened: send the file again"
        raise Conflict(message, import_id=current.id)
    return layout


def _commit(session: Session, current: Import, by: str, digest_key: Callable[[], bytes] | None) -> None:
    if current.state in {ImportState.DONE, ImportState.REFUSED}:
        return
    imports.hold_pilot(session, _staging(current).pilot_id)
    layout = _layout(session, current)
    if staging.count_staged(session, current.id) != current.lines_staged:
        message = "the database lost staged lines in a crash: send the file again"
        raise Conflict(message, import_id=current.id)
    met = settle_meetings(session, current, layout)
    imports.note_problems(session, current, [*met.conflicts, *_too_long_a_time(session, current)])
    if imports.get_import(session, current.id).bad_lines:
        imports.finish(session, current.id, ImportState.REFUSED)
        record(session, by, "import.refuse", current.pilot_id, import_id=current.id)
        return
    new = import_merge.merge_staged(session, current.id, current.pilot_id, has_additions=met.merged > 0)
    if digest_key is not None:
        forget_imported(session, get_pilot(session, current.pilot), current.id, digest_key)
    result = ImportResult(current.lines_staged, new, met.unchanged, met.merged, current.lines_skipped)
    imports.finish(session, current.id, ImportState.DONE, asdict(result))
    record(session, by, "import.commit", current.pilot_id, import_id=current.id, **asdict(result))


def _too_long_a_time(session: Session, current: Import) -> Sequence[Sequence[Problem]]:
    weeks = len(import_merge.staged_weeks(session, current.id))
    if weeks <= MAX_WEEKS:
        return ()
    message = f"the exchanges lie in {weeks} different weeks; the most is {MAX_WEEKS}: are the times right?"
    return [[Problem(message, field="arrived_at", code="too_many_weeks")]]


def _refuse(ended: Import) -> NoReturn:
    message = f"nothing was imported: {ended.bad_lines} " + ("lines are wrong" if ended.bad_lines > 1 else "line is wrong")
    if ended.bad_lines > MAX_LISTED_LINES:
        message += f"; the first {MAX_LISTED_LINES} are listed"
    raise InvalidInput(message, ended.problems, import_id=ended.id, bad_lines=ended.bad_lines, lines_read=ended.lines_read)
