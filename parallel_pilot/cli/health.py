"""`pilot health`: which part of the service is ill, since when, and where it is written what to do."""

from typing import Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import Client
from parallel_pilot.cli.errors import CommandFailed, ServiceUnreachable
from parallel_pilot.cli.options import AsJson

RUNBOOK = "docs/runbook.md#part-"
MINUTE, HOUR = 60, 3600
UNREACHABLE = "the service does not answer, so it cannot say how the other parts are; ./run status shows the processes"


def health(*, as_json: AsJson = False) -> None:
    """Says which part is ill, since when, and which entry of the runbook is about it; ends with 1 if one is."""
    try:
        with Client.without_key() as client:
            found = client.get("/health/parts")
    except ServiceUnreachable as error:
        found = {"status": "ill", "parts": [{"name": "api", "status": "ill", "what": str(error), "since_seconds": None}]}
        if not as_json:
            screen.note(UNREACHABLE)
    if as_json:
        screen.print_json(found)
    else:
        _show(found)
    if found["status"] != "ok":
        raise typer.Exit(CommandFailed.exit_code)


def _show(found: dict[str, Any]) -> None:
    rows = [[part["name"], _words(part), part["what"]] for part in found["parts"]]
    screen.print_table(["part", "", "what"], rows)
    ill = [part["name"] for part in found["parts"] if part["status"] == "ill"]
    screen.say(*(f"{name}: what to do is in {RUNBOOK}{name}" for name in ill))
    if not ill:
        screen.say("every part is well" if found["status"] == "ok" else "no part is known to be ill, but not all answer")


def _words(part: dict[str, Any]) -> str:
    since = part["since_seconds"]
    return part["status"] if since is None else f"{part['status']} for {_long(since)}"


def _long(seconds: float) -> str:
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.0f} h"


COMMANDS = (health,)
