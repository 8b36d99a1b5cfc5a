"""What `./run up`, `down`, `status` and `pilot` do: `python -m app.stack.cli COMMAND`."""

import argparse
import os
import sys
from pathlib import Path

from app.errors import StackError
from app.stack.home import StackHome
from app.stack.preparing import read_settings
from app.stack.starting import start_detached, start_here
from app.stack.status import read_status, status_lines
from app.stack.stopping import stop_stack


def say(line: str) -> None:
    """Tells a person; standard output is left to what scripts read."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def show(line: str) -> None:
    """Tells a script."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def stack_home() -> StackHome:
    """The home that the settings name."""
    return StackHome(read_settings().home.resolve())


def up(arguments: argparse.Namespace) -> None:
    """Starts the stack and stays, or returns when it is ready."""
    start = start_detached if arguments.detach else start_here
    start(stack_home(), say, on_ready=show if arguments.json else None, any_port=arguments.any_port)


def down(_: argparse.Namespace) -> None:
    """Ends the stack."""
    ended = stop_stack(stack_home())
    say(f"ended: {', '.join(ended)}" if ended else "nothing ran")


def status(arguments: argparse.Namespace) -> None:
    """Shows every process."""
    found = read_status(stack_home())
    for line in [found.model_dump_json()] if arguments.json else status_lines(found):
        show(line)


def pilot(arguments: argparse.Namespace) -> None:
    """Becomes the `pilot` command, told where the local stack is unless the environment says otherwise."""
    settings = read_settings()
    home = StackHome(settings.home.resolve())
    state = home.running()
    local = state.addresses.api_url if state else f"http://127.0.0.1:{settings.api_port}"
    if "PILOT_SERVICE_URL" not in os.environ and state is None:
        say("the local stack does not run (./run up starts it)")
    environment = {"PILOT_SERVICE_URL": local, **os.environ}
    # The local admin's key is for the local service only.
    if environment["PILOT_SERVICE_URL"].rstrip("/") == local and home.admin_key_file.exists():
        environment.setdefault("PILOT_API_KEY", home.admin_key_file.read_text().strip())
    script = str(Path(sys.executable).with_name("pilot"))
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, script, *arguments.rest], environment)  # noqa: S606 - no shell is meant


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    made = argparse.ArgumentParser(prog="./run", allow_abbrev=False)
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    starting = commands.add_parser("up", help="start the stack and stay until Ctrl-C")
    starting.add_argument("--detach", action="store_true", help="return when everything is ready")
    starting.add_argument("--json", action="store_true", help="print the addresses as one JSON line")
    starting.add_argument("--any-port", action="store_true", help="take a free port if PILOT_API_PORT is in use")
    starting.set_defaults(do=up)
    commands.add_parser("down", help="end the stack").set_defaults(do=down)
    showing = commands.add_parser("status", help="show the processes")
    showing.add_argument("--json", action="store_true", help="print one JSON line")
    showing.set_defaults(do=status)
    return made


def main() -> int:
    """Runs one command; 0 done, 1 failed, 2 wrong use."""
    try:
        if sys.argv[1:2] == ["pilot"]:
            pilot(argparse.Namespace(rest=sys.argv[2:]))
        arguments = parser().parse_args()
        arguments.do(arguments)
    except StackError as error:
        say(f"error: {error}")
        return 1
    except PermissionError as error:
        say(f"error: no access to {error.filename}: it belongs to another user; set PILOT_HOME to a folder of your own")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
