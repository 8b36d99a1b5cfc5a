"""What the whole service says of simulated pilots beside what the pure rule says of the same data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.simulation.product import h1
from tests.simulation.whole_path import Driven, Found, drive
from tests.simulation.worlds import Judge, Labels, Pilots, World, simulate

# Small enough that 80 pilots take minutes; 280 labels calibrate the judge.
SMALL = World("", conversations=700, judge=Judge(), labels=Labels(280, skip_rate=0.0))
BOUNDARY = SMALL.but(name="whole path, boundary", win_rate=0.45)
PARITY = SMALL.but(name="whole path, parity", win_rate=0.50)
SKIPPING = SMALL.but(name="whole path, parity, skips", win_rate=0.53, labels=Labels(280, skip_rate=0.02))
RAW = SMALL.but(name="whole path, no labels", win_rate=0.48, labels=None, judge=None)
FALLING = SMALL.but(name="whole path, falling", win_rate=0.54, end_win_rate=0.42)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the pure rule says of one pilot."""

    outcome: str
    passed_on: int | None
    judge_mean: float


def expected(world: World, pilots: Pilots) -> list[Expected]:
    """Of each pilot, read when all is known."""
    said = h1(world, pilots)
    told = said.migrate(world.last_moment)
    means = np.bincount(pilots.run, weights=pilots.judge_mean, minlength=pilots.runs) / np.bincount(pilots.run)
    return [
        Expected("passes" if told[run] else "fails" if said.dont_migrate[run] else "unknown",
                 int(said.passed_on[run]) or None, float(means[run]))
        for run in range(pilots.runs)
    ]  # fmt: skip


def compared(service: Driven, world: World, *, runs: int, name: str) -> Iterator[dict[str, Any]]:
    """One row a pilot: both outcomes, both days, and whether they are equal."""
    pilots = next(simulate(world, runs=runs))
    for run, want in enumerate(expected(world, pilots)):
        found = drive(service, f"{name}-{run}", world, pilots, run)
        yield _row(world, run, want, found)


def _row(world: World, run: int, want: Expected, found: Found) -> dict[str, Any]:
    quality = found.card["quality"]
    row = {
        "world": world.name,
        "pilot": run,
        "outcome": found.quality["outcome"],
        "expected_outcome": want.outcome,
        "passed_on": found.quality.get("passed_on"),
        "expected_passed_on": want.passed_on,
        "verdict": found.outcome,
        "win_rate": quality["win_rate"]["value"],
    }
    same = (row["outcome"], row["passed_on"]) == (want.outcome, want.passed_on)
    return row | {"equal": same and abs(row["win_rate"] - want.judge_mean) < 1e-9}
