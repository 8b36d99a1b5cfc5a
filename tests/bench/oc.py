"""`./run bench oc`: how often each rule says migrate, in thousands of simulated pilots of many worlds."""

import argparse
import fnmatch
import json
import os
import sys
import time

from tests.bench.oc_docs import write_docs
from tests.simulation.evaluate import Row, run_scenes
from tests.simulation.scenes import Scene, scenes

QUICK_RUNS = 200


def main(arguments: list[str] | None = None) -> int:
    """Runs the scenes; 0 if every goal is met, 1 if not, 2 if no scene has such a name."""
    asked = _parser().parse_args(arguments)
    every = list(scenes())
    chosen = [scene for scene in every if fnmatch.fnmatch(scene.name, asked.row or "*")]
    if not chosen:
        sys.stderr.write(f"bench oc: no row is called {asked.row!r}; the rows are\n" + "".join(f"  {s.name}\n" for s in every))
        return 2
    if asked.write_docs and (asked.quick or asked.runs or asked.row):
        sys.stderr.write("bench oc: --write-docs needs the whole run, without --quick, --runs and --row\n")
        return 2
    started = time.monotonic()
    found: dict[str, list[Row]] = {}
    for scene, rows in run_scenes(chosen, runs=asked.runs or (QUICK_RUNS if asked.quick else None), processes=asked.processes):
        found[scene.name] = rows
        for row in rows:
            sys.stdout.write(f"{_line(row)}\n")
        sys.stdout.flush()
    rows = in_order(chosen, found)
    missed = [row for row in rows if row.get("ok") is False]
    for row in missed:
        sys.stdout.write(f"MISSED {_line(row)}\n")
    if asked.write_docs:
        write_docs(rows)
    summary = {
        "seconds": round(time.monotonic() - started, 1),
        "goals": sum("ok" in row for row in rows),
        "missed": len(missed),
    }
    sys.stdout.write(json.dumps(summary | {"rows": rows}) + "\n")
    return 1 if missed else 0


def in_order(chosen: list[Scene], found: dict[str, list[Row]]) -> list[Row]:
    """The rows as the scenes are listed, whichever was ready first."""
    return [row for scene in chosen for row in found[scene.name]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run bench oc", description=__doc__)
    parser.add_argument("--runs", type=int, help="pilots of each world (default: 1,000 or 2,000, as the world needs)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} pilots of each world: goals are then only a hint")
    parser.add_argument("--row", metavar="PATTERN", help='only these, e.g. "boundary:1400" or "falling*"')
    parser.add_argument(
        "--write-docs", action="store_true", help="docs/operating-characteristics.md, its picture and its figures"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser


def _line(row: Row) -> str:
    sign = {True: "ok    ", False: "MISSED", None: "      "}[row.get("ok")]
    size = f"{row['conversations']:>5,}" + (f"/{row['labels']}" if row["labels"] else "")
    goal = f"   (goal: {row['goal']})" if "goal" in row else ""
    return (
        f"{sign} {row['migrate_rate']:6.1%} migrate {row['dont_migrate_rate']:6.1%} don't  "
        f"{row['rule']:<21} {row['world']}, {size}{goal}"
    )


if __name__ == "__main__":
    sys.exit(main())
