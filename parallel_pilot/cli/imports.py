"""`pilot import`: streams a file in chunks of whole lines, resumes where an earlier attempt ended."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.progress import Progress

from parallel_pilot.cli import screen
from parallel_pilot.cli.arrays import opened_as_lines
from parallel_pilot.cli.client import LONG_SECONDS, Client, part
from parallel_pilot.cli.errors import CommandFailed, Problem, ServiceUnreachable
from parallel_pilot.cli.options import AsJson, Name

CHUNK_BYTES = 6 * 1024 * 1024
MAX_LINE_BYTES = 12 * 1024 * 1024
ATTEMPTS = 5
PAUSE_SECONDS = 0.2
CONFLICT = 409
UNAVAILABLE = 503


class Format(StrEnum):
    """Who wrote the file."""

    PILOT = "pilot"
    OPENAI = "openai"
    LITELLM = "litellm"
    LANGFUSE = "langfuse"


def import_command(
    name: Name,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE.jsonl")],
    format_: Annotated[Format, typer.Option("--format", help="Who wrote the file.")] = Format.PILOT,
    *,
    as_json: AsJson = False,
) -> None:
    """Imports recorded exchanges, one a line: all of them or, with every faulty line named, none."""
    try:
        with Client.from_environment() as client, screen.progress_bar(in_bytes=True) as bar, _opened(file, format_) as source:
            result = _import(client, name, source, format_, bar)
    except CommandFailed as failure:
        failure.file = str(file)
        raise
    if as_json:
        screen.print_json({key: result[key] for key in ("lines", "new", "unchanged", "merged")})
    else:
        screen.say(f"{result['lines']} lines: {result['new']} new, {result['unchanged']} unchanged, {result['merged']} merged")


def _opened(file: Path, format_: Format) -> AbstractContextManager[BinaryIO]:
    return file.open("rb") if format_ is Format.PILOT else opened_as_lines(file)


def _import(client: Client, name: str, source: BinaryIO, format_: Format, bar: Progress) -> Any:
    size = source.seek(0, 2)
    reading = bar.add_task("reading", total=size, note="")
    key = file_key(source, lambda count: bar.advance(reading, count))
    sending = bar.add_task("sending", total=size, note="")

    def opened() -> Any:
        return client.post(f"pilots/{part(name)}/imports", {"file_key": key, "format": format_.value})

    number = _send_all(client, source, opened, lambda place: bar.update(sending, completed=place))
    bar.update(sending, completed=size, note="storing")
    return _commit(client, number)


def file_key(source: BinaryIO, advance: Callable[[int], object]) -> str:
    """SHA-256 of a file, by which an unfinished import of it is found again."""
    digest = hashlib.sha256()
    source.seek(0)
    while block := source.read(1024 * 1024):
        digest.update(block)
        advance(len(block))
    return digest.hexdigest()


def _send_all(client: Client, source: BinaryIO, opened: Callable[[], Any], show: Callable[[int], object]) -> int:
    """Sends what is missing; after a lost connection asks how far the service got and goes on there."""
    current, attempt = opened(), 0
    if current["bytes_staged"]:
        screen.note(f"an earlier attempt got to byte {current['bytes_staged']}: it goes on from there")
    while True:
        address = f"imports/{current['id']}/chunks"
        try:
            for offset, chunk in chunks(source, current["bytes_staged"]):
                show(offset)
                client.send(
                    "PUT",
                    address,
                    query={"offset": offset},
                    content=chunk,
                    media_type="application/jsonl",
                    seconds=LONG_SECONDS,
                )
                attempt = 0
            return int(current["id"])
        except CommandFailed as failure:
            attempt += 1
            if attempt >= ATTEMPTS or not _is_worth_another(failure):
                raise
            time.sleep(PAUSE_SECONDS * 2**attempt)
            current = opened()


def _commit(client: Client, number: int) -> Any:
    """Commits; where the answer got lost asks again: the service says the same again."""
    for attempt in range(1, ATTEMPTS):
        try:
            return client.post(f"imports/{number}/commit", seconds=LONG_SECONDS)
        except ServiceUnreachable:
            time.sleep(PAUSE_SECONDS * 2**attempt)
    return client.post(f"imports/{number}/commit", seconds=LONG_SECONDS)


def _is_worth_another(failure: CommandFailed) -> bool:
    """A lost connection or answer: the chunk may or may not have arrived."""
    return isinstance(failure, ServiceUnreachable) or failure.status in {CONFLICT, UNAVAILABLE}


def chunks(
    source: BinaryIO, offset: int, *, size: int = CHUNK_BYTES, longest: int = MAX_LINE_BYTES
) -> Iterator[tuple[int, bytes]]:
    """The rest of a file in chunks of whole lines, each with its byte offset; only the last may lack a newline.

    Args:
        source: The file.
        offset: Where to begin: the start of a line.
        size: How large a chunk is to be, in bytes.
        longest: A longer line fails.
    """
    source.seek(offset)
    rest = b""
    while block := source.read(size):
        rest += block
        end = rest.rfind(b"\n") + 1
        if end:
            yield offset, rest[:end]
            offset, rest = offset + end, rest[end:]
        if len(rest) > longest:
            raise _too_long(source, offset, longest)
    if rest:
        yield offset, rest


def _too_long(source: BinaryIO, offset: int, longest: int) -> CommandFailed:
    source.seek(0)
    line, left = 1, offset
    while left > 0 and (block := source.read(min(left, 1024 * 1024))):
        line += block.count(b"\n")
        left -= len(block)
    message = f"longer than {longest} bytes"
    return CommandFailed("nothing was imported", problems=(Problem(message, line=line),))


COMMANDS: tuple[Callable[..., None], ...] = (import_command,)
