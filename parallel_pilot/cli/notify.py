"""`pilot notify test`: whether messages arrive, on each channel."""

import time
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import Client, part
from parallel_pilot.cli.errors import CommandFailed
from parallel_pilot.cli.options import AsJson, Name

POLL_SECONDS = 0.5

app = typer.Typer(name="notify", help="Messages to people outside.", no_args_is_help=True)


@app.callback()
def _all() -> None:
    """Messages to people outside."""


@app.command("test")
def send_test(
    name: Name,
    seconds: Annotated[float, typer.Option(min=0, max=600, help="How long to wait for the worker.")] = 60.0,
    *,
    as_json: AsJson = False,
) -> None:
    """Has the worker send a test message to each channel of a pilot, and says what happened."""
    address = f"pilots/{part(name)}"
    with Client.from_environment() as client:
        found = client.post(f"{address}/notify/test")
        asked = {message["id"] for message in found}
        until = time.monotonic() + seconds
        while any(message["state"] == "waiting" for message in found) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            found = [message for message in client.get(f"{address}/messages") if message["id"] in asked]
    if as_json:
        screen.print_json(found)
    else:
        screen.say(*(_words(message) for message in found))
    if any(message["state"] != "sent" for message in found):
        message = "not every channel took the message"
        raise CommandFailed(message)


def _words(message: dict[str, Any]) -> str:
    if message["state"] == "sent":
        return f"{message['channel']}: sent"
    if message["state"] == "waiting":
        return f"{message['channel']}: nobody has sent it yet: does the worker run? ./run status says it"
    return f"{message['channel']}: {message['problem']}"
