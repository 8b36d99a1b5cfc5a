"""`pilot report`: makes a frozen report, or takes a stored one, and writes it to a file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client, part
from parallel_pilot.cli.errors import CommandFailed, WrongUse
from parallel_pilot.cli.files import write_whole
from parallel_pilot.cli.options import AsJson, Name

BUILT = ("html", "pdf", "pptx", "xlsx", "md", "json", "zip")
IN_BUNDLE = ("parquet", "csv")


def report(
    name: Name,
    out: Annotated[Path, typer.Option(help="The file to write; '-' = standard output.", show_default=False)],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help=f"One of: {', '.join(BUILT + IN_BUNDLE)}; zip = all but the last two; parquet = the data bundle, from which "
            "./run pilot reproduce computes every figure again; csv = its tables for spreadsheets alone.",
        ),
    ] = "html",
    number: Annotated[int | None, typer.Option("--id", min=1, help="A stored report's number, instead of a new one.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Freezes what is known now, or takes a stored report, and writes it in a format."""
    if format_ not in BUILT + IN_BUNDLE:
        message = f"the format '{format_}' is unknown; there are: {', '.join(BUILT + IN_BUNDLE)}"
        raise WrongUse(message)
    with Client.from_environment() as client:
        chosen = _made(client, name, bundle=format_ in IN_BUNDLE) if number is None else _stored(client, name, number)
        path = f"reports/{chosen}/bundle" if format_ in IN_BUNDLE else f"reports/{chosen}"
        content = client.send("GET", path, query={"format": format_}, seconds=LONG_SECONDS).content
    if str(out) == "-":
        sys.stdout.buffer.write(content)
        return
    write_whole(out, content)
    if as_json:
        screen.print_json({"id": chosen, "format": format_, "out": str(out), "bytes": len(content)})
    else:
        screen.say(f"report {chosen} is in {out} ({len(content)} bytes)")


def _made(client: Client, name: str, *, bundle: bool) -> int:
    wanted = {"bundle": True} if bundle else None
    made: int = client.post(f"pilots/{part(name)}/reports", wanted, seconds=LONG_SECONDS)["id"]
    return made


def _stored(client: Client, name: str, number: int) -> int:
    """A number of another pilot is a mistake that nobody should print and sign."""
    known = [each["id"] for each in client.get(f"pilots/{part(name)}/reports")]
    if number not in known:
        there = ", ".join(str(each) for each in known[:10]) or "none yet"
        message = f"{name} has no report {number}; it has: {there}"
        raise CommandFailed(message)
    return number


COMMANDS: tuple[Callable[..., None], ...] = (report,)
