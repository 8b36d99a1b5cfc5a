"""`pilot encryption status|rotate|encrypt-old|new-key` and `pilot shred`: keys of stored texts, for admins."""

import base64
import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client, part
from parallel_pilot.cli.errors import CommandFailed
from parallel_pilot.cli.options import AsJson, Name

app = typer.Typer(help="Keys of stored texts; needs an admin's key.", no_args_is_help=True, rich_markup_mode=None)
KEY_BYTES = 32


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Says which keys there are (by their fingerprints), and how many texts are sealed under which, or plain."""
    with Client.from_environment() as client:
        found = client.send("GET", "encryption", seconds=LONG_SECONDS).json()
    if as_json:
        screen.print_json(found)
        return
    screen.say(f"keys in {found['place']}, newest first:")
    screen.print_table(
        ["fingerprint", "data keys that it wraps"], [[key["fingerprint"], str(key["data_keys"])] for key in found["keys"]]
    )
    if found["lost"]:
        screen.note(f"{found['lost']} data keys are wrapped by a key that is not there: their texts cannot be read")
    rows = [
        [each["pilot"], "shredded" if each["is_shredded"] else str(each["newest_key"]), str(each["plain"]), _sealed(each)]
        for each in found["pilots"]
    ]
    screen.print_table(["pilot", "data key", "plain texts", "sealed texts"], rows)
    if not found["is_all"]:
        screen.note("there are more texts than were counted")


@app.command()
def rotate(
    *,
    data_keys: Annotated[bool, typer.Option("--data-keys", help="Also makes a new data key for every pilot.")] = False,
    as_json: AsJson = False,
) -> None:
    """Puts a new key first and wraps all data keys under it; older keys stay, to read what was backed up before."""
    with Client.from_environment() as client:
        done = client.post("encryption/rotate", {"data_keys": data_keys}, seconds=LONG_SECONDS)
    if as_json:
        screen.print_json(done)
        return
    new = "a new key" if done["is_new_key"] else "the first key"
    screen.say(f"{done['wrapped']} data keys are wrapped under {new} now ({done['fingerprint']})")
    if done["made"]:
        screen.say(f"{done['made']} new data keys seal from now on")


@app.command("encrypt-old")
def encrypt_old(*, as_json: AsJson = False) -> None:
    """Seals texts that earlier versions stored as they are; can be interrupted and asked for again."""
    total, after = 0, 0
    with Client.from_environment() as client:
        while True:
            turn = client.post("encryption/encrypt-old", {"after": after}, seconds=LONG_SECONDS)
            total += turn["texts"]
            if turn["next"] is None:
                break
            after = turn["next"]
            screen.note(f"{total} texts sealed")
    if as_json:
        screen.print_json({"texts": total})
    else:
        screen.say(f"{total} texts were sealed; none is stored plain any more")


@app.command("new-key")
def new_key() -> None:
    """Prints a new key for PILOT_PAYLOAD_KEYS; asks no service and keeps nothing."""
    screen.say(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode())


def shred(
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Does not ask for the name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Makes all texts of a stopped pilot unreadable for good; figures stay. For admins."""
    if not yes:
        screen.note(f"nobody will be able to read the texts of '{name}' again; its figures stay")
        if typer.prompt("type the pilot's name to shred them", err=True).strip() != name:
            message = "that is another name: nothing was shredded"
            raise CommandFailed(message)
    with Client.from_environment() as client:
        done = client.post(f"pilots/{part(name)}/shred", {"name": name}, seconds=LONG_SECONDS)
        removed, cleared = done["data_keys"], done["cleared"]
        while not done["is_cleared"]:
            screen.note(f"{cleared} exchanges cleared")
            done = client.post(f"pilots/{part(name)}/shred", {"name": name}, seconds=LONG_SECONDS)
            cleared += done["cleared"]
    if as_json:
        screen.print_json(done | {"data_keys": removed, "cleared": cleared})
        return
    screen.say(f"the texts of '{name}' were shredded on {done['shredded_at'][:10]}: nobody can read them again")


def _sealed(pilot: dict[str, Any]) -> str:
    return ", ".join(f"{texts} under key {number}" for number, texts in pilot["sealed"].items()) or "0"


COMMANDS: tuple[Callable[..., None], ...] = (shred,)
