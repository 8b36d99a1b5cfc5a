"""Keeps what gateways live by in a folder of their own: `python -m app.stack.gateway_files --source HOME --target FOLDER`.

For gateways that share a machine with the API and shall not see its keys (`docker-compose.yml`): the routing file goes over
when a gateway can read it, the kill switch comes and goes with that of the source. What cannot be read stays as it was.
"""

import argparse
import os
import sys
from pathlib import Path

from app.domain.routing import FILE_NAME, SWITCH_NAME
from app.stack.routing_copy import write
from app.stack.signals import Signals


def main(arguments: list[str] | None = None) -> int:
    """Runs until SIGTERM."""
    options = _parser().parse_args(arguments)
    if options.once:
        found = look(options.source, options.target)
        sys.stderr.write(f"{found}\n" if found else "")
        return 1 if found else 0
    _keep(options.source, options.target, options.every)
    return 0


def _keep(source: Path, target: Path, seconds: float) -> None:
    ready = os.environ.get("PILOT_READY_FILE")
    signals, problem = Signals(), ""
    signals.listen()
    while not signals.stops_asked:
        found = look(source, target)
        if found != problem:
            sys.stderr.write(f"{found or 'everything is copied again'}\n")
            problem = found
        if ready and not found:
            Path(ready).touch()
        signals.wait(seconds)


def look(source: Path, target: Path) -> str:
    """Brings the target up to date; what could not be done, else nothing."""
    problems = []
    for step in (_switch, _routing):
        try:
            step(source, target)
        except FileNotFoundError as error:
            problems.append(f"not there yet, the target stays as it is: {error.filename}")
        except (OSError, ValueError) as error:
            problems.append(f"the target stays as it is: {error}")
    return "; ".join(problems)


def _switch(source: Path, target: Path) -> None:
    # A source that cannot be seen says nothing about its switch.
    if (source / SWITCH_NAME) in source.iterdir():
        (target / SWITCH_NAME).touch()
    else:
        (target / SWITCH_NAME).unlink(missing_ok=True)


def _routing(source: Path, target: Path) -> None:
    write(target / FILE_NAME, (source / FILE_NAME).read_bytes())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.stack.gateway_files", description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="PILOT_HOME of the API")
    parser.add_argument("--target", type=Path, required=True, help="PILOT_HOME of the gateways")
    parser.add_argument("--every", type=float, default=0.25, help="seconds between two looks")
    parser.add_argument("--once", action="store_true", help="look once and end; 1 if anything could not be copied")
    return parser


if __name__ == "__main__":
    sys.exit(main())
