import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.stack.process import end_process, is_alive, send_signal, start_token, wait_until_gone, works_in

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
PEACEFUL = "import time; print('ready', flush=True); time.sleep(60)"


@pytest.fixture(params=[PEACEFUL])
def sleeper(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen([sys.executable, "-c", request.param], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def token_of(process: "subprocess.Popen[str]") -> str:
    token = start_token(process.pid)
    assert token
    return token


def test_a_process_keeps_its_token_and_another_has_another(sleeper: "subprocess.Popen[str]") -> None:
    assert start_token(sleeper.pid) == start_token(sleeper.pid)
    assert start_token(sleeper.pid) != start_token(os.getpid())


def test_a_process_that_ended_but_is_not_collected_is_gone(sleeper: "subprocess.Popen[str]") -> None:
    token = token_of(sleeper)
    os.kill(sleeper.pid, signal.SIGKILL)
    assert wait_until_gone(sleeper.pid, token, 5)
    assert not is_alive(sleeper.pid, token)


def test_a_process_that_got_the_number_of_another_is_not_signalled(sleeper: "subprocess.Popen[str]") -> None:
    assert not send_signal(sleeper.pid, "boot:12345", signal.SIGKILL)
    assert not end_process(sleeper.pid, "boot:12345", grace_seconds=1)
    assert is_alive(sleeper.pid, token_of(sleeper))


def test_a_number_that_no_process_has_is_no_error() -> None:
    assert start_token(2**22 + 1) is None
    assert not send_signal(2**22 + 1, "boot:1", signal.SIGTERM)
    assert not is_alive(None, None)


def test_who_asks_politely_is_obeyed_at_once(sleeper: "subprocess.Popen[str]") -> None:
    began = time.monotonic()
    assert end_process(sleeper.pid, token_of(sleeper), grace_seconds=30)
    assert time.monotonic() - began < 10
    assert sleeper.wait() == -signal.SIGTERM


@pytest.mark.parametrize("sleeper", [STUBBORN], indirect=True)
def test_a_process_that_does_not_listen_is_killed_after_the_grace(sleeper: "subprocess.Popen[str]") -> None:
    assert end_process(sleeper.pid, token_of(sleeper), grace_seconds=0.2)
    assert sleeper.wait() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's working folder")
def test_a_process_is_known_by_its_working_folder(sleeper: "subprocess.Popen[str]", tmp_path: Path) -> None:
    assert works_in(sleeper.pid, tmp_path)
    assert not works_in(sleeper.pid, tmp_path.parent)
    assert not works_in(2**22 + 1, tmp_path)
