"""One export of a vendor as lines by UTC day and model; its format is told by what is in it, never by its name."""

from typing import Any

import orjson

from app.capture.invoices.csv_formats import FORMATS, LITELLM_NOTE, CsvFormat
from app.capture.invoices.json_formats import buckets_of, format_of, has_more, is_spend_log, read_buckets, read_spend_logs
from app.capture.invoices.pieces import Piece, added_up, too_large, wrong_word
from app.capture.invoices.tables import Row, Table, read_table, refused
from app.domain.invoices import ALL_MODELS, TOKENS, Invoice
from app.errors import Problem

JSON_FORMATS = ("openai usage JSON", "openai costs JSON", "anthropic usage JSON", "anthropic cost JSON", "litellm spend JSON")
KNOWN = ", ".join((*(each.name for each in FORMATS), *JSON_FORMATS))
UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_invoice(content: bytes) -> Invoice:
    """Reads an export.

    Raises:
        InvalidInput: If it is empty, of no known format, not in US dollars, or any line of it is wrong: all are named, and
            nothing of it is kept.
    """
    text = _decoded(content)
    if not text.strip():
        raise refused([Problem("the file is empty", code="empty")])
    return _read_json(text) if text.lstrip()[0] in "[{" else _read_csv(text)


def _decoded(content: bytes) -> str:
    """UTF-8, with or without a mark; Excel's UTF-16 has one."""
    try:
        return content.decode("utf-16" if content.startswith(UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refused([Problem("the file must be UTF-8", line=line, code="not_utf8")]) from None


def _read_csv(text: str) -> Invoice:
    table = read_table(text)
    chosen = next((each for each in FORMATS if each.fits(table.columns)), None)
    if chosen is None:
        columns = ", ".join(sorted(name for name in table.columns if name)[:40])
        message = f"no known export has these columns: {columns}; known: {KNOWN}"
        raise refused([Problem(message, line=1, code="unknown_format")])
    pieces, problems, passed_over = _pieces(chosen, table)
    if problems:
        raise refused(problems)
    if not pieces:
        raise refused([Problem(f"there is no usage in this {chosen.name}", code="empty")])
    notes = [chosen.note] if chosen.note else []
    if passed_over:
        notes.append(f"{passed_over:,} lines have nothing of a language model and were passed over")
    return _invoice(chosen.name, pieces, notes)


def _pieces(chosen: CsvFormat, table: Table) -> tuple[list[Piece], list[Problem], int]:
    pieces: list[Piece] = []
    problems: list[Problem] = []
    seen: dict[tuple[Any, str], int] = {}
    totals: dict[tuple[Any, str, bool], int] = {}
    passed_over = 0
    for row in table.rows:
        piece = chosen.read(row)
        problems += row.problems
        if piece is None:
            passed_over += not row.problems
        else:
            pieces.append(piece)
            problems += _words(piece, line=row.line)
            problems += [*_twice(seen, piece, row), *_in_total(totals, piece, row)] if chosen.name == "plain CSV" else ()
    return pieces, problems, passed_over


def _words(piece: Piece, *, line: int | None = None) -> list[Problem]:
    wrong = wrong_word(piece)
    return [Problem(wrong[1], field=wrong[0], line=line)] if wrong is not None else []


def _invoice(name: str, pieces: list[Piece], notes: list[str]) -> Invoice:
    lines = added_up(pieces)
    problems = [Problem(words, code="too_large") for words in map(too_large, lines) if words]
    if problems:
        raise refused(problems)
    return Invoice(name, lines, tuple(notes))


def _twice(seen: dict[tuple[Any, str], int], piece: Piece, row: Row) -> list[Problem]:
    """In our own format a day and model has one line: two would silently add up."""
    first = seen.setdefault((piece.day, piece.model.lower()), row.line)
    if first == row.line:
        return []
    return [Problem(f"{piece.day} and {piece.model} are on line {first} already", field="day", line=row.line, code="twice")]


def _in_total(totals: dict[tuple[Any, str, bool], int], piece: Piece, row: Row) -> list[Problem]:
    """A line of all models covers each model of its day: beside a line of one that says the same it would count twice."""
    is_total = piece.model.lower() == ALL_MODELS
    said = [
        kind for kind, names in (("tokens", TOKENS), ("usd", ("usd",))) if any(getattr(piece, n) is not None for n in names)
    ]
    for kind in said:
        totals.setdefault((piece.day, kind, is_total), row.line)
    other = next((at for kind in said if (at := totals.get((piece.day, kind, not is_total)))), None)
    if other is None:
        return []
    words = f"{ALL_MODELS} covers every model of {piece.day}, and line {other} says the same of that day: leave one of them out"
    return [Problem(words, field="model", line=row.line, code="twice")]


def _read_json(text: str) -> Invoice:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise refused([Problem(f"this is not JSON: {error.msg}", line=error.lineno, code="not_json")]) from None
    problems: list[Problem] = []
    notes: list[str] = []
    if isinstance(document, list) and document and is_spend_log(document[0]):
        name, pieces = "litellm spend JSON", list(read_spend_logs(document, problems))
        notes.append(LITELLM_NOTE)
    else:
        name, pieces = _bucketed(document, problems)
    if has_more(document):
        notes.append("the last page says that there are more (has_more): days of later pages are missing")
    problems += [problem for piece in pieces for problem in _words(piece)]
    if problems:
        raise refused(problems)
    return _invoice(name, pieces, notes)


def _bucketed(document: Any, problems: list[Problem]) -> tuple[str, list[Piece]]:
    buckets = buckets_of(document)
    results = [result for _, bucket in buckets or () for result in bucket["results"]]
    name = format_of(results) if all(isinstance(result, dict) for result in results) else None
    if buckets is not None and not results:
        raise refused([Problem("there is no usage in this file: no bucket has results", code="empty")])
    if buckets is None or name is None:
        message = f"no known export has this shape; known: {KNOWN}"
        raise refused([Problem(message, code="unknown_format")])
    return name, list(read_buckets(name, buckets, problems))
