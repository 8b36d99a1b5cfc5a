"""How commands of the stack talk, and end."""

import sys
from collections.abc import Callable

from app.errors import StackError


def say(line: str) -> None:
    """Tells a person; standard output is left to what scripts read."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def show(line: str) -> None:
    """Tells a script."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def exit_code(command: Callable[[], None]) -> int:
    """Runs a command; 0 done, 1 failed, and said why."""
    try:
        command()
    except StackError as error:
        say(f"error: {error}")
        return 1
    except PermissionError as error:
        say(f"error: no access to {error.filename}: it belongs to another user; set PILOT_HOME to a folder of your own")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
