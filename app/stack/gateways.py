"""The gateway alone, its processes on one socket: `python -m app.stack.gateways --host 0.0.0.0 --port 8081`.

It needs nothing else to forward: a process that ends is started again at once, and SIGTERM lets all finish what they carry.
"""

import argparse
import os
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from app.errors import StackError
from app.stack.children import LOOK_SECONDS, Child, end_children
from app.stack.home import StackHome, read_settings
from app.stack.listening import listen
from app.stack.programs import gateway_programs
from app.stack.signals import Signals


def main(arguments: list[str] | None = None) -> int:
    """Runs until SIGTERM."""
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings()
        with listen(options.host, options.port, "--port") as listening, tempfile.TemporaryDirectory(prefix="pp-") as folder:
            StackHome(settings.home.resolve()).prepare()
            own = StackHome(Path(folder))
            own.prepare()
            programs = gateway_programs(
                settings, listening.fileno(), outlive=False, name=options.name.replace("%h", socket.gethostname())
            )
            environment = {**os.environ, "PILOT_HOME": str(settings.home.resolve())}
            children = [Child(program, own, environment, writes_log=False) for program in programs]
            signals = Signals()
            signals.listen()
            _keep(children, signals)
            listening.close()  # clients are refused from now on, and do not wait in vain
            end_children(children, signals)
    except StackError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _keep(children: Sequence[Child], signals: Signals) -> None:
    for child in children:
        child.start()
    while not signals.stops_asked:
        for child in children:
            child.look(time.monotonic())
        signals.wait(LOOK_SECONDS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.stack.gateways", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument(
        "--name", default="gateway", help="begins the names of its processes: another for each machine (%%h = its name)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
