"""The supervisor's children with real processes: killed, told to end, and never staying up."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.stack.children import LOADED_SUFFIX, LONGEST_DELAY_SECONDS, PATIENCE, Child, Program
from app.stack.home import ProcessState, StackHome
from app.stack.process import is_alive

MODULE = "tests.unit.stack.program"
Make = Callable[..., Child]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    home = StackHome(tmp_path / "home")
    home.prepare()
    made: list[Child] = []

    def start(how: str = "ready", *, is_production: bool = True, **more: Any) -> Child:
        program = Program("gateway", (MODULE, how), slot="gateway-1", is_production=is_production, drain_seconds=20, **more)
        made.append(Child(program, home, {**os.environ, "LET_GO": str(tmp_path / "let-go")}))
        made[-1].start()
        return made[-1]

    yield start
    for child in made:
        child.end()


def look_until(child: Child, happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < until
        child.look(time.monotonic())
        time.sleep(0.002)


def wait_until_running(child: Child) -> int:
    look_until(child, lambda: child.entry.state is ProcessState.RUNNING)
    assert child.entry.pid is not None
    return child.entry.pid


def wait_until_ended(child: Child, pid: int) -> None:
    token = child.entry.start_token
    until = time.monotonic() + 20
    while is_alive(pid, token):
        assert time.monotonic() < until
        time.sleep(0.002)


def test_one_that_stands_back_does_so_after_each_start_and_no_more_than_the_kernel_knows(make: Make) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    child = make(is_production=False, niceness=3)
    first = wait_until_running(child)
    assert os.getpriority(os.PRIO_PROCESS, first) == min(19, own + 3)
    os.kill(first, signal.SIGKILL)
    look_until(child, lambda: child.entry.restarts == 1)
    assert os.getpriority(os.PRIO_PROCESS, wait_until_running(child)) == min(19, own + 3)
    assert os.getpriority(os.PRIO_PROCESS, wait_until_running(make(is_production=False, niceness=19))) == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


def test_files_of_starts_that_are_over_do_not_pile_up(make: Make) -> None:
    child = make()
    wait_until_running(child)
    for _ in range(3):
        child.ready_file.with_name(child.ready_file.name + LOADED_SUFFIX).touch()
        child.end()
        child.start()
    assert len(list(child.ready_file.parent.iterdir())) <= 1


def test_a_killed_gateway_is_started_again_by_the_same_look_that_notices(make: Make) -> None:
    child = make()
    pid = wait_until_running(child)
    os.kill(pid, signal.SIGKILL)
    wait_until_ended(child, pid)
    assert child.look(time.monotonic())
    assert child.entry.state is ProcessState.STARTING
    assert child.entry.pid not in (None, pid)
    assert (child.entry.restarts, child.entry.last_exit) == (1, -signal.SIGKILL)


def test_another_process_waits_before_it_is_started_again(make: Make) -> None:
    child = make(is_production=False)
    pid = wait_until_running(child)
    os.kill(pid, signal.SIGKILL)
    wait_until_ended(child, pid)
    child.look(time.monotonic())
    assert (child.entry.state, child.entry.pid) == (ProcessState.RESTARTING, None)
    child.look(time.monotonic() + 1)
    assert child.entry.state is ProcessState.STARTING


def test_a_gateway_that_was_told_to_end_is_replaced_while_it_drains(make: Make, tmp_path: Path) -> None:
    child = make()
    old = wait_until_running(child)
    os.kill(old, signal.SIGTERM)
    look_until(child, lambda: len(child.draining) == 1)
    new = wait_until_running(child)
    assert [(entry.pid, entry.state) for entry in child.entries] == [
        (new, ProcessState.RUNNING),
        (old, ProcessState.DRAINING),
    ]
    assert child.failures_in_a_row == 0

    # Its end is nobody's crash, and the other one's ready file is not its own.
    (tmp_path / "let-go").touch()
    look_until(child, lambda: not child.draining)
    child.look(time.monotonic())
    assert (child.entry.pid, child.entry.restarts, child.failures_in_a_row) == (new, 1, 0)


def test_a_gateway_that_drained_within_a_moment_did_not_crash(make: Make, tmp_path: Path) -> None:
    (tmp_path / "let-go").touch()
    child = make()
    old = wait_until_running(child)
    os.kill(old, signal.SIGTERM)
    wait_until_ended(child, old)
    assert child.look(time.monotonic())
    assert (child.entry.state, child.entry.last_exit, child.failures_in_a_row) == (ProcessState.STARTING, 0, 0)


def test_a_gateway_that_drains_too_long_is_killed(make: Make) -> None:
    child = make()
    os.kill(wait_until_running(child), signal.SIGTERM)
    look_until(child, lambda: len(child.draining) == 1)
    child.look(time.monotonic() + 21)
    look_until(child, lambda: not child.draining)


def test_what_does_not_stay_up_is_started_later_and_later(make: Make) -> None:
    child = make("broken")
    now = time.monotonic()
    delays = []
    for _ in range(PATIENCE + 3):
        assert child.entry.pid is not None
        wait_until_ended(child, child.entry.pid)
        restarts = child.entry.restarts
        child.look(now)
        began = now
        while child.entry.restarts == restarts:
            now += 0.1
            child.look(now)
        delays.append(round(now - began, 1))
    assert delays[:PATIENCE] == [0.0] * PATIENCE
    assert 0 < delays[PATIENCE] < delays[PATIENCE + 1] < delays[PATIENCE + 2] < LONGEST_DELAY_SECONDS


def test_a_child_that_failed_thousands_of_times_is_still_tried(make: Make) -> None:
    child = make("broken", is_production=False)
    child.failures_in_a_row = 100_000
    assert child.entry.pid is not None
    wait_until_ended(child, child.entry.pid)
    now = time.monotonic()
    child.look(now)
    assert child.entry.pid is None
    assert child.look(now + LONGEST_DELAY_SECONDS + 1)
    assert child.entry.state is ProcessState.STARTING


def test_the_end_takes_those_that_drain_too(make: Make) -> None:
    child = make()
    old = wait_until_running(child)
    os.kill(old, signal.SIGTERM)
    look_until(child, lambda: len(child.draining) == 1)
    new = wait_until_running(child)
    child.end()
    assert child.entry.state is ProcessState.STOPPED
    assert not child.is_running()
    for pid in (old, new):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_gateway_that_falls_silent_is_killed_and_started_again(make: Make) -> None:
    child = make("silent", hang_seconds=0.3)
    pid = wait_until_running(child)
    look_until(child, lambda: child.entry.restarts == 1)
    assert child.entry.pid != pid
    assert child.entry.last_exit == -signal.SIGKILL


def test_one_that_stands_still_and_goes_on_in_time_is_left_alone(make: Make) -> None:
    child = make(hang_seconds=2.0)
    pid = wait_until_running(child)
    os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + 0.5
    look_until(child, lambda: time.monotonic() > until)
    os.kill(pid, signal.SIGCONT)
    until = time.monotonic() + 2.5
    look_until(child, lambda: time.monotonic() > until)
    assert (child.entry.pid, child.entry.restarts) == (pid, 0)


def test_after_a_machine_stood_still_a_process_has_its_time_to_speak_again(make: Make) -> None:
    child = make("silent", hang_seconds=5.0)
    pid = wait_until_running(child)
    child.look(time.monotonic())
    child.look(time.monotonic() + 3600)
    assert (child.entry.pid, child.entry.restarts) == (pid, 0)
