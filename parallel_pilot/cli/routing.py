"""`pilot routing`: where each kind of work goes by the verdict, for whoever routes production."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client, part
from parallel_pilot.cli.errors import WrongUse
from parallel_pilot.cli.files import write_whole
from parallel_pilot.cli.options import Name

FORMATS = ("json", "litellm")


def routing(
    name: Name,
    candidate: Annotated[
        str | None,
        typer.Option(help="Whose; default: the only one, or the only one that something moves to.", show_default=False),
    ] = None,
    format_: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(FORMATS)}.")] = "json",
    out: Annotated[Path | None, typer.Option(help="The file to write; default: standard output.", show_default=False)] = None,
) -> None:
    """Says where each kind of work goes by the verdict: as JSON, or as a configuration of the LiteLLM proxy."""
    if format_ not in FORMATS:
        message = f"the format '{format_}' is unknown; there are: {', '.join(FORMATS)}"
        raise WrongUse(message)
    query = {"candidate": candidate, "format": format_}
    with Client.from_environment() as client:
        content = client.send("GET", f"pilots/{part(name)}/routing", query=query, seconds=LONG_SECONDS).content
    if out is None or str(out) == "-":
        sys.stdout.buffer.write(content if content.endswith(b"\n") else content + b"\n")
        return
    write_whole(out, content)
    screen.say(f"the routing is in {out} ({len(content)} bytes)")


COMMANDS: tuple[Callable[..., None], ...] = (routing,)
