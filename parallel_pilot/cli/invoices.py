"""`pilot invoice import|list|remove`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client, part
from parallel_pilot.cli.errors import CommandFailed
from parallel_pilot.cli.options import AsJson, Name

app = typer.Typer(
    help="The vendor's usage and cost exports, set beside what was measured.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("import")
def import_command(
    name: Name,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Let it count instead of files with the same days and models.")
    ] = False,
    *,
    as_json: AsJson = False,
) -> None:
    """Imports a usage or cost export (CSV or JSON, as the vendor gives it): all of its lines or none."""
    try:
        with Client.from_environment() as client:
            done = client.send(
                "POST", f"pilots/{part(name)}/invoices", query={"file_name": file.name, "replace": str(replace).lower()},
                content=file.read_bytes(), media_type="application/octet-stream", seconds=LONG_SECONDS,
            ).json()  # fmt: skip
    except CommandFailed as failure:
        failure.file = str(file)
        raise
    if as_json:
        screen.print_json(done)
        return
    invoice = done["invoice"]
    if done["status"] == "unchanged":
        screen.say(f"{file.name} is imported already, as invoice {invoice['id']} ({invoice['file_name']}): nothing changed")
    else:
        screen.say(
            f"invoice {invoice['id']}: {invoice['format']}, {invoice['lines']:,} lines, {_days(invoice)}, {_usd(invoice)}"
        )
    screen.say(*(f"it counts instead of {other} where both have the same day and model" for other in done["replaced"]))
    screen.say(*(f"note: {note}" for note in done["notes"]))


@app.command("list")
def list_command(name: Name, *, as_json: AsJson = False) -> None:
    """Lists all imported files, removed ones too."""
    with Client.from_environment() as client:
        found = client.get(f"pilots/{part(name)}/invoices")
    if as_json:
        screen.print_json(found)
        return
    rows = [
        [str(each["id"]), each["file_name"], each["format"], f"{each['lines']:,}", _days(each), _usd(each), _state(each)]
        for each in found["invoices"]
    ]
    screen.print_table(["number", "file", "format", "lines", "days", "amount", "state"], rows)


@app.command()
def remove(
    name: Name,
    invoice: Annotated[int, typer.Argument(metavar="NUMBER", help="As `pilot invoice list` shows it.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """Lets a file no longer count; its history stays."""
    with Client.from_environment() as client:
        done = client.send("DELETE", f"pilots/{part(name)}/invoices/{invoice}").json()
    if as_json:
        screen.print_json(done)
    else:
        screen.say(f"invoice {done['id']} ({done['file_name']}) no longer counts")


def _days(invoice: dict[str, Any]) -> str:
    first, last = invoice["first_day"], invoice["last_day"]
    return str(first) if first == last else f"{first} to {last}"


def _usd(invoice: dict[str, Any]) -> str:
    return "no amounts" if invoice["usd"] is None else f"{invoice['usd']} US dollars"


def _state(invoice: dict[str, Any]) -> str:
    return "counts" if invoice["voided_at"] is None else f"removed by {invoice['voided_by']} at {invoice['voided_at']}"
