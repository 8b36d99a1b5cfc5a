"""What the whole service says of simulated pilots beside what the pure rule says of the same data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.simulation.product import corrected_means, h1
from tests.simulation.whole_path import Driven, Found, drive
from tests.simulation.worlds import Judge, Labels, Pilots, World, simulate

# Small enough that 80 pilots take minutes; 280 labels calibrate the judge.
SMALL = World("", conversations=700, judge=Judge(), labels=Labels(280, skip_rate=0.0, waits=3))
CLOSE = 1e-9  # the store sums in another order
BOUNDARY = SMALL.but(name="whole path, boundary", win_rate=0.45)
PARITY = SMALL.but(name="whole path, parity", win_rate=0.50)
SKIPPING = SMALL.but(name="whole path, parity, skips", win_rate=0.53, labels=Labels(280, skip_rate=0.02, waits=3))
RAW = SMALL.but(name="whole path, no labels", win_rate=0.48, labels=None, judge=None)
FALLING = SMALL.but(name="whole path, falling", win_rate=0.54, end_win_rate=0.42)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the pure rule says of one pilot."""

    outcome: str
    passed_on: int | None
    failed_on: int | None
    judge_mean: float
    corrected_mean: float | None


def expected(world: World, pilots: Pilots) -> list[Expected]:
    """Of each pilot, read when all is known."""
    said = h1(world, pilots)
    told = said.migrate(world.last_moment)
    means = np.bincount(pilots.run, weights=pilots.judge_mean, minlength=pilots.runs) / np.bincount(pilots.run)
    corrected = corrected_means(world, pilots).tolist() if world.labels is not None else [None] * pilots.runs
    return [
        Expected(
            "fails" if said.failed_on[run] else "passes" if told[run] else "unknown",
            int(said.passed_on[run]) or None,
            int(said.failed_on[run]) or None,
            float(means[run]),
            corrected[run],
        )
        for run in range(pilots.runs)
    ]


def compared(service: Driven, world: World, *, runs: int, name: str) -> Iterator[dict[str, Any]]:
    """One row a pilot: both outcomes, both days, and whether they are equal."""
    pilots = next(simulate(world, runs=runs))
    for run, want in enumerate(expected(world, pilots)):
        found = drive(service, f"{name}-{run}", world, pilots, run)
        yield _row(world, run, want, found)


def _row(world: World, run: int, want: Expected, found: Found) -> dict[str, Any]:
    quality = found.card["quality"]
    days = {"passed_on": quality["passed_on"], "failed_on": quality["failed_on"]}
    said = {"outcome": found.quality["outcome"], **days}
    wanted = {"outcome": want.outcome, "passed_on": want.passed_on, "failed_on": want.failed_on}
    means = [
        (quality["win_rate"]["value"], want.judge_mean),
        (quality["win_rate_human_corrected"]["value"], want.corrected_mean),
    ]
    return {
        "world": world.name,
        "pilot": run,
        **said,
        "expected": wanted,
        "verdict": found.outcome,
        "win_rate": means[0][0],
        "corrected": means[1][0],
        "equal": said == wanted and all(_is_same(*pair) for pair in means),
    }


def _is_same(said: float | None, wanted: float | None) -> bool:
    return said is wanted is None or (said is not None and wanted is not None and abs(said - wanted) < CLOSE)
