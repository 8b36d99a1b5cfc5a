"""Rows of a CSV text, each with the line on which it begins: quoted separators and line breaks are fine."""

import csv
import io
from collections.abc import Iterator

from app.errors import Problem


def csv_rows(text: str, separator: str) -> Iterator[tuple[int, list[str]] | Problem]:
    """The header and all other rows; where the text is no CSV any more the last one is a problem that names the line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        yield Problem(f"this is not CSV: {error}", line=max(1, reader.line_num), code="not_csv")


def wrong_length(header: list[str], cells: list[str], line: int) -> Iterator[Problem]:
    """A problem if a row has not as many cells as the header."""
    if len(cells) != len(header):
        yield Problem(f"there are {len(cells)} columns, the header has {len(header)}", line=line)
