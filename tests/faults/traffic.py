"""Production in processes of its own: numbered requests at a constant rate, every byte checked."""

import math
import signal
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.gateway_loads import PATH, pinned, wait_for_port

OK, WRONG = "ok", "wrong"
LONGEST_SECONDS = 36_000
# What the program waits for answers after its last request, and a little.
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as `production.c` noted it; nanoseconds of the monotonic clock."""

    number: int
    is_streamed: bool
    port: int
    due: int
    sent: int
    first: int
    end: int
    outcome: str

    @property
    def milliseconds(self) -> float:
        """From when it was due to its last byte; one that was never answered took forever."""
        return (self.end - self.due) / 1e6 if self.end else math.inf

    def was_under_way(self, since: int, until: int) -> bool:
        """At some moment between these."""
        return self.sent <= until and (self.end == 0 or self.end >= since)


@dataclass(frozen=True)
class Place:
    """Where programs run: on which CPU, and before all others there; without a CPU wherever there is room."""

    cpu: int | None = None

    def command(self, *words: str) -> list[str]:
        """The program there."""
        return list(words) if self.cpu is None else pinned(self.cpu, words, is_first=True)


class Traffic:
    """One run of the load generator; it sends until it is stopped."""

    def __init__(self, program: Path, place: Place, port: int, rate: float, name: str, log: Path) -> None:
        self.name = name
        self._log = log
        command = place.command(str(program), str(port), str(rate), str(LONGEST_SECONDS), name, str(log), PATH)
        self._process = subprocess.Popen(command)

    def stop(self) -> list[Asked]:
        """Sends no more, waits for what is under way; every request."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(ANSWER_SECONDS) == 0
        return list(read_log(self._log))

    def end(self) -> None:
        """Whatever happened."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def read_log(file: Path) -> Iterator[Asked]:
    """The lines of `production.c`."""
    for line in file.read_text().splitlines():
        number, streamed, port, due, sent, first, end, outcome = line.split()
        yield Asked(int(number), streamed == "1", int(port), int(due), int(sent), int(first), int(end), outcome)


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which that share lies (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, math.ceil(share * len(ranked)) - 1)] if ranked else math.nan


def outcomes(asked: Sequence[Asked]) -> dict[str, int]:
    """How many came to what."""
    return dict(Counter(each.outcome for each in asked))


@dataclass
class ModelServer:
    """The C model in `echo` mode, on a port that stays its own when it is killed."""

    program: Path
    place: Place
    port: int
    delay_ms: float
    gap_ms: float = 5.0
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self, mode: str = "echo", delay_ms: float | None = None) -> None:
        """Starts it, perhaps misbehaving."""
        self.kill()
        words = (str(self.program), str(self.port), mode, str(delay_ms or self.delay_ms), "8", str(self.gap_ms), "100")
        self.process = subprocess.Popen(self.place.command(*words), stdout=subprocess.DEVNULL)
        wait_for_port(self.port, self.process)

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @contextmanager
    def running(self) -> Iterator["ModelServer"]:
        """Runs until the end."""
        self.start()
        try:
            yield self
        finally:
            self.kill()
