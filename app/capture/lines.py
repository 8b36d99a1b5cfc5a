"""Reads lines of an import: bytes in; records for the store, or everything that is wrong with a line, out."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from pydantic import ValidationError

from app.capture.document import Document, Layout, canonical, document_from, preferences_of, records_of
from app.capture.line_format import LINE, GivenLine
from app.capture.line_problems import MAX_PER_LINE, Path, format_problems, json_problem, problem
from app.capture.line_rules import rule_problems
from app.domain.exchange import Json
from app.domain.imports import LineRecords
from app.errors import Problem

_BOM = b"\xef\xbb\xbf"


class UnusableRecord(Exception):
    """A foreign record that should be an exchange and cannot be one; `field` is the record's own."""

    def __init__(self, message: str, *, field: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code


FromRecord = Callable[[Json], Json | None]


class Keep(Protocol):
    """What of a line may be kept."""

    def document(self, document: Document, segment: str) -> Document:
        """A line's content as far as it may be kept; `UnusableRecord` if none of it may."""

    def name(self, name: str) -> str:
        """The id that a line was given, as far as it may be kept."""


@dataclass(slots=True)
class ReadLines:
    """What some lines said; `bad` holds the problems of each wrong line, `read` counts all lines."""

    good: list[LineRecords] = field(default_factory=list)
    bad: list[list[Problem]] = field(default_factory=list)
    read: int = 0
    skipped: int = 0


class LineReader:
    """Reads the lines of one import.

    Args:
        layout: The pilot's arms and segments.
        line_bytes: Longest line.
        from_record: Makes a line of a foreign record (`None` = it is no exchange); without it lines are our own.
        keep: What of them may be kept; without it everything.
    """

    def __init__(
        self, layout: Layout, *, line_bytes: int, from_record: FromRecord | None = None, keep: Keep | None = None
    ) -> None:
        self.layout = layout
        self.line_bytes = line_bytes
        self.from_record = from_record
        self.keep = keep

    def read(self, text: bytes, *, after: int) -> ReadLines:
        """Reads whole lines; `after` is how many lines of the file came before them. Blank lines are counted only."""
        found = ReadLines()
        for raw, number, is_end in _lines(text, after):
            found.read += 1
            if not raw.strip():
                continue
            records = self._line(raw, number, is_end=is_end)
            if records is None:
                found.skipped += 1
            elif isinstance(records, LineRecords):
                found.good.append(records)
            else:
                found.bad.append(records[:MAX_PER_LINE])
        return found

    def _line(self, raw: bytes, number: int, *, is_end: bool) -> LineRecords | list[Problem] | None:
        if len(raw) > self.line_bytes:
            message = f"the line has {len(raw)} bytes; the most is {self.line_bytes} (PILOT_IMPORT_LINE_BYTES)"
            return [problem(number, (), "line_too_long", message)]
        try:
            parsed = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            return [json_problem(raw, error, number, is_end=is_end)]
        if not isinstance(parsed, dict):
            return [problem(number, (), "not_an_object", "the line must be a JSON object: {…}")]
        try:
            given = parsed if self.from_record is None else self.from_record(parsed)
            return None if given is None else self._records(LINE.validate_python(given), number)
        except UnusableRecord as error:
            return [Problem(error.message, field=error.field, line=number, code=error.code)]
        except ValidationError as error:
            return format_problems(error, number)

    def _records(self, given: GivenLine, number: int) -> LineRecords | list[Problem]:
        document = document_from(given)
        try:
            content = canonical(document)
        except TypeError:  # what orjson reads it can write, but not so deeply nested
            return [problem(number, (), "too_deep", "the line is nested too deeply")]
        external_id = given.get("exchange_id")
        if b"\\u0000" in content or (external_id is not None and "\0" in external_id):
            path = _nul_path(given)
            if path is not None:
                return [problem(number, path, "nul", "has a NUL character (\\u0000), which text cannot hold")]
        problems = rule_problems(document, preferences_of(given), self.layout, number)
        if problems:
            return problems
        if self.keep is not None:
            document = self.keep.document(document, document.get("segment") or self.layout.segment_of(document["request"]))
            content, external_id = canonical(document), external_id and self.keep.name(external_id)
        digest = hashlib.sha256(content)
        external_id = external_id if external_id is not None else digest.hexdigest()
        return records_of(document, external_id=external_id, content=digest.digest(), line=number, layout=self.layout)


def _lines(text: bytes, after: int) -> Iterator[tuple[bytes, int, bool]]:
    """Each line, its number, and whether it is the end of a file without a line break there."""
    if after == 0:
        text = text.removeprefix(_BOM)
    lines = text.split(b"\n")
    last = lines.pop()
    for number, line in enumerate(lines, after + 1):
        yield line, number, False
    if last:
        yield last, after + len(lines) + 1, True


def _nul_path(value: Any, path: Path = ()) -> Path | None:
    """Where a NUL is; `None` if what looked like one was a text that speaks of it."""
    if isinstance(value, str):
        return path if "\0" in value else None
    if isinstance(value, dict):
        wrong = next((key for key in value if "\0" in key), None)
        if wrong is not None:
            return path
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return None
    found = (_nul_path(inner, (*path, key)) for key, inner in items)
    return next((inner for inner in found if inner is not None), None)
