"""`./run down`, `status` and `pilot`: `python -m app.stack.cli COMMAND`; light, since scripts call them often."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from app.settings import Settings
from app.stack.home import StackHome, read_settings
from app.stack.status import read_status, status_lines
from app.stack.stopping import stop_stack
from app.stack.terminal import exit_code, say, show


def stack_home() -> StackHome:
    """The home that the settings name."""
    return StackHome(read_settings().home.resolve())


def down(_: argparse.Namespace) -> None:
    """Ends the stack."""
    ended = stop_stack(stack_home())
    say(f"ended: {', '.join(ended)}" if ended else "nothing ran")


def status(arguments: argparse.Namespace) -> None:
    """Shows every process."""
    found = read_status(stack_home())
    for line in [found.model_dump_json()] if arguments.json else status_lines(found):
        show(line)


def pilot(arguments: list[str]) -> None:
    """Becomes the `pilot` command."""
    environment = pilot_environment(read_settings(), os.environ)
    script = str(Path(sys.executable).with_name("pilot"))
    os.execve(sys.executable, [sys.executable, script, *arguments], environment)  # noqa: S606 - no shell is meant


def pilot_environment(settings: Settings, given: Mapping[str, str]) -> dict[str, str]:
    """Tells the `pilot` command where the local stack is, unless the environment names a service itself."""
    home = StackHome(settings.home.resolve())
    state = home.running()
    local = state.addresses.api_url if state else f"http://127.0.0.1:{settings.api_port}"
    if state is None and "PILOT_SERVICE_URL" not in given:
        say("the local stack does not run; ./run up starts it")
    environment = {"PILOT_SERVICE_URL": local, **given}
    # The local admin's key is for the local service only.
    if environment["PILOT_SERVICE_URL"].rstrip("/") == local and home.admin_key_file.exists():
        environment.setdefault("PILOT_API_KEY", home.admin_key_file.read_text().strip())
    return environment


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    made = argparse.ArgumentParser(prog="./run", allow_abbrev=False)
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("down", help="end the stack").set_defaults(do=down)
    showing = commands.add_parser("status", help="show the processes")
    showing.add_argument("--json", action="store_true", help="print one JSON line")
    showing.set_defaults(do=status)
    return made


def main() -> int:
    """Runs one command."""
    if sys.argv[1:2] == ["pilot"]:
        return exit_code(lambda: pilot(sys.argv[2:]))
    arguments = parser().parse_args()
    return exit_code(lambda: arguments.do(arguments))


if __name__ == "__main__":
    sys.exit(main())
