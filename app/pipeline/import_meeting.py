"""Lines that meet what is stored, or each other, under one id: unchanged, merged, or a conflict that names its place."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.capture.document import Document, Layout, canonical, document_of, records_of
from app.capture.merging import merge_documents
from app.domain.imports import LineRecords, StagedLine, StoredContent
from app.errors import Problem
from app.store import import_merge, staging
from app.store.imports import Import


@dataclass(slots=True)
class Met:
    """What became of the lines that met something."""

    unchanged: int = 0
    merged: int = 0
    conflicts: list[list[Problem]] = field(default_factory=list)


@dataclass(slots=True)
class _Growing:
    """The content under one id, while line after line is added to it; `was` says what a conflict is with."""

    document: Document
    was: str
    has_grown: bool = False


def settle_meetings(session: Session, current: Import, layout: Layout) -> Met:
    """Leaves staged only what is new, and one line for each id that gets additions."""
    met = Met(unchanged=import_merge.drop_same(session, current.id, current.pilot_id))
    for meeting in import_merge.ids_that_meet(session, current.id, current.pilot_id):
        stored = import_merge.read_stored(session, current.pilot_id, meeting.external_ids)
        by_id: dict[str, list[StagedLine]] = {}
        for line in staging.read_staged(session, current.pilot_id, meeting.staged):
            by_id.setdefault(line.records.exchange.external_id, []).append(line)
        settled = [_settle(lines, stored.get(number), layout, met) for number, lines in by_id.items()]
        staging.remove_staged(session, meeting.staged)
        staging.write_staged(session, current.id, current.pilot_id, [line for line in settled if line is not None])
    return met


def _settle(lines: Sequence[StagedLine], stored: StoredContent | None, layout: Layout, met: Met) -> StagedLine | None:
    """The one line that takes the place of all that have its id; `None` if there is nothing to store."""
    names = layout.arm_names
    first = lines[0].records
    if stored is None:
        content = _Growing(document_of(first, names), f"line {first.line}")
        rest = lines[1:]
    else:
        content = _Growing(document_of(stored.records, names), "what is stored")
        rest = lines
    for line in rest:
        _add(content, line.records, stored, layout, met)
    if stored is not None and not content.has_grown:
        return None
    digest = hashlib.sha256(canonical(content.document)).digest()
    merged = records_of(
        content.document, external_id=first.exchange.external_id, content=digest, line=first.line, layout=layout
    )  # fmt: skip
    if stored is None:
        return StagedLine(lines[0].exchange_id, False, merged)
    return StagedLine(stored.exchange_id, True, merged)


def _add(content: _Growing, line: LineRecords, stored: StoredContent | None, layout: Layout, met: Met) -> None:
    names = layout.arm_names
    union = merge_documents(content.document, document_of(line, names))
    fields = [(name, f"differs from {content.was}") for name in union.conflicts] + _taken(line, stored, names)
    if fields:
        met.conflicts.append([_conflict(line, name, why) for name, why in fields])
    elif union.has_additions:
        content.document, content.has_grown = union.document, True
        met.merged += 1
    else:
        met.unchanged += 1


def _taken(line: LineRecords, stored: StoredContent | None, names: dict[int, str]) -> list[tuple[str, str]]:
    """What of a line is stored already, and from elsewhere."""
    if stored is None:
        return []
    replies = [f"replies.{names[reply.arm_id]}" for reply in line.replies if reply.arm_id in stored.other_replies]
    labels = ["preferences" for label in line.labels if (label.arm_id, label.rater) in stored.other_labels]
    return [(name, "is stored already, and not from an import") for name in (*replies, *labels)]


def _conflict(line: LineRecords, name: str, why: str) -> Problem:
    message = (
        f"{name} of exchange {line.exchange.external_id!r} {why}; the same id may only be given more, never something else"
    )
    return Problem(message, field=name, line=line.line, code="conflict")
