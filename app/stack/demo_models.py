"""The demo's simulated model servers, as processes that end with us."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.errors import StackError
from app.simulator.assistant import CANDIDATE, INCUMBENT
from app.stack.children import ROOT

JUDGE = "judge"
END_SECONDS = 5.0
# The judge is asked thousands of times, so it has a process of its own; the two models answer as fast as in the history.
GROUPS = (((INCUMBENT, CANDIDATE), ("--speedup", "1")), ((JUDGE,), ()))


@contextmanager
def simulated_models(logs: Path) -> Iterator[Mapping[str, str]]:
    """Serves incumbent, candidate and judge; the base URL of each.

    Args:
        logs: Folder for what the processes write.
    """
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with (logs / "simulator.log").open("ab") as log:
            processes += [_start(roles, options, log.fileno()) for roles, options in GROUPS]
        yield {name: url for process in processes for name, url in _addresses(process, logs).items()}
    finally:
        for process in processes:
            _end(process)


def _start(roles: tuple[str, ...], options: tuple[str, ...], log: int) -> subprocess.Popen[bytes]:
    named = [word for role in roles for word in ("--role", role)]
    command = [sys.executable, "-m", "app.simulator", "--with-parent", *named, *options]
    # A session of their own: Ctrl-C reaches us alone, and we end them when nobody asks them any more.
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
    )


def _addresses(process: subprocess.Popen[bytes], logs: Path) -> dict[str, str]:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    line = process.stdout.readline()
    if not line:
        message = f"a simulated model server did not start; see {logs / 'simulator.log'}"
        raise StackError(message)
    roles: dict[str, str] = json.loads(line)["roles"]
    return roles


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
