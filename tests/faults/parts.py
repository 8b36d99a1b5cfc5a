"""The processes of a stack, and what can be done to them: killed, stopped, made slow. No others are touched."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.stack.home import ProcessState, StackHome
from app.stack.process import start_token
from app.stack.status import Status, read_status
from tests.bench.gateway_loads import process_tree

SUPERVISOR, GATEWAY = "supervisor", "gateway"
EVERY = ("mirror", "recorder", "api", "worker", "beat", "redis", "postgres")
DEAD_SECONDS = 10.0
SLOW_STOPPED_SECONDS, SLOW_RUNNING_SECONDS = 0.08, 0.02


@dataclass
class Parts:
    """The processes of one home."""

    home: Path
    ended: set[int] = field(default_factory=set)
    _stopped: set[int] = field(default_factory=set)

    def status(self) -> Status:
        """What runs now."""
        return read_status(StackHome(self.home.resolve()))

    def pid(self, name: str, which: int = 0) -> int:
        """One process of that name, or of that slot."""
        return self.pids(name)[which]

    def pids(self, name: str) -> list[int]:
        """The living processes of that name."""
        shown = self.status()
        if name == SUPERVISOR:
            return [shown.supervisor.pid] if shown.supervisor.pid else []
        return [
            each.pid for each in shown.processes if name in (each.name, each.slot) and each.pid and each.state != "draining"
        ]

    def by_name(self) -> dict[str, int]:
        """Every living process of the stack by its slot or name."""
        shown = self.status()
        return {
            each.slot or each.name: each.pid
            for each in [*shown.processes, shown.supervisor]
            if each.pid and each.state is not ProcessState.DRAINING
        }

    def restarts(self) -> dict[str, int]:
        """How often the supervisor has started each process again."""
        return {each.slot or each.name: each.restarts for each in self.status().processes if each.state != "draining"}

    def kill(self, name: str, which: int = 0) -> int:
        """SIGKILL."""
        pid = self.pid(name, which)
        os.kill(pid, signal.SIGKILL)
        self.ended.add(pid)
        return pid

    def tree(self, name: str, which: int = 0) -> list[int]:
        """The process and, but for the supervisor, all below it."""
        pid = self.pid(name, which)
        return [pid] if name == SUPERVISOR else process_tree(pid)

    def states(self) -> Iterator[tuple[str, int, int, str]]:
        """Name, id, and for it and each process below it its id and the kernel's word for what it does."""
        for name, pid in self.by_name().items():
            with contextlib.suppress(OSError):  # it ended meanwhile
                for each in process_tree(pid):
                    status = Path(f"/proc/{each}/status").read_text()
                    title = Path(f"/proc/{each}/cmdline").read_text().replace("\0", " ").strip()
                    state = next(line for line in status.splitlines() if line.startswith("State:"))
                    yield name, pid, each, f"{state.removeprefix('State:').strip()} {title[:120]}"

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """SIGSTOP to the first process of each name, SIGCONT at the end."""
        pids = [pid for name in names for pid in self.tree(name)]
        try:
            self._send(pids, signal.SIGSTOP)
            yield
        finally:
            self._send(reversed(pids), signal.SIGCONT)

    @contextmanager
    def slowed(self, *names: str) -> Iterator[None]:
        """A fifth of the time is left to the first process of each name."""
        pids = [pid for name in names for pid in self.tree(name)]
        is_over = threading.Event()

        def hold() -> None:
            while not is_over.is_set():
                self._send(pids, signal.SIGSTOP)
                is_over.wait(SLOW_STOPPED_SECONDS)
                self._send(pids, signal.SIGCONT)
                is_over.wait(SLOW_RUNNING_SECONDS)

        thread = threading.Thread(target=hold, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
            self._send(pids, signal.SIGCONT)

    def _send(self, pids: Sequence[int] | Iterator[int], number: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(pid, number)

    def are_back(self) -> bool:
        """Whether every process runs again, and none is one that was ended."""
        shown = self.status()
        everything = [*shown.processes, shown.supervisor]
        if any(each.pid in self.ended for each in everything if each.pid):
            return False
        ours = [each for each in everything if each.state is not ProcessState.EXTERNAL]
        return all(each.pid and each.state in (ProcessState.RUNNING, ProcessState.DRAINING) for each in ours)

    def client_ports(self, pid: int, listening: int) -> set[int]:
        """The remote ports of the connections that a process accepted on a port."""
        inodes = {target[8:-1] for target in _descriptors(pid) if target.startswith("socket:[")}
        found = set()
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            columns = line.split()
            if int(columns[1].rpartition(":")[2], 16) == listening and columns[9] in inodes:
                found.add(int(columns[2].rpartition(":")[2], 16))
        return found - {0}


def _descriptors(pid: int) -> Iterator[str]:
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield str(each.readlink())


def spread(parts: Parts, tested: int, others: int) -> None:
    """The gateway's processes on one CPU, all others on the other."""
    for name, pid in parts.by_name().items():
        cpu = tested if name.startswith(GATEWAY) else others
        for each in [pid] if name == SUPERVISOR else process_tree(pid):
            with contextlib.suppress(OSError):  # it ended meanwhile
                for task in Path(f"/proc/{each}/task").iterdir():
                    os.sched_setaffinity(int(task.name), {cpu})


@contextmanager
def kept_apart(parts: Parts, tested: int, others: int) -> Iterator[None]:
    """Also those that are started again: the supervisor's place would else be theirs."""
    is_over = threading.Event()

    def look() -> None:
        seen: set[int] = set()
        while not is_over.wait(0.1):
            pids = set(parts.by_name().values())
            if pids - seen:
                spread(parts, tested, others)
                seen = pids

    spread(parts, tested, others)
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def wait_until_back(parts: Parts, seconds: float) -> float:
    """How long it took until every process ran again."""
    began = time.monotonic()
    while not parts.are_back():
        assert time.monotonic() - began < seconds, f"not everything is back: {parts.status()}"
        time.sleep(0.1)
    return time.monotonic() - began


def _threads(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return []


def wait_until_dead(pid: int) -> None:
    """Returns once its files are closed: it is a zombie, or gone."""
    until = time.monotonic() + DEAD_SECONDS
    while start_token(pid) is not None or len(_threads(pid)) > 1:
        assert time.monotonic() < until, f"{pid} does not die"
        time.sleep(0.001)
