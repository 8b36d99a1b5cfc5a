"""Runs a target on many inputs, each made from a number of its own, and measures every one."""

import heapq
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from app.errors import InvalidInput
from tests.fuzzing.mutation import Mutator

CASES = Path(__file__).with_name("cases")
HANG_SECONDS = 1.0
# After so long an input is broken off, so that a hang does not end the run.
BROKEN_OFF_SECONDS = 20.0
SLOWEST = 5
MOST_KEPT = 20


@dataclass(frozen=True)
class Target:
    """One parser.

    Attributes:
        check: Feeds one input; raises what the parser may not raise, or `AssertionError` where a property does not hold.
        seeds: Real inputs.
        words: What the parser knows.
        share: How many of a run's inputs it gets, beside the others'.
    """

    name: str
    check: Callable[[bytes, Random], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    share: float = 1.0


@dataclass
class Outcome:
    """What became of a run."""

    inputs: int = 0
    seconds: float = 0.0
    crashes: list[dict[str, Any]] = field(default_factory=list)
    crash_count: int = 0
    hangs: list[dict[str, Any]] = field(default_factory=list)
    slowest: list[tuple[float, int]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the bench's last line."""
        slowest = [{"ms": round(1000 * seconds, 1), "number": number} for seconds, number in sorted(self.slowest, reverse=True)]
        return {
            "inputs": self.inputs,
            "per_second": round(self.inputs / self.seconds) if self.seconds else None,
            "crashes": self.crash_count,
            "hangs": len(self.hangs),
            "slowest": slowest,
        }


def named(error: InvalidInput) -> None:
    """A refusal says what is wrong."""
    assert error.message
    assert all(problem.message for problem in error.problems)


class BrokenOff(BaseException):
    """An input that does not end; not an `Exception`, so that no parser takes it for an error of its own."""


@contextmanager
def alarmed() -> Iterator[None]:
    """Breaks off what does not end, where this is the main thread."""

    def ring(*_: object) -> None:
        raise BrokenOff

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def input_of(target: Target, seed: int, number: int) -> tuple[bytes, Random]:
    """The input of that number, and the generator that goes on from it: the same whatever came before."""
    random = Random(f"{target.name} {seed} {number}")
    return Mutator(target.seeds, target.words).make(random), random


def run(target: Target, *, seed: int, inputs: int, first: int = 0, keep: Path | None = None) -> Outcome:
    """Feeds so many inputs; what crashes or hangs is kept in a folder."""
    outcome = Outcome()
    began = time.perf_counter()
    with alarmed():
        for number in range(first, first + inputs):
            data, random = input_of(target, seed, number)
            _one(target, data, random, number, outcome, keep)
    outcome.inputs, outcome.seconds = inputs, time.perf_counter() - began
    return outcome


def _one(target: Target, data: bytes, random: Random, number: int, outcome: Outcome, keep: Path | None) -> None:
    signal.setitimer(signal.ITIMER_REAL, BROKEN_OFF_SECONDS)
    began = time.thread_time()  # of this thread's own work: others on the machine do not count
    try:
        target.check(data, random)
    except BrokenOff:
        pass
    except Exception as error:  # whatever it is, it is what is looked for
        _note_crash(target, data, number, outcome, keep, error)
    took = time.thread_time() - began
    if took > HANG_SECONDS:
        outcome.hangs.append({"number": number, "seconds": round(took, 3), "file": _kept(target, data, number, keep)})
    heapq.heappush(outcome.slowest, (took, number))
    if len(outcome.slowest) > SLOWEST:
        heapq.heappop(outcome.slowest)


def _note_crash(target: Target, data: bytes, number: int, outcome: Outcome, keep: Path | None, error: Exception) -> None:
    outcome.crash_count += 1
    if len(outcome.crashes) < MOST_KEPT:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        words = f"{type(error).__name__}: {str(error)[:300]} ({where})"
        outcome.crashes.append({"number": number, "error": words, "file": _kept(target, data, number, keep)})


def _kept(target: Target, data: bytes, number: int, keep: Path | None) -> str | None:
    if keep is None:
        return None
    folder = keep / target.name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{number}.bin"
    file.write_bytes(data)
    return str(file)


def kept_cases(target: Target) -> list[Path]:
    """What once crashed or hung, kept to be fed again."""
    return sorted((CASES / target.name).glob("*"))
