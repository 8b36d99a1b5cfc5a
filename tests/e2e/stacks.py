"""Real stacks in folders of their own, by the commands that people type."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.stack.home import StackHome
from app.stack.status import read_status
from tests.running import SIDE_BY_SIDE

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


@dataclass(frozen=True)
class Stack:
    """One home and the settings it is run with."""

    home: Path
    settings: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PILOT_")}
        ports = {"PILOT_API_PORT": "0", "PILOT_GATEWAY_PORT": "0"}
        return {**kept, "PILOT_HOME": str(self.home), **ports, **SIDE_BY_SIDE, **self.settings}

    def run(self, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", f"app.stack.{module}", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=START_SECONDS
        )

    def up(self, *more: str) -> dict[str, Any]:
        done = self.run("up", "--detach", "--json", *more)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def down(self) -> str:
        done = self.run("cli", "down")
        assert done.returncode == 0, done.stderr
        return done.stderr

    def status(self) -> dict[str, dict[str, Any]]:
        """Every process by its name, those of the gateway by their slot; without those that drain.

        It is what the command tells (`told`), without a process for each question.
        """
        return by_name(read_status(StackHome(self.home.resolve())).model_dump(mode="json"))

    def told(self) -> dict[str, dict[str, Any]]:
        """The same by the command."""
        done = self.run("cli", "status", "--json")
        assert done.returncode == 0, done.stderr
        return by_name(json.loads(done.stdout))

    def pids(self) -> dict[str, int]:
        return {name: process["pid"] for name, process in self.status().items() if process["pid"] is not None}

    def kill(self, name: str) -> int:
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid


def by_name(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    running = [*shown["processes"], shown["supervisor"]]
    return {process["slot"] or process["name"]: process for process in running if process["state"] != "draining"}


def runs(pid: int) -> bool:
    """Whether a process runs; its remains, which nobody has collected yet, do not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(what: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.1)


def answer_of(url: str, key: str | None = None, *, seconds: float = 10.0) -> Any:
    assert url.startswith("http://127.0.0.1:")
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
        return json.load(answer)
