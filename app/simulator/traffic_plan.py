"""When simulated customers write, and what: arrival times, and the turn of which conversation each one is."""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from math import log
from pathlib import Path

from app.simulator.draws import lognormal, uniform, weighted
from app.simulator.history import PLANS
from app.simulator.truth import ANSWERS, ESCALATIONS, EXTRACTION, case_number, segment_of

# The history's cases are below; above there is room for many runs that do not meet.
FIRST_INDEX, INDICES = 5_000, 90_000
SHARES = {ANSWERS: 0.58, EXTRACTION: 0.21, ESCALATIONS: 0.21}
# A customer reads the answer before writing again.
PAUSE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Write:
    """One request of a simulated customer.

    Attributes:
        at_seconds: Since the beginning of the traffic.
    """

    at_seconds: float
    case: int
    turn: int

    @property
    def segment(self) -> str:
        """The kind of work, as the application names it."""
        return segment_of(self.case)


def poisson_times(rate: float, seconds: float, seed: int) -> list[float]:
    """Arrivals at a mean rate, as of customers who know nothing of each other."""
    times: list[float] = []
    at = 0.0
    while True:
        at -= log(uniform(seed, "arrival", len(times))) / rate
        if at >= seconds:
            return times
        times.append(at)


def read_times(path: Path) -> list[float]:
    """Seconds since the first arrival, from a file (`.gz` too) whose lines begin with a number of seconds or a moment.

    What follows a comma is not looked at, nor is a first line of titles.

    Raises:
        ValueError: Naming the line that is neither.
    """
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    firsts = [line.partition(",")[0].strip() for line in text.splitlines()]
    found = [_seconds_of(first) for first in firsts]
    wrong = [number for number, (first, seconds) in enumerate(zip(firsts, found, strict=True), 1) if first and seconds is None]
    if wrong and wrong != [1]:
        message = f"{path}, line {next(number for number in wrong if number > 1)}: neither seconds nor a moment"
        raise ValueError(message)
    times = sorted(seconds for seconds in found if seconds is not None)
    if not times:
        message = f"{path} holds no arrivals"
        raise ValueError(message)
    return [seconds - times[0] for seconds in times]


def _seconds_of(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        # Some traces have seven digits of a second's fraction; Python 3.11 reads at most six.
        return datetime.fromisoformat(text[:26]).timestamp()
    except ValueError:
        return None


def plan(times: Sequence[float], seed: int) -> Iterator[Write]:
    """What is written at each arrival: the next turn of a conversation whose pause is over, else a new conversation."""
    waiting: list[tuple[float, int, int]] = []
    first = int(uniform(seed, "first") * INDICES)
    started = 0
    for at in times:
        if waiting and waiting[0][0] <= at:
            _, case, turn = heappop(waiting)
        else:
            segment = weighted(SHARES, seed, started, "segment")
            case, turn = case_number(segment, FIRST_INDEX + (first + started) % INDICES), 1
            started += 1
        yield Write(at, case, turn)
        if turn < weighted(PLANS[segment_of(case)].turns, seed, case, "turns"):
            heappush(waiting, (at + lognormal(PAUSE_SECONDS, 0.5, seed, case, turn, "pause"), case, turn + 1))
