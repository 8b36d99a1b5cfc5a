"""`pilot report`: makes a frozen report and writes it to a file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client, part
from parallel_pilot.cli.errors import WrongUse
from parallel_pilot.cli.files import write_whole
from parallel_pilot.cli.options import AsJson, Name

BUILT = ("html", "md", "json")
LATER = ("pdf", "xlsx", "pptx", "parquet", "csv")


def report(
    name: Name,
    out: Annotated[Path, typer.Option(help="The file to write; '-' = standard output.", show_default=False)],
    format_: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(BUILT)}.")] = "html",
    *,
    as_json: AsJson = False,
) -> None:
    """Freezes what is known now and writes it as a report."""
    if format_ not in BUILT:
        reason = "is not built in this version" if format_ in LATER else "is unknown"
        message = f"the format '{format_}' {reason}; there are: {', '.join(BUILT)}"
        raise WrongUse(message)
    with Client.from_environment() as client:
        made = client.post(f"pilots/{part(name)}/reports", seconds=LONG_SECONDS)
        content = client.send("GET", f"reports/{made['id']}", query={"format": format_}, seconds=LONG_SECONDS).content
    if str(out) == "-":
        sys.stdout.buffer.write(content)
        return
    write_whole(out, content)
    if as_json:
        screen.print_json({"id": made["id"], "format": format_, "out": str(out), "bytes": len(content)})
    else:
        screen.say(f"report {made['id']} is in {out} ({len(content)} bytes)")


COMMANDS: tuple[Callable[..., None], ...] = (report,)
