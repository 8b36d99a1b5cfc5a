"""`./run bench soak`: does any process grow under steady traffic? Memory, file descriptors and threads of each, over time.

The whole service under open-loop traffic, a third of it streamed, every reply checked. Memory is what a process has for itself
(`RssAnon`, with the processes below it). Its slope is a least-squares line with a 95 % interval; a process passes if the
interval's lower end is at most 5 MB an hour: unless it surely grows. It ends with 0 if all goals are met.

The warm-up is longer than the longest pause between two runs of a job that computes (ten minutes); `worker-batch` has one
process instead of two, so that its code is loaded by then, which happens when a job first needs it. Conversations are
remembered for ten minutes, not 36 hours: each request begins one, and what is to be seen is that they are forgotten.
`replaced` are processes below the named one that came after others had gone: connections made anew, workers above their memory.
"""

import argparse
import contextlib
import json
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import redis
from scipy.stats import t as student

from app.capture.streams import MIRROR, RECORD
from tests.bench.gateway_goals import goal, table
from tests.bench.gateway_loads import MissingTool, process_tree
from tests.faults.parts import SUPERVISOR
from tests.faults.rows import rows_of
from tests.faults.site import Site, site
from tests.faults.traffic import OK, percentile

LOOK_SECONDS = 5.0
# A process that was not seen for so long at the end is gone: its memory is not known.
GONE_SECONDS = 60.0
COURSE_POINTS = 20
SLOPE_MB_PER_HOUR = 5.0
STREAM_BYTES = 256 * 1024**2
SETTLE_SECONDS = 900.0


