"""`pilot hours add|list|import`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import Client, part
from parallel_pilot.cli.errors import CommandFailed
from parallel_pilot.cli.options import AsJson, Name

KINDS = "set-up, prompt porting, tuning, incident, upgrade, evaluation, on-call, other"

app = typer.Typer(help="Engineering hours: the cost that most comparisons forget.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def add(
    name: Name,
    who: Annotated[str, typer.Option(help="Who worked.", show_default=False)],
    hours: Annotated[str, typer.Option(help="How long, such as 3.5.", show_default=False)],
    kind: Annotated[str, typer.Option(help=f"One of: {KINDS}.", show_default=False)],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day; default: today.", show_default=False)
    ] = None,
    recurring: Annotated[
        bool, typer.Option("--recurring", help="Of a kind that comes again: extrapolated from the closed days to a month.")
    ] = False,
    note: Annotated[str, typer.Option(help="What it was about.", show_default=False)] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Logs hours of one person on one day."""
    day = (on or datetime.now().astimezone()).date().isoformat()
    entry = {"who": who, "worked_on": day, "hours": hours, "kind": kind, "recurring": recurring, "note": note}
    with Client.from_environment() as client:
        stored = client.post(f"pilots/{part(name)}/hours", entry)
    if as_json:
        screen.print_json(stored)
    else:
        often = ", of a kind that comes again" if recurring else ""
        screen.say(f"{stored['hours']:g} hours{often}, of {stored['who']} on {stored['worked_on']}: {stored['kind']}")


@app.command("list")
def list_command(name: Name, *, as_json: AsJson = False) -> None:
    """Lists all hours of a pilot."""
    with Client.from_environment() as client:
        found = client.get(f"pilots/{part(name)}/hours")
    if as_json:
        screen.print_json(found)
        return
    rows = [
        [e["worked_on"], e["who"], f"{e['hours']:g}", e["kind"], "comes again" if e["recurring"] else "once", e["note"]]
        for e in found["entries"]
    ]
    screen.print_table(["day", "who", "hours", "kind", "comes", "note"], rows)
    screen.say(f"once: {found['one_off_hours']:g} hours; recurring: {found['recurring_hours']:g} hours")


@app.command("import")
def import_command(
    name: Name,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE.csv")],
    *,
    as_json: AsJson = False,
) -> None:
    """Imports a CSV file (who,worked_on,hours,kind,recurring,note): all of its lines or none."""
    try:
        with Client.from_environment() as client:
            address = f"pilots/{part(name)}/hours/import"
            done = client.send("POST", address, content=file.read_bytes(), media_type="text/csv").json()
    except CommandFailed as failure:
        failure.file = str(file)
        raise
    if as_json:
        screen.print_json(done)
    else:
        screen.say(f"{done['lines']} lines: {done['new']} new, {done['unchanged']} unchanged")
