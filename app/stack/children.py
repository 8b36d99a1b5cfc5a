"""The processes that the supervisor keeps running, one object each."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.stack.child import NO_PARENT
from app.stack.home import ProcessEntry, ProcessState, StackHome
from app.stack.process import stand_back, start_token
from app.stack.pulse import VARIABLE as PULSE
from app.stack.pulse import Pulse
from app.stack.signals import Signals
from app.stack.terminal import say

ROOT = Path(__file__).resolve().parents[2]
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0
# Production waits for a gateway: so many failures in a row are answered at once, and it is steady soon.
PATIENCE = 3
PRODUCTION_STEADY_SECONDS = 5.0
LOOK_SECONDS = 0.1
LOG_BYTES = 20 * 1024 * 1024
HEALTH_TIMEOUT_SECONDS = 1.0
LOADED_SUFFIX = ".loaded"


@dataclass(frozen=True, slots=True)
class Program:
    """How to start a child.

    Attributes:
        name: As `./run status` shows it.
        arguments: Module and its arguments.
        slot: Tells processes of the same name apart.
        answers: Whether the child can work; `None`: it writes its ready file.
        file_descriptors: What it inherits.
        is_production: Production requests go through it: it is started again at once, and may finish what it carries while
            another has its place already, which it asks for by removing its ready file.
        drain_seconds: How long it may take to end.
        outlives: It goes on when the supervisor is killed.
        niceness: How far it, and what it starts, stands back for processor time, beyond the supervisor's own.
        hang_seconds: Silent for so long (`app.stack.pulse`), it is killed and started again; `None`: it is not listened to.
    """

    name: str
    arguments: tuple[str, ...]
    slot: str | None = None
    answers: Callable[[], bool] | None = None
    file_descriptors: tuple[int, ...] = ()
    is_production: bool = False
    drain_seconds: float = 10.0
    outlives: bool = False
    niceness: int = 0
    hang_seconds: float | None = None

    @property
    def label(self) -> str:
        """Its name, or which of several it is."""
        return self.slot or self.name


@dataclass(slots=True)
class Draining:
    """A process that was told to end and finishes what it carries."""

    process: "subprocess.Popen[bytes]"
    entry: ProcessEntry
    until: float


@dataclass(slots=True)
class Child:
    """A program that is started again whenever it ends, later and later while it does not stay up.

    Attributes:
        writes_log: Into a file of the home; else it writes where we do.
    """

    program: Program
    home: StackHome
    environment: Mapping[str, str]
    writes_log: bool = True
    entry: ProcessEntry = field(init=False)
    failures_in_a_row: int = 0
    was_ready: bool = False
    draining: list[Draining] = field(default_factory=list)
    _process: "subprocess.Popen[bytes] | None" = None
    _starts: int = 0
    _started_at: float = 0.0
    _start_again_at: float = 0.0
    _pulse: Pulse | None = None

    def __post_init__(self) -> None:
        self.entry = ProcessEntry(name=self.program.name, slot=self.program.slot)

    @property
    def log(self) -> Path:
        """What the process writes."""
        return self.home.logs / f"{self.program.label}.log"

    @property
    def ready_file(self) -> Path:
        """Of this start alone: one that drains removes its own, not that of its successor."""
        return self.home.ready / f"{self.program.label}-{os.getpid()}-{self._starts}"

    @property
    def is_loaded(self) -> bool:
        """A gateway that waits for its socket says so in a file of its own; one that ended will not."""
        ended = self._process is not None and self._process.poll() is not None
        return ended or self._loaded_file.exists()

    @property
    def _loaded_file(self) -> Path:
        return self.ready_file.with_name(self.ready_file.name + LOADED_SUFFIX)

    def _forget_files(self) -> None:
        for file in (self.ready_file, self._loaded_file):
            file.unlink(missing_ok=True)

    @property
    def entries(self) -> list[ProcessEntry]:
        """Its process, and those that still drain."""
        return [self.entry, *(found.entry for found in self.draining)]

    def start(self) -> None:
        """Starts it now; its group is its own, so that Ctrl-C reaches the supervisor alone."""
        self._forget_files()
        self._starts += 1
        self._forget_files()
        if self.writes_log:
            if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
            with self.log.open("ab") as log:
                self._process = self._spawn(log.fileno())
        else:
            self._process = self._spawn(None)
        self._started_at = time.monotonic()
        self.entry.pid = self._process.pid
        self.entry.start_token = start_token(self._process.pid)
        self.entry.state = ProcessState.STARTING

    def _spawn(self, output: int | None) -> "subprocess.Popen[bytes]":
        parent = NO_PARENT if self.program.outlives else str(os.getpid())
        self._listen_no_more()
        given = self.program.file_descriptors
        environment = {**self.environment, "PILOT_READY_FILE": str(self.ready_file)}
        if self.program.hang_seconds is not None:
            self._pulse = Pulse()
            given = (*given, self._pulse.writes)
            environment[PULSE] = str(self._pulse.writes)
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.stack.child", parent, *self.program.arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=given,
                start_new_session=True,
            )
        finally:
            if self._pulse is not None:
                self._pulse.give_away()
        stand_back(process.pid, self.program.niceness)
        return process

    def _listen_no_more(self) -> None:
        if self._pulse is not None:
            self._pulse.close()
            self._pulse = None

    def _end_if_it_hangs(self, now: float) -> None:
        """Its requests wait for ever: killed, they fail, clients try again, and another process takes its connections."""
        limit = self.program.hang_seconds
        if self._process is None or self._pulse is None or limit is None:
            return
        if self._pulse.silent_seconds(now) > limit:
            self._process.kill()
            self._listen_no_more()  # once; the next look notices its end
            with suppress(OSError):  # a full disk must not end us, and with us all gateways
                say(f"{self.program.label} (process {self._process.pid}) hangs: silent for {limit:g} s, killed, started again")

    def look(self, now: float) -> bool:
        """Notices an end, readiness or draining, and starts it again when it is time; whether anything changed."""
        changed = self._collect(now)
        self._end_if_it_hangs(now)
        if self._process is not None and (code := self._process.poll()) is not None:
            self._ended(code, now)
            changed = True
        if self._process is None:
            if now < self._start_again_at:
                return changed
            self.start()
            self.entry.restarts += 1
            return True
        if self.entry.state is ProcessState.STARTING and self._is_ready():
            self.entry.state = ProcessState.RUNNING
            self.was_ready = True
            return True
        if self._was_told_to_end():
            self._replace(now)
            return True
        return changed

    def _is_ready(self) -> bool:
        return self.ready_file.exists() if self.program.answers is None else self.program.answers()

    def _replace(self, now: float) -> None:
        """Somebody told the process to end: another takes its place while it finishes what it carries."""
        assert self._process is not None  # noqa: S101 - it is running
        leaving = self.entry.model_copy(update={"state": ProcessState.DRAINING})
        self.draining.append(Draining(self._process, leaving, now + self.program.drain_seconds))
        self.start()
        self.entry = self.entry.model_copy(update={"restarts": self.entry.restarts + 1})

    def _collect(self, now: float) -> bool:
        """Lets go of what drained, and ends what takes too long."""
        for found in self.draining:
            if now > found.until and found.process.poll() is None:
                found.process.kill()
        left = [found for found in self.draining if found.process.poll() is None]
        is_changed = len(left) != len(self.draining)
        self.draining = left
        return is_changed

    def _ended(self, code: int, now: float) -> None:
        if now - self._started_at > (PRODUCTION_STEADY_SECONDS if self.program.is_production else STEADY_SECONDS):
            self.failures_in_a_row = 0
        elif not self._was_told_to_end():
            self.failures_in_a_row += 1
        self._process = None
        self._start_again_at = now + self._delay_seconds()
        self.entry = self.entry.model_copy(
            update={"pid": None, "start_token": None, "state": ProcessState.RESTARTING, "last_exit": code}
        )

    def _was_told_to_end(self) -> bool:
        """A gateway that drains says so by removing its ready file."""
        return self.program.is_production and self.entry.state is ProcessState.RUNNING and not self.ready_file.exists()

    def _delay_seconds(self) -> float:
        beyond = self.failures_in_a_row - (PATIENCE if self.program.is_production else 0)
        if self.program.is_production and beyond <= 0:
            return 0.0
        return float(min(FIRST_DELAY_SECONDS * 2 ** min(max(beyond - 1, 0), 16), LONGEST_DELAY_SECONDS))

    def ask_to_end(self) -> None:
        """SIGTERM: it finishes what is under way."""
        if self._process is not None:
            self._process.terminate()

    def is_running(self) -> bool:
        """Whether a process of it has not ended yet."""
        processes = [self._process, *(found.process for found in self.draining)]
        return any(process is not None and process.poll() is None for process in processes)

    def end(self) -> None:
        """Kills it if it still runs; it is not started again."""
        self._listen_no_more()
        for found in self.draining:
            found.process.kill()
            found.process.wait()
        self.draining = []
        if self._process is not None:
            self._process.kill()  # does nothing to one that ended
            self.entry.last_exit = self._process.wait()
        self._process = None
        self.entry = self.entry.model_copy(update={"pid": None, "start_token": None, "state": ProcessState.STOPPED})

    def last_lines(self, count: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:]) if self.log.exists() else ""


def end_children(children: Sequence[Child], signals: Signals) -> None:
    """Tells all to end, the last one first, and gives each its time; whoever asks twice does not want to wait."""
    began = time.monotonic()
    for child in reversed(children):
        child.ask_to_end()
    for child in sorted(children, key=lambda child: child.program.drain_seconds):
        until = began + child.program.drain_seconds
        while child.is_running() and signals.stops_asked < 2 and time.monotonic() < until:  # noqa: PLR2004
            signals.wait(LOOK_SECONDS)
        child.end()


def answers_ready(api_url: str) -> bool:
    """Whether the API says that it can serve."""
    try:
        with urllib.request.urlopen(f"{api_url}/health/ready", timeout=HEALTH_TIMEOUT_SECONDS) as answer:  # noqa: S310 - ours
            return bool(answer.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False
