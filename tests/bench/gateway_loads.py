"""Load and fake models in C, compiled when a bench begins: what measures must cost less than what is measured."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.running import free_port

SOURCES = Path(__file__).parent / "loadgen"
PATH = "/v1/chat/completions"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MissingTool(Exception):
    """The machine lacks a program that the bench needs; the text says which."""


@dataclass(frozen=True)
class Cpus:
    """The system under test is alone on one; everything else is on the other."""

    tested: int
    others: int


def two_cpus() -> Cpus:
    """The first two that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        message = "this bench needs two CPUs: one for the system under test alone, one for everything else"
        raise MissingTool(message)
    return Cpus(usable[0], usable[1])


def pinned(cpu: int, command: Sequence[str], *, is_first: bool = False) -> list[str]:
    """The command on one CPU, with all that it starts; first of all there, where this user may say so."""
    if shutil.which("taskset") is None:
        message = "taskset is missing (Debian: apt-get install util-linux)"
        raise MissingTool(message)
    return ["taskset", "-c", str(cpu), *(_REAL_TIME if is_first and may_be_first() else ()), *command]


_REAL_TIME = ("chrt", "-f", "1")


@cache
def may_be_first() -> bool:
    """Whether this user may start processes that go before all ordinary ones."""
    try:
        return subprocess.run([*_REAL_TIME, "true"], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def compiled(name: str, folder: Path) -> Path:
    """A program of `tests/bench/loadgen/`, made with gcc."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        message = "gcc is missing (Debian: apt-get install gcc libc6-dev): load generator and fake models are C"
        raise MissingTool(message)
    made = folder / name
    subprocess.run([compiler, "-O2", "-o", str(made), str(SOURCES / f"{name}.c")], check=True)
    return made


@dataclass(frozen=True)
class Model:
    """A running fake model."""

    port: int
    process: "subprocess.Popen[str]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def stop(self) -> dict[str, int]:
        """Ends it; what it served."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=10)
        return dict(json.loads(said))


@contextmanager
def model(
    program: Path,
    cpu: int,
    mode: str = "ok",
    *,
    delay_ms: float = 0,
    chunks: int = 100,
    gap_ms: float = 20,
    port: int = 0,
    is_first: bool = False,
) -> Iterator[Model]:
    """A fake model: `ok`, `hang`, `garbage` or `huge` (100 MB answers); or who takes what the in-app client sends, `ingest`."""
    port = port or free_port()
    command = [str(program), str(port), mode, str(delay_ms), str(chunks), str(gap_ms), "100"]
    process = subprocess.Popen(pinned(cpu, command, is_first=is_first), stdout=subprocess.PIPE, text=True)
    try:
        wait_for_port(port, process)
        yield Model(port, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for_port(port: int, process: "subprocess.Popen[Any]", seconds: float = 20) -> None:
    """Until somebody listens there."""
    import socket  # noqa: PLC0415 - one small use

    until = time.monotonic() + seconds
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > until:
            message = f"{process.args!r} does not listen on port {port} (exit code {process.poll()})"
            raise RuntimeError(message)
        time.sleep(0.02)


@dataclass(frozen=True)
class Load:
    """The load generator; `is_first`: it goes before all else on its CPU, so that it measures others' delays, not its own."""

    program: Path
    cpu: int
    is_first: bool = False

    def run(self, how: str, port: int, amount: int, seconds: float, path: str = PATH) -> dict[str, Any]:
        """One run; see the head of `load.c`."""
        command = [str(self.program), how, str(port), str(amount), str(seconds), path]
        said = subprocess.run(
            pinned(self.cpu, command, is_first=self.is_first), check=True, capture_output=True, text=True
        ).stdout
        return dict(json.loads(said))


def process_tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += process_tree(int(child))
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time so far, from `/proc/PID/stat`."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_SECOND


def resident_mb(pid: int) -> float:
    """Memory of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 2**20
