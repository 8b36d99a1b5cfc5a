"""`./run up`: `python -m app.stack.up [--detach] [--json]`."""

import argparse
import sys

from app.stack.home import StackHome, read_settings
from app.stack.starting import start_detached, start_here
from app.stack.terminal import exit_code, say, show


def parser() -> argparse.ArgumentParser:
    """Its options."""
    made = argparse.ArgumentParser(prog="./run up", allow_abbrev=False)
    made.add_argument("--detach", action="store_true", help="return when everything is ready")
    made.add_argument("--json", action="store_true", help="print the addresses as one JSON line")
    made.add_argument("--any-port", action="store_true", help="take a free port where that of the settings is in use")
    return made


def up(arguments: argparse.Namespace) -> None:
    """Starts the stack and stays, or returns when it is ready."""
    start = start_detached if arguments.detach else start_here
    home = StackHome(read_settings().home.resolve())
    start(home, say, on_ready=show if arguments.json else None, any_port=arguments.any_port)


if __name__ == "__main__":
    found = parser().parse_args()
    sys.exit(exit_code(lambda: up(found)))
