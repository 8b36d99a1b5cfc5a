"""Where `pilot` begins: says what to install, runs the command, turns failures into exit codes."""

import sys
from collections.abc import Sequence

FAILED = 1
NEEDED = ("typer", "rich", "httpx2")


def main() -> None:
    """Runs `pilot` with the process's arguments and ends the process: 0 done, 1 failed, 2 wrong use."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command.

    Args:
        arguments: What stands after `pilot`.

    Returns:
        0 done, 1 failed, 2 wrong use.
    """
    try:
        from parallel_pilot.cli.application import run_command  # noqa: PLC0415 - only here can its absence be explained
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] not in NEEDED:
            raise
        sys.stderr.write(f"pilot needs {missing.name}: pip install 'parallel-pilot[cli]'\n")
        return FAILED
    return run_command(arguments)
