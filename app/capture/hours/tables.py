"""A CSV file as rows with their line numbers; what is not CSV is a problem of a line."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.capture.hours.fields import refused
from app.errors import Problem

if TYPE_CHECKING:
    import _csv

DELIMITERS = (",", ";", "\t")


def decoded(text: bytes) -> str:
    """The file as text."""
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise refused([Problem("the file must be UTF-8", line=line)]) from None


@dataclass(slots=True)
class Table:
    """A header and rows; `problems` grows as the rows are read."""

    text: str
    delimiter: str = ","
    header: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            self.header = [name.strip() for name in next(self._reader(), [])]
        except csv.Error as error:
            self.problems.append(Problem(f"this is not CSV: {error}", line=1))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and cells of every row but the header; rows of another length are problems."""
        reader = self._reader()
        try:
            next(reader, None)
            line = reader.line_num + 1
            for row in reader:
                if len(row) == len(self.header):
                    yield line, row
                elif row:  # not an empty line
                    self.problems.append(Problem(f"there are {len(row)} columns, the header has {len(self.header)}", line=line))
                line = reader.line_num + 1
        except csv.Error as error:
            self.problems.append(Problem(f"this is not CSV: {error}", line=reader.line_num))

    def columns(self) -> dict[str, list[int]]:
        """Where each column is, by its name in small letters with single spaces; Jira repeats some."""
        found: dict[str, list[int]] = {}
        for at, name in enumerate(self.header):
            found.setdefault(plain_name(name), []).append(at)
        return found

    def _reader(self) -> "_csv.Reader":
        return csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter, strict=True)


def plain_name(name: str) -> str:
    """`Start Date`, `start_date` and `Start  date` are one column."""
    return re.sub(r"[\s_]+", " ", name).strip().casefold()
