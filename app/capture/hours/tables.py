"""A CSV file as rows with their line numbers; what is not CSV is a problem of a line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from app.capture.csv_rows import csv_rows, wrong_length
from app.capture.hours.fields import refused
from app.errors import Problem

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
        first = next(csv_rows(self.text, self.delimiter), (1, []))
        if isinstance(first, Problem):
            self.problems.append(first)
        else:
            self.header = [name.strip() for name in first[1]]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and cells of every row but the header; rows of another length are problems."""
        for found in islice(csv_rows(self.text, self.delimiter), 1, None):
            if isinstance(found, Problem):
                self.problems.append(found)
                continue
            line, cells = found
            if len(cells) == len(self.header):
                yield line, cells
            elif cells:  # not an empty line
                self.problems += wrong_length(self.header, cells, line)

    def columns(self) -> dict[str, list[int]]:
        """Where each column is, by its name in small letters with single spaces; Jira repeats some."""
        found: dict[str, list[int]] = {}
        for at, name in enumerate(self.header):
            found.setdefault(plain_name(name), []).append(at)
        return found


def plain_name(name: str) -> str:
    """`Start Date`, `start_date` and `Start  date` are one column."""
    return re.sub(r"[\s_]+", " ", name).strip().casefold()
