"""`pilot people add|list|role|disable|enable|reset`, for admins."""

import sys
from enum import StrEnum
from getpass import getpass
from typing import Annotated, Any, TypeAlias

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import Client, part
from parallel_pilot.cli.errors import CommandFailed, WrongUse
from parallel_pilot.cli.options import AsJson

app = typer.Typer(
    help="People who sign in to the dashboard; needs an admin's key.", no_args_is_help=True, rich_markup_mode=None
)
PersonName: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.", show_default=False)]
FromStdin: TypeAlias = Annotated[
    bool, typer.Option("--password-stdin", help="Reads the password as one line of standard input, for scripts.")
]
TRIES = 3


class PersonRole(StrEnum):
    """What a person may do: each may do what the ones before it may."""

    VIEWER = "viewer"
    LABELLER = "labeller"
    OPERATOR = "operator"
    ADMIN = "admin"


@app.command()
def add(
    name: PersonName,
    role: Annotated[PersonRole, typer.Option(help="What the person may do.", show_default=False)],
    *,
    password_stdin: FromStdin = False,
    must_change: Annotated[
        bool, typer.Option("--must-change", help="The password has to be changed at the first sign-in.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Adds a person; the password is asked twice on the terminal, never given as an argument."""
    with Client.from_environment() as client:
        document = {
            "name": name,
            "role": role.value,
            "password": _password(password_stdin),
            "must_change_password": must_change,
        }
        made = client.post("people", document)
    _say(made, f"'{made['name']}' ({role.value}) can sign in now", as_json=as_json)


@app.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """Lists all people."""
    with Client.from_environment() as client:
        found = client.get("people")
    if as_json:
        screen.print_json(found)
        return
    rows = [[one["name"], one["role"], (one["last_seen_at"] or "never")[:19], _state(one)] for one in found]
    screen.print_table(["person", "role", "last seen", "state"], rows)


@app.command("role")
def change_role(
    name: PersonName,
    role: Annotated[PersonRole, typer.Argument(help="What the person may do from now on.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """Gives a person another role; the person has to sign in again."""
    with Client.from_environment() as client:
        changed = client.post(f"people/{part(name)}/role", {"role": role.value})
    _say(changed, f"'{changed['name']}' has the role {role.value} now", as_json=as_json)


@app.command()
def disable(name: PersonName, *, as_json: AsJson = False) -> None:
    """Shuts a person out from now on; what the person did stays."""
    with Client.from_environment() as client:
        changed = client.post(f"people/{part(name)}/disable")
    _say(changed, f"'{changed['name']}' may not sign in any more", as_json=as_json)


@app.command()
def enable(name: PersonName, *, as_json: AsJson = False) -> None:
    """Lets a disabled person in again, with the password of before."""
    with Client.from_environment() as client:
        changed = client.post(f"people/{part(name)}/enable")
    _say(changed, f"'{changed['name']}' may sign in again", as_json=as_json)


@app.command()
def reset(name: PersonName, *, password_stdin: FromStdin = False, as_json: AsJson = False) -> None:
    """Sets a new password, which the person has to change at the next sign-in."""
    with Client.from_environment() as client:
        changed = client.post(f"people/{part(name)}/reset", {"password": _password(password_stdin)})
    _say(changed, f"'{changed['name']}' has a new password, to be changed at the next sign-in", as_json=as_json)


def _password(from_stdin: bool) -> str:
    """The password: a line of standard input, or typed twice on the terminal."""
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
        if not given:
            message = "--password-stdin: standard input has no password"
            raise WrongUse(message)
        return given
    if not sys.stdin.isatty():
        message = "there is no terminal to ask for the password; give it as a line of standard input with --password-stdin"
        raise WrongUse(message)
    return _typed()


def _typed() -> str:
    for _ in range(TRIES):
        given = getpass("password (12 to 200 characters): ", stream=sys.stderr)
        if given == getpass("the same again: ", stream=sys.stderr):
            return given
        screen.note("these are not the same; once more")
    message = "no password was typed twice the same"
    raise CommandFailed(message)


def _say(document: Any, line: str, *, as_json: bool) -> None:
    if as_json:
        screen.print_json(document)
    else:
        screen.say(line)


def _state(person: dict[str, Any]) -> str:
    if person["disabled_at"] is not None:
        return f"disabled {person['disabled_at'][:19]}"
    return "has to choose a password" if person["must_change_password"] else ""
