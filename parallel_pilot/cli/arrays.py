"""Exports of other tools that are one JSON array, as the lines that the service takes."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from parallel_pilot.cli import screen
from parallel_pilot.cli.errors import CommandFailed, Problem

SPACE = b" \t\r\n"
MARK = b"\xef\xbb\xbf"


@contextmanager
def opened_as_lines(file: Path) -> Iterator[BinaryIO]:
    """A file opened for reading; where it is one JSON array, its elements, one a line."""
    with file.open("rb") as source:
        if not _is_array(source):
            yield source
            return
        screen.note("the file is one JSON array: 'line' below means the number of the record")
        records = _records(source)
    with tempfile.TemporaryFile() as lines:
        lines.writelines(json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n" for record in records)
        yield lines


def _is_array(source: BinaryIO) -> bool:
    begin = source.read(4096).removeprefix(MARK).lstrip(SPACE)
    source.seek(0)
    return begin.startswith(b"[")


def _records(source: BinaryIO) -> list[Any]:
    try:
        records: list[Any] = json.loads(source.read().decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise _unreadable("must be UTF-8", error.object.count(b"\n", 0, error.start) + 1) from None
    except json.JSONDecodeError as error:
        raise _unreadable(f"this is not JSON: {error.msg}", error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"this is not JSON: {error}", None) from None
    return records


def _refuse(name: str) -> NoReturn:
    message = f"{name} is no number"
    raise ValueError(message)


def _unreadable(message: str, line: int | None) -> CommandFailed:
    return CommandFailed("nothing was imported", problems=(Problem(message, line=line),))
