"""`./run bench fuzz`: every parser fed with mutated real inputs; no crash, no input over a second.

Each input is made from the seed and a number of its own, so that one that was found is made again by `--only NAME
--first NUMBER --inputs 1`. What crashes or hangs is kept under `--keep`; put it into tests/fuzzing/cases/NAME/,
and it is fed in every run of the tests. The last line is one JSON object; it ends with 0 if every goal is met.
"""

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.fuzzing.running import SLOWEST, Outcome, Target, run
from tests.fuzzing.targets import TARGETS

INPUTS = 1_000_000
# So many at a time, so that processes are busy to the end.
SLICE = 2_000


def main(arguments: list[str]) -> int:
    """Runs the bench."""
    options = _options(arguments)
    os.nice(options.nice)
    chosen = [TARGETS[name] for name in options.only or TARGETS]
    keep = options.keep or Path(tempfile.mkdtemp(prefix="pilot-fuzz-"))
    began = perf_counter()
    outcomes = fuzz(chosen, options, keep)
    report = {target.name: outcomes[target.name].as_json() for target in chosen}
    for name, outcome in outcomes.items():
        for found in (*outcome.crashes, *outcome.hangs):
            sys.stderr.write(f"{name}: {json.dumps(found)}\n")
    total = {name: sum(each[name] for each in report.values()) for name in ("inputs", "crashes", "hangs")}
    goals = {
        "inputs": total["inputs"] >= options.inputs,
        "no_crash": total["crashes"] == 0,
        "no_hang_over_1_s": total["hangs"] == 0,
    }
    slowest = sorted(((each["ms"], name) for name, found in report.items() for each in found["slowest"]), reverse=True)[
        :SLOWEST
    ]
    line = {"bench": "fuzz", "seed": options.seed, **total, "seconds": round(perf_counter() - began, 1)}
    line |= {"slowest_ms": slowest, "targets": report, "goals": goals}
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if all(goals.values()) else 1


def fuzz(chosen: list[Target], options: argparse.Namespace, keep: Path) -> dict[str, Outcome]:
    """All slices of all targets by some processes."""
    shares = sum(target.share for target in chosen)
    outcomes = {target.name: Outcome() for target in chosen}
    with ProcessPoolExecutor(options.processes) as pool:
        asked = [
            (target.name, pool.submit(one, target.name, options.seed, first, min(SLICE, last - first), keep))
            for target in chosen
            for last in [options.first + -int(-options.inputs * target.share // shares)]
            for first in range(options.first, last, SLICE)
        ]
        for place, (name, future) in enumerate(asked, 1):
            _join(outcomes[name], future.result())
            if place % 25 == 0:
                sys.stderr.write(f"{place} of {len(asked)} slices\n")
    return outcomes


def one(name: str, seed: int, first: int, inputs: int, keep: Path) -> Outcome:
    """One slice, in a process of the pool."""
    return run(TARGETS[name], seed=seed, inputs=inputs, first=first, keep=keep)


def _join(into: Outcome, found: Outcome) -> None:
    into.inputs += found.inputs
    into.seconds += found.seconds
    into.crash_count += found.crash_count
    into.crashes += found.crashes
    into.hangs += found.hangs
    into.slowest = sorted([*into.slowest, *found.slowest])[-SLOWEST:]


def _options(arguments: list[str]) -> Any:
    parser = argparse.ArgumentParser(prog="./run bench fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS, help="of all targets together")
    parser.add_argument("--only", action="append", choices=sorted(TARGETS), help="one target; may be given again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first input of each target")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--nice", type=int, default=10)
    parser.add_argument("--keep", type=Path, help="folder for inputs that crash or hang")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