@dataclass
class Course:
    """One process over time, or several of one name together."""

    hours: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)
    at_once: int = 0

    def note(self, hours: float, pid: int, tree: list[int]) -> None:
        """What it has now."""
        found = [each for each in map(_of_process, tree) if each is not None]
        if found:
            self.hours.append(hours)
            self.pids.add(pid)
            self.seen.update(tree)
            self.at_once = max(self.at_once, len(found))
            self.memory_mb.append(sum(memory for memory, _, _ in found))
            self.descriptors.append(sum(count for _, count, _ in found))
            self.threads.append(sum(count for _, _, count in found))

    def summary(self, since_hours: float) -> dict[str, Any]:
        """After the warm-up."""
        first = next((at for at, hours in enumerate(self.hours) if hours >= since_hours), len(self.hours))
        slope, half = line(self.hours[first:], self.memory_mb[first:])
        return {
            "memory_mb": round(self.memory_mb[-1], 1),
            "mb_per_hour": round(slope, 2),
            "interval": [round(slope - half, 2), round(slope + half, 2)],
            "descriptors": self.descriptors[-1],
            "more_descriptors": _growth(self.descriptors[first:]),
            "threads": self.threads[-1],
            "more_threads": _growth(self.threads[first:]),
            "restarts": len(self.pids) - 1,
            "replaced": len(self.seen) - self.at_once,
            "course_mb": [round(each) for each in self.memory_mb[:: max(1, len(self.memory_mb) // COURSE_POINTS)]],
        }


def line(hours: list[float], values: list[float]) -> tuple[float, float]:
    """Slope of the least-squares line and half its 95 % interval, as if the deviations did not depend on each other."""
    if len(hours) < 3:
        return float("nan"), float("nan")
    x, y = np.array(hours) - np.mean(hours), np.array(values) - np.mean(values)
    spread = float((x**2).sum())
    slope = float((x * y).sum()) / spread
    error = float(np.sqrt(((y - slope * x) ** 2).sum() / (len(x) - 2) / spread))
    return slope, float(student.ppf(0.975, len(x) - 2)) * error


def _gained(processes: Mapping[str, dict[str, Any]], what: str) -> list[int]:
    """By kind of process: a connection that moves from one gateway to the other is no growth, a leak adds up in both."""
    kinds: Counter[str] = Counter()
    for name, found in processes.items():
        kinds[name.rstrip("-0123456789")] += found[what]
    return list(kinds.values())


def _growth(counts: list[int]) -> int:
    """The smallest of the last fifth above that of the first: what connections that come and go cannot hide."""
    part = max(1, len(counts) // 5)
    return min(counts[-part:]) - min(counts[:part]) if counts else 0


def _of_process(pid: int) -> tuple[float, int, int] | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        found = {key: value.split() for key, _, value in (row.partition(":") for row in status.splitlines())}
        return int(found["RssAnon"][0]) / 1024, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()), int(found["Threads"][0])
    except (OSError, KeyError):  # it ended just now
        return None


def main() -> int:
    """Measures, prints a table and, as its last line, one JSON object."""
    given = _arguments()
    try:
        with tempfile.TemporaryDirectory(prefix="pp-soak-") as folder:
            Path(folder).chmod(0o711)
            report = _report(Path(folder), given)
    except MissingTool as error:
        sys.stderr.write(f"cannot run: {error}\n")
        return 2
    sys.stdout.write("\n".join([*_lines(report), *table(report["goals"])]) + "\n\n" + json.dumps(report) + "\n")
    return 0 if all(each["passes"] for each in report["goals"]) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="that are measured")
    parser.add_argument("--warm-minutes", type=float, default=13.0, help="of the same traffic before")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    return parser.parse_args()


def _report(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    warm_seconds = given.warm_minutes * 60
    # Nothing is kept apart: no latency is compared, and all CPUs are needed.
    with site(folder, alone=True, PILOT_CONVERSATION_SECONDS="600", PILOT_BATCH_PROCESSES="1") as made:
        made.rate = given.rate
        before = made.ledger()
        production = made.drive("soak")
        try:
            courses, streams = _watch(made, warm_seconds + given.minutes * 60)
            asked = production.stop()
        finally:
            production.end()
        ledger, settled = made.settled(before.requests + len(asked), 0, SETTLE_SECONDS)
        rows = rows_of(made.database_url, "soak")
    processes = {name: course.summary(warm_seconds / 3600) for name, course in sorted(courses.items())}
    report = {
        "minutes": given.minutes,
        "warm_minutes": given.warm_minutes,
        "rate": given.rate,
        "sent": len(asked),
        "p50_ms": round(percentile((each.milliseconds for each in asked), 0.5), 3),
        "p99_ms": round(percentile((each.milliseconds for each in asked), 0.99), 3),
        "processes": processes,
        "stream_bytes_median": {name: median(seen) for name, seen in streams.items()},
        "stream_bytes_largest": {name: max(seen) for name, seen in streams.items()},
        "settled_seconds": round(settled, 1),
        "reasons": dict(ledger.by_reason),
    }
    least = [found["interval"][0] for found in processes.values()]
    is_known = all(math.isfinite(each) for each in least) and all(
        course.hours[-1] * 3600 > warm_seconds + given.minutes * 60 - GONE_SECONDS for course in courses.values()
    )
    report["goals"] = [
        goal("production requests failed", sum(each.outcome != OK for each in asked), 0, 0),
        goal("steepest memory slope, lower end (MB/h)", max(least) if is_known else None, SLOPE_MB_PER_HOUR, 0),
        goal("most file descriptors gained by a process", max(_gained(processes, "more_descriptors")), 2, 0),
        goal("most threads gained by a process", max(each["more_threads"] for each in processes.values()), 2, 0),
        goal("restarts", sum(each["restarts"] for each in processes.values()), 0, 0),
        goal("largest stream / its bound", max(max(seen) for seen in streams.values()) / STREAM_BYTES, 1, 0.1),
        goal("rows twice", rows.twice, 0, 0),
        goal("requests that the ledger lacks", len(asked) - (ledger.requests - before.requests), 0, 0),
    ]
    return report


def _watch(made: Site, seconds: float) -> tuple[dict[str, Course], dict[str, list[int]]]:
    """Every process, every few seconds."""
    courses: dict[str, Course] = {}
    streams: dict[str, list[int]] = {MIRROR: [], RECORD: []}
    began = time.monotonic()
    with redis.Redis.from_url(made.redis_url) as client:
        while (passed := time.monotonic() - began) < seconds:
            for name, pid in made.parts.by_name().items():
                with contextlib.suppress(OSError):  # it ended just now
                    tree = [pid] if name == SUPERVISOR else process_tree(pid)
                    courses.setdefault(name, Course()).note(passed / 3600, pid, tree)
            for name, seen in streams.items():
                seen.append(int(client.memory_usage(name) or 0))
            time.sleep(LOOK_SECONDS)
    return courses, streams


def _lines(report: dict[str, Any]) -> list[str]:
    columns = tuple(name for name in next(iter(report["processes"].values())) if name != "course_mb")
    lines = ["", f"{'process':16}" + "".join(f"{name:>18}" for name in columns)]
    lines += [
        f"{name:16}" + "".join(f"{each[column]!s:>18}" for column in columns) for name, each in report["processes"].items()
    ]
    shown = ("sent", "p50_ms", "p99_ms", "stream_bytes_median", "stream_bytes_largest", "settled_seconds", "reasons")
    return [*lines, "", *(f"{name}: {report[name]}" for name in shown)]


if __name__ == "__main__":
    sys.exit(main())
