"""`pilot keys add|list|revoke`, for admins."""

from enum import StrEnum
from typing import Annotated

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import Client, part
from parallel_pilot.cli.options import AsJson

app = typer.Typer(help="API keys of the service; needs an admin's key.", no_args_is_help=True, rich_markup_mode=None)
KeyName = Annotated[str, typer.Argument(metavar="NAME", help="The key's name.", show_default=False)]


class KeyRole(StrEnum):
    """What a key may do: `ingest` hands in events and no more; from `viewer` on each may do what the ones before it may."""

    INGEST = "ingest"
    VIEWER = "viewer"
    LABELLER = "labeller"
    OPERATOR = "operator"
    ADMIN = "admin"


@app.command()
def add(
    name: KeyName,
    role: Annotated[KeyRole, typer.Option(help="What it may do.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """Makes a key and prints it, this once."""
    with Client.from_environment() as client:
        made = client.post("keys", {"name": name, "role": role.value})
    if as_json:
        screen.print_json(made)
        return
    screen.say(made["key"])
    screen.note(f"the key '{name}' ({role.value}) is shown this once: the service keeps only a digest")


@app.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """Lists all keys, without the keys."""
    with Client.from_environment() as client:
        found = client.get("keys")
    if as_json:
        screen.print_json(found)
        return
    rows = [[key["name"], key["role"], key["created_at"][:19], (key["revoked_at"] or "")[:19]] for key in found]
    screen.print_table(["key", "role", "made", "revoked"], rows)


@app.command()
def revoke(name: KeyName, *, as_json: AsJson = False) -> None:
    """Ends a key from now on."""
    with Client.from_environment() as client:
        ended = client.send("DELETE", f"keys/{part(name)}").json()
    if as_json:
        screen.print_json(ended)
    else:
        screen.say(f"the key '{name}' is revoked")
