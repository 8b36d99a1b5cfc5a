"""`pilot hours add|list|import|export|correct|remove|history`."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client, part
from parallel_pilot.cli.errors import CommandFailed, WrongUse
from parallel_pilot.cli.options import AsJson, Name

KINDS = "set-up, prompt porting, tuning, incident, upgrade, evaluation, on-call, other"
JSON_TYPES = {".json": "application/json"}

Number: TypeAlias = Annotated[
    int, typer.Argument(metavar="ID", help="The entry's number: `pilot hours list`.", show_default=False)
]
Reason: TypeAlias = Annotated[str, typer.Option(help="Why; kept in the entry's history.", show_default=False)]

app = typer.Typer(help="Engineering hours: the cost that most comparisons forget.", no_args_is_help=True, rich_markup_mode=None)


class Dates(StrEnum):
    """How days such as 02/03/2026 are written."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


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
    _say_entry(stored, as_json=as_json)


@app.command("list")
def list_command(name: Name, *, as_json: AsJson = False) -> None:
    """Lists all hours of a pilot, with their sums by kind, person and week."""
    with Client.from_environment() as client:
        found = client.get(f"pilots/{part(name)}/hours")
    if as_json:
        screen.print_json(found)
        return
    rows = [[str(e["id"]), *_cells(e)] for e in found["entries"]]
    screen.print_table(["id", "day", "who", "hours", "kind", "comes", "note"], rows)
    screen.say(f"once: {found['one_off_hours']:g} hours; recurring: {found['recurring_hours']:g} hours")
    if rows:
        _show_sums(found)


