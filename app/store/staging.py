"""Lines on their way into the store: written by COPY, read back where they meet what is stored already."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import psycopg
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.domain.imports import ExchangeRecord, GradeRecord, LabelRecord, LineRecords, ReplyRecord, StagedLine
from app.store.staging_tables import StagedExchangeRow
from app.store.text_format import TextCipher
from app.store.texts import SessionTexts, texts_of

Record = TypeVar("Record", bound=NamedTuple)
_TYPES = {
    "import_id": "int8", "exchange_id": "int8", "line": "int8", "arm_id": "int8", "is_merge": "bool", "at_given": "bool",
    "critical": "bool", "arrived_at": "timestamptz", "at": "timestamptz", "given": "text[]", "content_hash": "bytea",
    "body": "bytea", "reference": "bytea", "turn": "int4", "status": "int4", "content_chars": "int4", "input_tokens": "int4",
    "cached_input_tokens": "int4", "output_tokens": "int4", "reasoning_tokens": "int4", "cache_write_tokens": "int4",
    "audio_input_tokens": "int4", "audio_output_tokens": "int4", "cost_usd": "numeric", "inclusion_probability": "float8",
    "sample_point": "float8", "ttft_any_seconds": "float8", "ttft_visible_seconds": "float8", "total_seconds": "float8",
    "value": "float8", "draw_probability": "float8",
}  # fmt: skip
_LINE = ("exchange_id", "import_id", "line", "is_merge")
_OF_LINE = ("exchange_id", "import_id")
_DRAW = text("SELECT array_agg(nextval(pg_get_serial_sequence('exchanges', 'id'))) FROM generate_series(1, :count)")


def stage_lines(session: Session, import_id: int, pilot_id: int, lines: Sequence[LineRecords]) -> None:
    """Stages new lines: each gets the number that its exchange will have."""
    numbers = session.scalar(_DRAW, {"count": len(lines)}) or []
    staged = [StagedLine(number, False, line) for number, line in zip(numbers, lines, strict=True)]
    write_staged(session, import_id, pilot_id, staged)


def write_staged(session: Session, import_id: int, pilot_id: int, lines: Sequence[StagedLine]) -> None:
    """Writes lines whose exchanges have their numbers already, their texts sealed: the merge copies them as they are."""
    if not lines:
        return
    cipher = texts_of(session).sealer(pilot_id)
    exchanges = [
        (s.exchange_id, import_id, s.records.line, s.is_merge, *_exchange_row(cipher, s.records.exchange)) for s in lines
    ]
    _copy(session, "staged_exchanges", (*_LINE, *ExchangeRecord._fields), exchanges)
    for table, fields, name, row_of in _CHILDREN:
        rows = [(s.exchange_id, import_id, *row_of(cipher, record)) for s in lines for record in getattr(s.records, name)]
        if rows:
            _copy(session, table, (*_OF_LINE, *fields), rows)


def _exchange_row(cipher: TextCipher, exchange: ExchangeRecord) -> tuple[Any, ...]:
    *narrow, body, reference = exchange
    return (*narrow, cipher.seal(body), None if reference is None else cipher.seal(reference))


def _reply_row(cipher: TextCipher, reply: ReplyRecord) -> tuple[Any, ...]:
    return (*reply[:-1], cipher.seal(reply.body))


def _grade_row(cipher: TextCipher, grade: GradeRecord) -> tuple[Any, ...]:
    return grade._replace(reason=cipher.seal_words(grade.reason)) if grade.reason else grade


def opened(texts: SessionTexts, pilot_id: int, line: LineRecords) -> LineRecords:
    """A line that was read back, with its texts; those that were shredded are empty."""

    def read(body: bytes) -> bytes:
        return texts.open(pilot_id, body) or b"null"

    exchange = line.exchange
    reference = exchange.reference if exchange.reference is None else read(exchange.reference)
    return line._replace(
        exchange=exchange._replace(body=read(exchange.body), reference=reference),
        replies=[each._replace(body=read(each.body)) for each in line.replies],
        grades=[each._replace(reason=texts.open_words(pilot_id, each.reason)) if each.reason else each for each in line.grades],
    )


def _label_row(_: TextCipher, label: LabelRecord) -> tuple[Any, ...]:
    return label


_CHILDREN: tuple[tuple[str, tuple[str, ...], str, Callable[[TextCipher, Any], tuple[Any, ...]]], ...] = (
    ("staged_replies", ReplyRecord._fields, "replies", _reply_row),
    ("staged_grades", GradeRecord._fields, "grades", _grade_row),
    ("staged_labels", LabelRecord._fields, "labels", _label_row),
)


def count_staged(session: Session, import_id: int) -> int:
    """How many lines are staged: fewer than were taken after a crash of the database."""
    query = select(func.count()).select_from(StagedExchangeRow).where(StagedExchangeRow.import_id == import_id)
    return session.scalar(query) or 0


def remove_staged(session: Session, exchange_ids: Sequence[int]) -> None:
    """Takes lines back, with all that hangs on them."""
    for table in ("staged_exchanges", *(child[0] for child in _CHILDREN)):
        session.execute(text(f"DELETE FROM {table} WHERE exchange_id = ANY(:ids)"), {"ids": list(exchange_ids)})  # noqa: S608


def read_staged(session: Session, pilot_id: int, exchange_ids: Sequence[int]) -> list[StagedLine]:
    """Staged lines, in the order of the file."""
    texts = texts_of(session)
    columns = ", ".join(ExchangeRecord._fields)
    query = text(
        f"SELECT exchange_id, line, is_merge, {columns} FROM staged_exchanges"  # noqa: S608
        " WHERE exchange_id = ANY(:ids) ORDER BY line"
    )
    replies = children(session, ReplyRecord, "staged_replies", exchange_ids)
    grades = children(session, GradeRecord, "staged_grades", exchange_ids)
    labels = children(session, LabelRecord, "staged_labels", exchange_ids)
    lines = []
    for number, line, is_merge, *fields in session.execute(query, {"ids": list(exchange_ids)}):
        records = LineRecords(line, ExchangeRecord(*fields), replies[number], grades[number], labels[number])
        lines.append(StagedLine(number, is_merge, opened(texts, pilot_id, records)))
    return lines


def children(
    session: Session, record: type[Record], table: str, exchange_ids: Sequence[int], where: str = "TRUE"
) -> dict[int, list[Record]]:
    """The records of a table by exchange."""
    fields = ", ".join(record._fields)
    query = text(f"SELECT exchange_id, {fields} FROM {table} WHERE exchange_id = ANY(:ids) AND {where}")  # noqa: S608
    found: dict[int, list[Record]] = defaultdict(list)
    for row in session.execute(query, {"ids": list(exchange_ids)}):
        found[row[0]].append(record(*row[1:]))
    return found


def _copy(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY in the session's own transaction."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the only driver there is
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types([_TYPES.get(column, "text") for column in columns])
        for row in rows:
            copy.write_row(row)
