"""What people see: answers on standard output, progress and failures on standard error."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from parallel_pilot.cli.errors import CommandFailed

PIPE_WIDTH = 160


def out() -> Console:
    """Standard output; wide enough for a table where it is not a terminal."""
    return Console(soft_wrap=False, highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def err() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPE_WIDTH)


def say(*lines: str) -> None:
    """Prints lines as they are."""
    console = out()
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def note(line: str) -> None:
    """Says something beside the answer."""
    err().print(line, markup=False, soft_wrap=True)


def print_json(document: Any) -> None:
    """Prints one line of JSON, for programs."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Prints a table."""
    out().print(_table(columns, rows, title))


def show_failure(failure: CommandFailed) -> None:
    """Says what went wrong, with every problem."""
    console = err()
    where = f"{failure.file}: " if failure.file else ""
    console.print(f"[bold red]{escape(where + failure.message)}[/]", soft_wrap=True)
    if failure.problems:
        rows = [["" if p.line is None else str(p.line), p.field or "", p.message] for p in failure.problems]
        console.print(_table(["line", "field", "problem"], rows, None))


def progress_bar(*, in_bytes: bool = False) -> Progress:
    """A bar on a terminal, nothing elsewhere. Each task has a field `note`."""
    console = err()
    counter = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), counter, TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table
