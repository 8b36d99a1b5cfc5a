"""`./run bench pilots`: simulated pilots through the whole service, and the pure rule on the same data."""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.running import running_service
from tests.simulation.comparison import BOUNDARY, FALLING, PARITY, RAW, SKIPPING, compared

WORLDS = ((BOUNDARY, 1.0), (PARITY, 1.0), (FALLING, 0.25), (SKIPPING, 0.25), (RAW, 0.25))


def main(arguments: list[str] | None = None) -> int:
    """Drives the pilots; 0 if the service says the same as the pure rule of each, else 1."""
    parser = argparse.ArgumentParser(prog="./run bench pilots", description=__doc__)
    parser.add_argument("--pilots", type=int, default=40, help="at the boundary, and at parity (default: 40 each)")
    count = parser.parse_args(arguments).pilots
    started = time.monotonic()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="pp-pilots-") as home, running_service(Path(home)) as service:
        for number, (world, share) in enumerate(WORLDS):
            for row in compared(service, world, runs=max(1, round(count * share)), name=f"world-{number}"):
                rows.append(row)
                sys.stdout.write(f"{_line(row)}\n")
                sys.stdout.flush()
    wrong = [row for row in rows if not row["equal"]]
    summary = {
        "pilots": len(rows),
        "equal": len(rows) - len(wrong),
        "seconds": round(time.monotonic() - started, 1),
        "outcomes": {world.name: Counter(r["outcome"] for r in rows if r["world"] == world.name) for world, _ in WORLDS},
        "verdicts": {world.name: Counter(r["verdict"] for r in rows if r["world"] == world.name) for world, _ in WORLDS},
        "rows": rows,
    }
    sys.stdout.write(json.dumps(summary) + "\n")
    return 1 if wrong else 0


def _line(row: dict[str, Any]) -> str:
    sign = "ok   " if row["equal"] else "WRONG"
    return (
        f"{sign} {row['world']} {row['pilot']}: {row['outcome']} on day {row['passed_on']} "
        f"(pure: {row['expected']['outcome']} on day {row['expected']['passed_on']}), verdict {row['verdict']}"
    )


if __name__ == "__main__":
    sys.exit(main())