@app.command("import")
def import_command(
    name: Name,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE.csv|FILE.json")],
    kind: Annotated[
        str | None, typer.Option(help=f"Kind of all of a tracker's entries that no rule names: {KINDS}.", show_default=False)
    ] = None,
    kind_of: Annotated[
        list[str] | None,
        typer.Option(
            "--kind-of",
            metavar="LABEL=KIND",
            help="Kind of a tracker's entries with that tag, task, project, label or issue (`OPS-*` too); may be repeated, "
            "the first that meets is taken.",
            show_default=False,
        ),
    ] = None,
    dates: Annotated[
        Dates | None, typer.Option(help="How the file writes days such as 02/03/2026.", show_default=False)
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Imports our own CSV (who,worked_on,hours,kind,recurring,note) or an export of Toggl Track, Clockify or Jira.

    All of its lines or none; the same file again adds nothing.
    """
    query = {"kind": kind, "kind_of": kind_of or None, "dates": dates.value if dates else None}
    media_type = JSON_TYPES.get(file.suffix.lower(), "text/csv")
    try:
        with Client.from_environment() as client:
            address = f"pilots/{part(name)}/hours/import"
            content = file.read_bytes()
            sent = client.send("POST", address, query=query, content=content, media_type=media_type, seconds=LONG_SECONDS)
    except CommandFailed as failure:
        failure.file = str(file)
        raise
    done = sent.json()
    if as_json:
        screen.print_json(done)
    else:
        screen.say(f"{done['lines']} lines: {done['new']} new, {done['unchanged']} unchanged" + _of_tracker(done))


@app.command("export")
def export_command(
    name: Name,
    out: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, metavar="FILE.csv", help="Where to; default: the terminal.")
    ] = None,
) -> None:
    """Writes all hours as CSV in the format that can be imported again."""
    with Client.from_environment() as client:
        content = client.send("GET", f"pilots/{part(name)}/hours/export", seconds=LONG_SECONDS).content
    if out is None:
        typer.echo(content, nl=False)
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        message = f"{out} cannot be written: {error.strerror}"
        raise CommandFailed(message) from None
    screen.note(f"{out} is written ({len(content):,} bytes)")


@app.command()
def correct(  # noqa: PLR0913, PLR0917 - one parameter an option
    name: Name,
    number: Number,
    who: Annotated[str | None, typer.Option(help="Who worked.", show_default=False)] = None,
    hours: Annotated[str | None, typer.Option(help="How long, such as 3.5.", show_default=False)] = None,
    kind: Annotated[str | None, typer.Option(help=f"One of: {KINDS}.", show_default=False)] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day.", show_default=False)] = None,
    recurring: Annotated[
        bool | None, typer.Option("--recurring/--once", help="Whether it is of a kind that comes again.", show_default=False)
    ] = None,
    note: Annotated[str | None, typer.Option(help="What it was about.", show_default=False)] = None,
    reason: Reason = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Corrects an entry: a new one, with a number of its own, counts in its place; the old one stays in the history."""
    day = on.date().isoformat() if on is not None else None
    given = {"who": who, "worked_on": day, "hours": hours, "kind": kind, "recurring": recurring, "note": note}
    changes = {field: value for field, value in given.items() if value is not None}
    if not changes:
        message = "nothing is corrected: give --who, --hours, --kind, --on, --recurring, --once or --note"
        raise WrongUse(message)
    with Client.from_environment() as client:
        sent = client.send("PATCH", f"pilots/{part(name)}/hours/{number}", document={**changes, "reason": reason})
    _say_entry(sent.json(), as_json=as_json)


@app.command()
def remove(name: Name, number: Number, reason: Reason = "") -> None:
    """Removes an entry: it counts no more and stays in the history."""
    with Client.from_environment() as client:
        client.send("DELETE", f"pilots/{part(name)}/hours/{number}", query={"reason": reason or None})
    screen.say(f"entry {number} is removed")


@app.command()
def history(name: Name, number: Number, *, as_json: AsJson = False) -> None:
    """Shows all versions of an entry, oldest first."""
    with Client.from_environment() as client:
        found = client.get(f"pilots/{part(name)}/hours/{number}/history")
    if as_json:
        screen.print_json(found)
        return
    rows = [[str(v["id"]), *_cells(v), v["logged_by"], v["logged_at"][:16], _fate(v)] for v in found["versions"]]
    screen.print_table(["id", "day", "who", "hours", "kind", "comes", "note", "by", "at", "then"], rows)


def _cells(e: dict[str, Any]) -> list[str]:
    often = "comes again" if e["recurring"] else "once"
    return [e["worked_on"], e["who"], f"{e['hours']:g}", e["kind"], often, e["note"]]


def _fate(version: dict[str, Any]) -> str:
    why = f": {version['reason']}" if version["reason"] else ""
    if version["superseded_by"] is not None:
        return f"corrected, now {version['superseded_by']}{why}"
    if version["removed_at"] is not None:
        return f"removed by {version['removed_by']} on {version['removed_at'][:10]}{why}"
    return "counts"


def _say_entry(stored: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        screen.print_json(stored)
        return
    often = ", of a kind that comes again" if stored["recurring"] else ""
    screen.say(f"{stored['hours']:g} hours{often}, of {stored['who']} on {stored['worked_on']}: {stored['kind']}")


def _of_tracker(done: dict[str, Any]) -> str:
    """What is said of trackers' files alone: how the entries were understood."""
    if "source" not in done:
        return ""
    kinds = ", ".join(f"{kind} {hours:g} h" for kind, hours in done["hours_by_kind"].items()) or "nothing"
    more = f", {done['too_short']} below 18 seconds left out" if done["too_short"] else ""
    changed = f", {done['corrected']} changed in the tracker" if done["corrected"] else ""
    comes = f"once {done['one_off_hours']:g} h, recurring {done['recurring_hours']:g} h"
    return f"{changed}{more} (read as {done['source']})\nlogged: {kinds}; {comes}"


def _show_sums(found: dict[str, Any]) -> None:
    groups = [("kind", kind, of) for kind, of in found["by_kind"].items()]
    groups += [("person", who, of) for who, of in found["by_person"].items()]
    groups += [("week", f"{_week(of)}from {of['starts_on']}", of) for of in found["by_week"]]
    rows = [[by, what, f"{of['one_off_hours']:g}", f"{of['recurring_hours']:g}"] for by, what, of in groups]
    screen.print_table(["by", "", "once", "recurring"], rows)
    month = found["recurring_hours_per_month"]
    if month is not None:
        ends = f"{month['value']:.1f} [{month['low']:.1f}, {month['high']:.1f}]"
        screen.say(f"recurring hours a month: {ends}, from {month['entries']} entries of {month['weeks']} weeks")


def _week(of: dict[str, Any]) -> str:
    return f"{of['week']}, " if of["week"] is not None else ""
