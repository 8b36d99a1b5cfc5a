"""The processes that the supervisor keeps running, one object each."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.stack.home import ProcessEntry, ProcessState, StackHome
from app.stack.process import start_token

ROOT = Path(__file__).resolve().parents[2]
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0
LOG_BYTES = 20 * 1024 * 1024
HEALTH_TIMEOUT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Program:
    """How to start a child.

    Attributes:
        name: As `./run status` shows it.
        arguments: Module and its arguments.
        is_ready: Whether the child can work.
        file_descriptors: What it inherits.
    """

    name: str
    arguments: tuple[str, ...]
    is_ready: Callable[[], bool]
    file_descriptors: tuple[int, ...] = ()


@dataclass(slots=True)
class Child:
    """A program that is started again whenever it ends, later and later while it does not stay up."""

    program: Program
    home: StackHome
    environment: Mapping[str, str]
    entry: ProcessEntry = field(init=False)
    failures_in_a_row: int = 0
    was_ready: bool = False
    _process: subprocess.Popen[bytes] | None = None
    _started_at: float = 0.0
    _start_again_at: float = 0.0

    def __post_init__(self) -> None:
        self.entry = ProcessEntry(name=self.program.name)

    @property
    def log(self) -> Path:
        """What the process writes."""
        return self.home.logs / f"{self.program.name}.log"

    def start(self) -> None:
        """Starts it now; its group is its own, so that Ctrl-C reaches the supervisor alone."""
        ready_file = self.home.ready_file(self.program.name)
        ready_file.unlink(missing_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        command = [sys.executable, "-m", "app.stack.child", str(os.getpid()), *self.program.arguments]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self.environment, "PILOT_READY_FILE": str(ready_file)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.program.file_descriptors,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self.entry.pid = self._process.pid
        self.entry.start_token = start_token(self._process.pid)
        self.entry.state = ProcessState.STARTING

    def look(self, now: float) -> bool:
        """Notices an end or readiness, and starts it again when it is time; whether anything changed."""
        if self._process is None:
            if now < self._start_again_at:
                return False
            self.start()
            self.entry.restarts += 1
            return True
        code = self._process.poll()
        if code is not None:
            self._ended(code, now)
            return True
        if self.entry.state is ProcessState.STARTING and self.program.is_ready():
            self.entry.state = ProcessState.RUNNING
            self.was_ready = True
            return True
        return False

    def _ended(self, code: int, now: float) -> None:
        self.failures_in_a_row = 0 if now - self._started_at > STEADY_SECONDS else self.failures_in_a_row + 1
        delay = FIRST_DELAY_SECONDS * 2 ** max(self.failures_in_a_row - 1, 0)
        self._process = None
        self._start_again_at = now + min(delay, LONGEST_DELAY_SECONDS)
        self.entry = self.entry.model_copy(
            update={"pid": None, "start_token": None, "state": ProcessState.RESTARTING, "last_exit": code}
        )

    def ask_to_end(self) -> None:
        """SIGTERM: it finishes what is under way."""
        if self._process is not None:
            self._process.terminate()

    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process is not None and self._process.poll() is None

    def end(self) -> None:
        """Kills it if it still runs; it is not started again."""
        if self._process is not None:
            if self.is_running():
                self._process.kill()
            self.entry.last_exit = self._process.wait()
        self._process = None
        self.entry = self.entry.model_copy(update={"pid": None, "start_token": None, "state": ProcessState.STOPPED})

    def last_lines(self, count: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:]) if self.log.exists() else ""


def answers_ready(api_url: str) -> bool:
    """Whether the API says that it can serve."""
    try:
        with urllib.request.urlopen(f"{api_url}/health/ready", timeout=HEALTH_TIMEOUT_SECONDS) as answer:  # noqa: S310 - ours
            return bool(answer.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False
