import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.stack.home import Addresses, ProcessEntry, ProcessState, StackHome, StackState
from app.stack.process import start_token
from app.stack.status import read_status, status_lines

GONE = ProcessEntry(name="supervisor", pid=os.getpid(), start_token="an:earlier-process")
US = ProcessEntry(name="supervisor", pid=os.getpid(), start_token=start_token(os.getpid()), state=ProcessState.RUNNING)
ADDRESSES = Addresses(api_url="http://a", gateway_url="http://g", dashboard_url="d", admin_key_file="k")


@pytest.fixture
def sleeper() -> Iterator[ProcessEntry]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        token = start_token(process.pid)
        yield ProcessEntry(
            name="gateway", slot="gateway-1", pid=process.pid, start_token=token, state=ProcessState.RUNNING
        )  # fmt: skip
        process.kill()


def stack(tmp_path: Path, supervisor: ProcessEntry, *children: ProcessEntry) -> StackHome:
    home = StackHome(tmp_path)
    external = ["postgres", "redis"]
    home.write_state(
        StackState(supervisor=supervisor, addresses=ADDRESSES, external=external, children=list(children))
    )  # fmt: skip
    return home


def test_a_home_that_never_ran_has_every_process_stopped(tmp_path: Path) -> None:
    found = read_status(StackHome(tmp_path))
    names = ["gateway", "api", "mirror", "recorder", "worker", "beat", "postgres", "redis"]
    assert [(process.name, process.state) for process in found.processes] == [(name, ProcessState.STOPPED) for name in names]
    assert (found.api_url, found.gateway_url, found.supervisor.pid) == (None, None, None)


def test_every_process_of_the_gateway_is_shown_with_its_slot(tmp_path: Path, sleeper: ProcessEntry) -> None:
    draining = sleeper.model_copy(update={"state": ProcessState.DRAINING})
    starting = ProcessEntry(name="gateway", slot="gateway-2", state=ProcessState.RESTARTING, restarts=3, last_exit=-9)
    found = read_status(stack(tmp_path, US, sleeper, draining, starting))
    shown = [(process.name, process.slot, process.state) for process in found.processes[:4]]
    assert shown == [
        ("gateway", "gateway-1", "running"),
        ("gateway", "gateway-1", "draining"),
        ("gateway", "gateway-2", "restarting"),
        ("api", None, "stopped"),
    ]
    assert found.gateway_url == "http://g"
    assert [process.state for process in found.processes[-2:]] == ["external", "external"]
    assert any("gateway-2" in line and "restarted 3 times, last exit -9" in line for line in status_lines(found))


def test_what_goes_on_without_its_supervisor_is_an_orphan(tmp_path: Path, sleeper: ProcessEntry) -> None:
    found = read_status(stack(tmp_path, GONE, sleeper, ProcessEntry(name="api", pid=os.getpid(), start_token="an:other")))
    gateway, api = found.processes[:2]
    assert (gateway.state, gateway.is_orphan) == ("running", True)
    assert (api.state, api.pid, api.is_orphan) == ("stopped", None, False)
    # It forwards, but there is no API to talk to.
    assert (found.gateway_url, found.api_url) == ("http://g", None)
    assert [line for line in status_lines(found) if "orphan" in line and "./run up" in line and "gateway-1" in line]


def test_why_not_everything_runs_is_said(tmp_path: Path, sleeper: ProcessEntry) -> None:
    home = stack(tmp_path, US, sleeper)
    state = home.read_state()
    assert state is not None
    home.write_state(state.model_copy(update={"problem": "the database is away"}))
    found = read_status(home)
    assert found.problem == "the database is away"
    assert "problem: the database is away" in status_lines(found)
