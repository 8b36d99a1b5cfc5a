"""CSV exports as rows with their line: BOM, other separators, quoted commas and line breaks are fine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.capture.csv_rows import csv_rows, wrong_length
from app.errors import InvalidInput, Problem

T = TypeVar("T")
SEPARATORS = ",;\t"
MOST_PROBLEMS = 100


class Row:
    """One line of a table; names of columns are compared without case, spaces and marks."""

    def __init__(self, line: int, cells: dict[str, str]) -> None:
        self.line = line
        self.cells = cells
        self.problems: list[Problem] = []

    def text(self, *names: str) -> str:
        """The first of the columns that is there and not empty."""
        return next((self.cells[name] for name in names if self.cells.get(name)), "")

    def read(self, how: Callable[[Any], T], *names: str, required: bool = False) -> T | None:
        """A value, or `None` where the cell is empty or wrong; what is wrong is noted."""
        name = next((name for name in names if self.cells.get(name)), next((n for n in names if n in self.cells), names[0]))
        text = self.cells.get(name, "")
        if not text and not required:
            return None
        return self.checked(name, lambda: how(text))

    def checked(self, name: str, how: Callable[[], T]) -> T | None:
        """The same for a value of several cells; `name` is the one to name."""
        try:
            return how()
        except ValueError as error:
            self.problems.append(Problem(f"{name} {error}", field=name, line=self.line))
            return None


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file: its columns and its rows, each with the line on which it begins."""

    columns: frozenset[str]
    rows: tuple[Row, ...]


def column(name: str) -> str:
    """How a column is compared: `Cost In Billing Currency` is `costinbillingcurrency`."""
    return "".join(mark for mark in name.lower() if mark.isalnum() or mark == "_").strip("_")


def read_table(text: str) -> Table:
    """The table; `InvalidInput` names every line whose shape is wrong."""
    first = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=first.count)
    rows: list[Row] = []
    problems: list[Problem] = []
    header: list[str] = []
    for found in csv_rows(text, separator):
        if isinstance(found, Problem):
            problems.append(found)
        elif not header:
            header = [column(name) for name in found[1]]
        elif any(cell.strip() for cell in found[1]):
            line, cells = found
            problems += wrong_length(header, cells, line)
            rows.append(Row(line, dict(zip(header, (cell.strip() for cell in cells), strict=False))))
    twice = sorted({name for name in header if name and header.count(name) > 1})
    problems += [Problem(f"the column {name!r} is there twice", field=name, line=1) for name in twice]
    if problems:
        raise refused(problems)
    return Table(frozenset(header), tuple(rows))


def refused(problems: Sequence[Problem]) -> InvalidInput:
    """Nothing was kept; the first hundred problems are listed."""
    many = f"{len(problems):,} problems" if len(problems) > 1 else "1 problem"
    listed = f", the first {MOST_PROBLEMS} are listed" if len(problems) > MOST_PROBLEMS else ""
    return InvalidInput(f"no invoice was read: {many}{listed}", tuple(problems[:MOST_PROBLEMS]))
