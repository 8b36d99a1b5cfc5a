"""`./run up`: a supervisor here or in the background, and never two for one home."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from app.errors import StackError
from app.stack.children import ROOT
from app.stack.home import Addresses, StackHome, StackState, read_settings
from app.stack.supervisor import READY_TIMEOUT_SECONDS, Supervisor

Say = Callable[[str], None]

POLL_SECONDS = 0.05


class StillForwarding(StackError):
    """The gateway forwards, but the rest could not be started; it is tried again in the background."""


def start_here(home: StackHome, say: Say, *, on_ready: Say | None = None, any_port: bool = False) -> None:
    """Supervises the stack until a signal ends it; says so and returns at once if one runs already.

    Args:
        home: The stack's folder.
        say: Gets lines for people.
        on_ready: Gets the addresses as one JSON line.
        any_port: Take a free port if the one of the settings is in use.
    """
    home.prepare()
    until = time.monotonic() + READY_TIMEOUT_SECONDS
    while time.monotonic() < until:
        with home.lock() as is_ours:
            if is_ours:
                Supervisor(home, read_settings(), say, any_port=any_port).run(lambda found: _tell(found, say, on_ready))
                return
        state = home.running()
        if state is not None and state.ready:
            say(f"already running (process {state.supervisor.pid})")
            _tell(state.addresses, say, on_ready)
            return
        _refuse_problem(state)
        time.sleep(POLL_SECONDS)
    message = f"another process starts or stops the stack of {home.root} and does not finish; ./run status shows it"
    raise StackError(message)


def start_detached(home: StackHome, say: Say, *, on_ready: Say | None = None, any_port: bool = False) -> Addresses:
    """Returns when the stack can be used; the supervisor stays in the background.

    Args:
        home: The stack's folder.
        say: Gets lines for people.
        on_ready: Gets the addresses as one JSON line.
        any_port: Take a free port if the one of the settings is in use.
    """
    home.prepare()
    log = home.logs / "supervisor.log"
    command = [sys.executable, "-m", "app.stack.up", *(["--any-port"] if any_port else [])]
    with log.open("ab") as output:
        said_before = log.stat().st_size
        supervisor = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PILOT_HOME": str(home.root)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        addresses = _wait_until_ready(home, supervisor)
    except StillForwarding:
        raise
    except BaseException:
        supervisor.terminate()
        supervisor.wait()
        raise
    finally:
        _repeat(log, said_before, say)
    if addresses is None:
        message = f"the stack did not start (exit {supervisor.returncode})"
        raise StackError(message)
    if on_ready is not None:
        on_ready(addresses.model_dump_json())
    return addresses


def _wait_until_ready(home: StackHome, supervisor: "subprocess.Popen[bytes]") -> Addresses | None:
    """The addresses, or `None` if the supervisor ended and no other runs; the supervisor has its own time limit."""
    while True:
        ended = supervisor.poll() is not None
        state = home.running()
        # If another's stack is ready, ours ends by itself; left alone it might still take over when that one ends.
        if state is not None and state.ready and (ended or state.supervisor.pid == supervisor.pid):
            return state.addresses
        _refuse_problem(state)
        if ended:
            return None
        time.sleep(POLL_SECONDS)


def _refuse_problem(state: StackState | None) -> None:
    if state is not None and state.problem is not None:
        message = "not everything runs: ./run status shows it, ./run down ends what does"
        raise StillForwarding(message)


def _repeat(log: Path, start: int, say: Say) -> None:
    """What the supervisor said, for whoever started it."""
    with log.open("rb") as file:
        file.seek(start)
        for line in file.read().decode(errors="replace").splitlines():
            say(line)


def _tell(addresses: Addresses, say: Say, on_ready: Say | None) -> None:
    say(f"ready: API {addresses.api_url}, dashboard {addresses.dashboard_url}, admin's key in {addresses.admin_key_file}")
    if on_ready is not None:
        on_ready(addresses.model_dump_json())
