"""A workbook that is written from top to bottom: text is always text, formulas are only ours."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import TypeAlias

import xlsxwriter  # type: ignore[import-untyped]
from xlsxwriter.format import Format  # type: ignore[import-untyped]
from xlsxwriter.utility import xl_rowcol_to_cell  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from app.reports.figures import UNKNOWN
from app.reports.workbook.looks import LOOKS

Value: TypeAlias = Decimal | float | int | str | None
# As much as a cell of the format takes.
MOST_TEXT = 32_000
MOST_NAME = 31
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_BESIDE = ("text", "note", "outside", "strong", "header")
# Points of a line and of the highest one; what a letter takes of a column's width unit.
_POINTS, _MOST_POINTS, _LETTER, _LARGE, _USUAL_WIDTH = 13.5, 400.0, 1.0, 1.5, 8.43
_USUAL_POINTS = 15.5
_LIKE_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Book:
    """The file and its formats."""

    def __init__(self, title: str, made_at: datetime) -> None:
        self.content = BytesIO()
        options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self.file = xlsxwriter.Workbook(self.content, options)
        self.file.set_properties({"title": clean(title), "created": made_at.replace(tzinfo=None), "comments": "Parallel Pilot"})
        self.file.formats[0].set_font_name("Arial")
        self.file.set_calc_mode("auto")
        self._looks: dict[tuple[str, bool], Format] = {}
        self._names: set[str] = set()
        self._sheets: list[Sheet] = []

    def look(self, name: str, *, is_beside: bool = False) -> Format:
        """A format, made once; text beside a number keeps away from it."""
        key = name, is_beside
        if key not in self._looks:
            air = {"indent": 1} if is_beside else {}
            self._looks[key] = self.file.add_format({"font_name": "Arial", "font_size": 10} | LOOKS[name] | air)
        return self._looks[key]

    def sheet(self, name: str, widths: Sequence[float], *, is_locked: bool = False) -> "Sheet":
        """A new sheet after the others; its name is cut and made unique as the format asks."""
        made = self.file.add_worksheet(self._unique(name))
        for column, width in enumerate(widths):
            made.set_column(column, column, width)
        made.hide_gridlines(2)
        made.set_default_row(_USUAL_POINTS)
        made.set_landscape()
        made.set_paper(9)
        made.fit_to_pages(1, 0)
        if is_locked:
            made.protect("", {"format_columns": True, "format_rows": True})
        self._sheets.append(Sheet(self, made, widths))
        return self._sheets[-1]

    def bytes(self) -> bytes:
        """The finished file."""
        for sheet in self._sheets:
            for row, points in sheet.heights.items():
                sheet.made.set_row(row, points)
        self.file.close()
        return self.content.getvalue()

    def _unique(self, name: str) -> str:
        plain = _NOT_IN_NAMES.sub(" ", clean(name)).strip(" '") or "sheet"
        found, number = plain[:MOST_NAME].strip(" '"), 1
        while found.lower() in self._names or found.lower() == "history":
            number += 1
            end = f" {number}"
            found = plain[: MOST_NAME - len(end)] + end
        self._names.add(found.lower())
        return found


class Sheet:
    """One sheet; `row` is where the next line goes."""

    def __init__(self, book: Book, made: Worksheet, widths: Sequence[float]) -> None:
        self.book, self.made = book, made
        self.widths = widths
        self.heights: dict[int, float] = {}
        self.row = 0

    @property
    def name(self) -> str:
        """As the file has it."""
        found: str = self.made.get_name()
        return found

    def at(self, column: int, row: int | None = None) -> str:
        """`B7`: a cell of this sheet, by default on the present line."""
        return str(xl_rowcol_to_cell(self.row if row is None else row, column))

    def fixed(self, column: int, row: int | None = None) -> str:
        """`'Money'!$B$7`: the same from anywhere."""
        cell = xl_rowcol_to_cell(self.row if row is None else row, column, row_abs=True, col_abs=True)
        return f"{quoted(self.name)}!{cell}"

    def text(self, column: int, text: str, look: str = "text") -> None:
        """Text that is never anything else."""
        said = clean(text)
        look = "outside" if look == "text" and said.startswith(_LIKE_A_FORMULA) else look
        self.made.write_string(self.row, column, said, self.book.look(look, is_beside=column > 0 and look in _BESIDE))
        if look != "title":
            self.make_room(said, self.widths[column] if column < len(self.widths) else _USUAL_WIDTH)

    def make_room(self, text: str, width: float, size: float = 1.0) -> None:
        """The line is as high as this text needs it in a column of such a width."""
        lines = sum(1 + int(len(part) * size * _LETTER / width) for part in text.split("\n"))
        if lines > 1 or size > 1:
            points = min(_MOST_POINTS, _POINTS * lines * size + 2)
            self.heights[self.row] = max(self.heights.get(self.row, 0.0), points)

    def value(self, column: int, value: Value, look: str) -> None:
        """A number; what nobody knows is the word."""
        if value is None:
            self.text(column, UNKNOWN, "unknown")
        elif isinstance(value, str):
            self.text(column, value)
        else:
            self.made.write_number(self.row, column, float(value), self.book.look(look))

    def entry(self, column: int, value: Value, look: str) -> None:
        """A cell that may be changed: yellow; empty where nobody knows the value."""
        if value is None:
            self.made.write_blank(self.row, column, None, self.book.look(f"input_{look}"))
        else:
            self.value(column, value, f"input_{look}")

    def formula(self, column: int, formula: str, value: Value, look: str) -> None:
        """A formula of ours with what it gives now, for readers that compute nothing."""
        given = UNKNOWN if value is None else value if isinstance(value, str) else float(value)
        self.made.write_formula(self.row, column, f"={formula}", self.book.look(look), given)

    def title(self, title: str, subtitle: str = "") -> None:
        """The first lines."""
        self.text(0, title, "title")
        self.heights[self.row] = 24
        self.row += 1
        if subtitle:
            self.line(subtitle, "note")
        self.row += 1

    def heading(self, title: str, columns: int = 1) -> None:
        """A part of the sheet."""
        self.row += 1
        for column in range(columns):
            self.text(column, title if column == 0 else "", "heading")
        self.row += 1

    def header(self, columns: Sequence[str], numbers: Collection[int] = ()) -> None:
        """Names of columns; those of numbers stand at the right."""
        for column, name in enumerate(columns):
            self.text(column, name, "header_number" if column in numbers else "header")
        self.row += 1

    def line(self, text: str, look: str = "text") -> None:
        """A line of text over the whole width, as high as it needs to be."""
        said = clean(text)
        look = "outside" if look == "text" and said.startswith(_LIKE_A_FORMULA) else look
        self.made.merge_range(self.row, 0, self.row, len(self.widths) - 1, "", self.book.look(look))
        self.made.write_string(self.row, 0, said, self.book.look(look))
        self.make_room(said, sum(self.widths), _LARGE if look == "words" else 1.0)
        self.row += 1

    def name_cell(self, name: str, column: int = 1, rows: int = 1) -> None:
        """A name for a cell of the present line, or for a column of `rows` that ends with it."""
        first = self.fixed(column, self.row - rows + 1)
        last = xl_rowcol_to_cell(self.row, column, row_abs=True, col_abs=True)
        self.book.file.define_name(name, f"={first}" if rows == 1 else f"={first}:{last}")


def clean(text: str) -> str:
    """Without what no cell may hold, and no longer than one."""
    said = _CONTROL.sub(" ", text)
    return said if len(said) <= MOST_TEXT else f"{said[: MOST_TEXT - 1]}…"


def quoted(name: str) -> str:
    """A sheet's name as formulas have it."""
    return "'" + name.replace("'", "''") + "'"
