"""`pilot decision sign|list`."""

from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import Client, part
from parallel_pilot.cli.errors import WrongUse
from parallel_pilot.cli.options import AsJson, Name

app = typer.Typer(help="What was decided on a report, signed and never changed.", no_args_is_help=True, rich_markup_mode=None)


class Outcome(StrEnum):
    """What can be decided."""

    MIGRATE = "MIGRATE"
    DONT_MIGRATE = "DONT_MIGRATE"
    HYBRID = "HYBRID"
    EXTEND = "EXTEND"


@app.command()
def sign(  # noqa: PLR0913 - one parameter an option
    name: Name,
    outcome: Annotated[Outcome, typer.Option(help="What is decided.", show_default=False)],
    signed_name: Annotated[str, typer.Option("--name", help="Of whoever decides.", show_default=False)],
    role: Annotated[str, typer.Option(help="What that person is, as 'Head of Platform'.", show_default=False)],
    report: Annotated[int | None, typer.Option(help="Its number; default: the newest report.", show_default=False)] = None,
    candidate: Annotated[str | None, typer.Option(help="Default: the only one.", show_default=False)] = None,
    reason: Annotated[str, typer.Option(help="Why; needed where the report says otherwise.")] = "",
    until: Annotated[
        str | None,
        typer.Option(
            help="Last day (YYYY-MM-DD) on which it holds; needed where the report says otherwise.", show_default=False
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Signs a decision under a report. It can be superseded by another one, and never changed or removed."""
    document = {"outcome": outcome.value, "name": signed_name, "role": role, "reason": reason}
    chosen = {"report": report, "candidate": candidate, "expires_at": _end_of(until) if until is not None else None}
    with Client.from_environment() as client:
        done = client.post(f"pilots/{part(name)}/decisions", document | chosen)
    if as_json:
        screen.print_json(done)
        return
    made = done["decision"]
    other = f", against the report's {made['verdict']}" if made["is_override"] else ", as the report says"
    screen.say(f"decision {made['id']}: {made['outcome']} for {made['candidate']} on report {made['report']}{other}")
    screen.say(f"signed by {made['name']}, {made['role']}; holds until {_day(made['expires_at']) or 'another one'}")
    screen.say(*(f"warning: {warning}" for warning in done["warnings"]))


@app.command("list")
def list_command(name: Name, *, as_json: AsJson = False) -> None:
    """Lists all decisions, those that were superseded, too."""
    with Client.from_environment() as client:
        found = client.get(f"pilots/{part(name)}/decisions")
    if as_json:
        screen.print_json(found)
        return
    columns = ["number", "signed", "report", "candidate", "report says", "decided", "by", "until", "state"]
    screen.print_table(columns, [_row(each) for each in found["decisions"]])
    if found["broken_at"] is not None:
        screen.say(f"warning: decision {found['broken_at']} is not as it was signed: somebody changed the database")


def _row(each: dict[str, Any]) -> list[str]:
    return [
        str(each["id"]),
        _day(each["signed_at"]),
        str(each["report"]),
        each["candidate"],
        each["verdict"],
        each["outcome"],
        f"{each['name']}, {each['role']}",
        _day(each["expires_at"]),
        each["standing"],
    ]


def _day(moment: str | None) -> str:
    return moment[:10] if moment else ""


def _end_of(day: str) -> str:
    """The end of a day where the command is run."""
    try:
        return datetime.combine(date.fromisoformat(day), time(23, 59, 59)).astimezone().isoformat()
    except (ValueError, OverflowError, OSError):
        message = f"--until: must be a day as 2027-03-01, is {day!r}"
        raise WrongUse(message) from None
