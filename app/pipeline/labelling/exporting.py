"""Export of labels, and of queues whose pairs are labelled elsewhere, blind."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from app.domain.labelling import Label, Queue
from app.domain.pilot import Pilot
from app.pipeline.labelling.answering import Desk
from app.pipeline.labelling.blind import Spoken, blind_pair, shown_for
from app.pipeline.labelling.lines import FORMULA, LabelFormat
from app.pipeline.labelling.queues import PairToLabel, open_pairs
from app.pipeline.pair_view import note_reading
from app.pipeline.settlement import arm_name
from app.store.grades import read_pairs
from app.store.labels import external_id_of, list_answers, list_labels
from app.store.pilots import get_pilot
from app.store.session import SessionFactory

MADE_COLUMNS = (
    "exchange_id", "arm", "rater", "value", "skipped", "critical", "incumbent_critical", "reason", "draw_probability",
    "shown_first", "at",
)  # fmt: skip
QUEUE_COLUMNS = (
    "token", "queue", "day", "segment", "request", "first", "second", "answer", "reason", "critical_first", "critical_second",
    "rater",
)  # fmt: skip
PAIRS_AT_ONCE = 200
_BOM = "\ufeff"


def export_made(session_factory: SessionFactory, name: str, form: LabelFormat) -> Iterator[str]:
    """All labels in the form that the import takes."""
    with session_factory() as session:
        pilot = get_pilot(session, name)
        found = list_labels(session, pilot.id)
    yield from _written((_made(pilot, external_id, label) for external_id, label in found), MADE_COLUMNS, form)


def export_queue(
    desk: Desk, name: str, queue: Queue, form: LabelFormat, *, by: str, candidate: str | None = None, rater: str = ""
) -> Iterator[str]:
    """The open pairs of a queue as a person may see them, each with the token that an import takes its answer by.

    Args:
        desk: Where people label.
        name: The pilot's.
        queue: Which one.
        form: How it is written.
        by: Who takes the texts along, for the audit log.
        candidate: Of one candidate only.
        rater: Who will answer: pairs that this person has answered are left out, and the order is that of the page.
    """
    found = desk.queues.read(name)
    with desk.session_factory() as session:
        answers, pilot = list_answers(session, found.pilot.id), get_pilot(session, name)
    many = found.pilot.configuration.labels.raters_per_pair
    left = open_pairs(found.pairs(queue, candidate), answers, rater, raters_per_pair=many)
    yield from _written(_noted(desk, pilot, by, _queued(desk, found.pilot, left, rater, queue)), QUEUE_COLUMNS, form)


def _noted(desk: Desk, pilot: Pilot, by: str, pieces: Iterable[list[tuple[int, dict[str, Any]]]]) -> Iterator[dict[str, Any]]:
    """The rows of the pieces; whose texts they hold is written down before, if the pilot says so."""
    for piece in pieces:
        if pilot.configuration.content.audit_reads:
            with desk.session_factory() as session:
                names = [external_id_of(session, number) for number, _ in piece]
            note_reading(desk.session_factory, pilot, by, [name for name in names if name is not None], page="labels export")
        yield from (row for _, row in piece)


def _queued(
    desk: Desk, pilot: Pilot, pairs: Sequence[PairToLabel], rater: str, queue: Queue
) -> Iterator[list[tuple[int, dict[str, Any]]]]:  # fmt: skip
    """Pieces of rows, each with the number of its exchange."""
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[start : start + PAIRS_AT_ONCE]
        with desk.session_factory() as session:
            records = read_pairs(session, pilot, [pair.key for pair in some], rater=None)
        piece: list[tuple[int, dict[str, Any]]] = []
        for pair, record in zip(some, records, strict=True):
            shown = shown_for(pair, rater)
            blind = blind_pair(pilot, record, shown)
            if blind is None:
                continue
            row = dict.fromkeys(QUEUE_COLUMNS) | {
                "token": desk.sealing.token(pilot, shown),
                "queue": queue.value,
                "day": pair.day,
                "segment": pair.segment,
                "request": "\n\n".join(f"[{message.role}]\n{_text(message)}" for message in blind.messages),
                "first": _text(blind.first),
                "second": _text(blind.second),
                "rater": rater or None,
            }
            piece.append((pair.key.exchange_id, row))
        yield piece


def _text(spoken: Spoken) -> str:
    return "\n".join([*([spoken.text] if spoken.text else []), *(f"[tool call] {call}" for call in spoken.tool_calls)])


def _made(pilot: Pilot, external_id: str, label: Label) -> dict[str, Any]:
    values = {name: getattr(label, name, None) for name in MADE_COLUMNS}
    at = label.at.isoformat() if label.at_given else None
    return values | {"exchange_id": external_id, "arm": arm_name(pilot, label.key.arm_id), "at": at}


def _written(rows: Iterable[dict[str, Any]], columns: Sequence[str], form: LabelFormat) -> Iterator[str]:
    if form is LabelFormat.JSONL:
        # What a person has to fill in stays there, empty; of a label what is not known is left out.
        is_queue = columns is QUEUE_COLUMNS
        for row in rows:
            kept = row if is_queue else {name: value for name, value in row.items() if value is not None}
            yield orjson.dumps(kept).decode() + "\n"
        return
    yield _BOM + _csv_line(columns)
    for row in rows:
        yield _csv_line([_cell(row[name]) for name in columns])


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    return f"'{value}" if value.startswith(FORMULA) else value
