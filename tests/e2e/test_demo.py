"""`./run demo` as a user starts it: its own stack, real processes, a verdict beside the truth."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.simulator.truth import ANSWERS, ESCALATIONS, EXTRACTION, true_win_rates
from app.stack.home import StackHome
from app.stack.stopping import embedded_servers, stop_stack
from tests.running import SIDE_BY_SIDE

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\s*(\w+)\s+(0\.\d+)\s+(0\.\d+)\s+(0\.\d+) to (0\.\d+)\s+(\d+)\s+(passes|fails|unknown)$", re.MULTILINE)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A short folder: sockets live in it."""
    with tempfile.TemporaryDirectory(prefix="pp-demo-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
        stop_stack(StackHome(Path(folder) / "demo"))


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def demo(home: Path, *arguments: str, port: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.stack.demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "PILOT_HOME": str(home), "PILOT_API_PORT": str(port), "PILOT_GATEWAY_PORT": "0", **SIDE_BY_SIDE},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"the demo ended before {text!r}:\n{seen}")


def nothing_runs(home: Path) -> bool:
    stack = StackHome(home / "demo")
    state = stack.read_state()
    assert state is not None
    children = [state.supervisor, *state.children]
    servers = embedded_servers(stack).values()
    return not any(child.is_alive() for child in children) and all(server.pid() is None for server in servers)


def test_a_demo_that_is_interrupted_stops_all_that_it_started(home: Path) -> None:
    with demo(home) as process:
        read_until(process, "$ pilot create")
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait(timeout=60) == 1
    assert nothing_runs(home)


def test_a_second_demo_in_the_same_home_is_refused_while_the_first_runs(home: Path) -> None:
    with demo(home) as first:
        read_until(first, "$ pilot create")
        with demo(home, "--exit") as second:
            said, _ = second.communicate(timeout=60)
            assert second.returncode == 1
            assert "a demo runs in" in said
        # Killed without a chance to tidy up: what it leaves is the next test's business.
        first.kill()


def test_a_demo_reaches_hybrid_and_measures_the_truth(home: Path, busy_port: int) -> None:
    with demo(home, "--exit", "--live-seconds", "5", port=busy_port) as process:
        said, _ = process.communicate(timeout=280)
    assert process.returncode == 0, said
    assert f"port {busy_port} is in use" in said
    assert f"Verdict: HYBRID (moves to qwen: {ANSWERS}, {EXTRACTION})" in said

    rows = {row[0]: row[1:] for row in ROW.findall(said)}
    assert {segment: row[-1] for segment, row in rows.items()} == {
        ANSWERS: "passes",
        EXTRACTION: "passes",
        ESCALATIONS: "fails",
    }
    for segment, true in true_win_rates().items():
        shown, _, low, high, _, _ = rows[segment]
        assert shown == f"{true:.3f}"
        assert float(low) < true < float(high)

    # Live traffic lies in the open day: in the ledger, not in the verdict.
    live = re.search(
        r"live: (\d+) requests, (\d+) answered, .* captured (\d+), lost 0(?:, pending (\d+))?$", said, re.MULTILINE
    )
    assert live is not None, said
    sent, answered, captured, pending = (int(number or 0) for number in live.groups())
    assert sent == captured + pending > 0
    assert pending <= sent - answered
    assert re.search(r'OpenAI\(base_url="http://127\.0\.0\.1:\d+/v1"\)', said)

    key = re.search(r"admin key\s+(\S+)", said)
    assert key is not None
    assert stat.S_IMODE(Path(key[1]).stat().st_mode) == 0o600
    page = (home / "demo" / "files" / "report.html").read_text()
    assert "HYBRID" in page.upper()
    # What the reasons say of the part that moves is what the report leads with.
    reason = re.search(r"For what moves, saving passes: .* ([\d,]+)\.(\d\d) US dollars a month are saved", said)
    assert reason is not None
    split = round(float(f"{reason[1].replace(',', '')}.{reason[2]}"))
    assert re.search(rf"Saving per month.*?\${split:,}\b", page, re.DOTALL)
    assert nothing_runs(home)
    assert json.loads((home / "demo" / "stack.json").read_text())["ready"] is False
