"""`./run bench isolation`: production's latency while a candidate misbehaves, through the whole service and through nginx.

Production asks 200 times a second an incumbent that answers in 20 ms. The service is the real one (`./run up`): gateway on one
CPU; API, mirror, recorder, Redis, PostgreSQL, load and models on another. Each cell is run several times; a ratio compares with
the healthy cell of the same round, the median of the rounds counts. It ends with 0 if every goal is met.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.gateway_goals import goal, table
from tests.bench.gateway_loads import Cpus, Load, MissingTool, compiled, model, process_tree, two_cpus
from tests.bench.gateway_systems import nginx
from tests.e2e.stacks import Stack
from tests.running import Service, free_port

RATE = 200
INCUMBENT_MS = 20.0
BREAKER_OPEN_SECONDS = 1.0
WARM_SECONDS = 3.0
SETTLE_SECONDS = 1.5
UNANSWERED_MS = 8000.0  # the load generator waits so long at the end
TOML = """\
[pilot]
name = "bench"
[incumbent]
base_url = "http://127.0.0.1:{incumbent}/v1"
model = "fake"
[[candidate]]
name = "candidate"
base_url = "http://127.0.0.1:{candidate}/v1"
model = "fake"
family = "other"
license = "Apache-2.0"
timeout_seconds = 10
"""


@dataclass(frozen=True)
class Behaviour:
    """What the candidate does; without a mode nobody listens on its port."""

    name: str
    mode: str | None
    delay_ms: float = INCUMBENT_MS


HEALTHY = Behaviour("healthy", "ok")
BEHAVIOURS = (
    HEALTHY,
    Behaviour("10x slow", "ok", 10 * INCUMBENT_MS),
    Behaviour("down", None),
    Behaviour("hanging", "hang"),
    Behaviour("garbage", "garbage"),
    Behaviour("100 MB", "huge"),
)

Cell = dict[str, Any]
COUNTED = re.compile(r'pilot_mirror_(?:replies|skipped)_total\{.*?arm="candidate".*?(?:outcome|reason)="(\w+)".*?\} (\S+)')


@dataclass(frozen=True)
class Bench:
    """What every cell needs."""

    load: Load
    model: Path
    cpus: Cpus
    seconds: float
    candidate_port: int


def main() -> int:
    """Measures, prints a table and, as its last line, one JSON object."""
    given = _arguments()
    try:
        cpus = two_cpus()
        with tempfile.TemporaryDirectory(prefix="pp-bench-") as folder:
            report = _report(Path(folder), cpus, given)
    except MissingTool as error:
        sys.stderr.write(f"cannot run: {error}\n")
        return 2
    _print(report)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if all(each["passes"] for each in report["goals"]) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench isolation", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="of each cell")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each run")
    parser.add_argument("--only", choices=("service", "nginx"))
    parser.add_argument(
        "--nice", type=int, default=0, metavar="N", help="priority of all that is measured, on a shared machine"
    )
    return parser.parse_args()


def _report(folder: Path, cpus: Cpus, given: argparse.Namespace) -> dict[str, Any]:
    folder.chmod(0o711)
    bench = Bench(
        Load(compiled("load", folder), cpus.others, is_first=True), compiled("model", folder), cpus, given.seconds, free_port()
    )
    report: dict[str, Any] = {"rate": RATE, "runs": given.runs, "seconds": given.seconds, "systems": {}}
    with model(bench.model, cpus.others, delay_ms=INCUMBENT_MS, is_first=True) as incumbent:
        if given.only != "nginx":
            with _service(folder, bench, incumbent.port) as port:
                report["systems"]["service"] = _rounds(bench, port, given.runs)
        if given.only != "service":
            with nginx(folder, cpus.tested, incumbent.port, bench.candidate_port) as system:
                report["systems"]["nginx mirror"] = _rounds(bench, system.port, given.runs)
    report["goals"] = _goals(report["systems"].get("service", {}))
    return report


@contextmanager
def _service(folder: Path, bench: Bench, incumbent_port: int) -> Iterator[int]:
    """The whole service with a running pilot; the port of its gateway."""
    home = folder / "home"
    home.mkdir(mode=0o711)
    port = free_port()
    stack = Stack(home, {"PILOT_GATEWAY_PORT": str(port), "PILOT_BREAKER_OPEN_SECONDS": str(BREAKER_OPEN_SECONDS)})
    facts = stack.up()
    try:
        _spread(stack, bench.cpus)
        api = Service(facts["api_url"], Path(facts["admin_key_file"]).read_text().strip())
        api.create(TOML.format(incumbent=incumbent_port, candidate=bench.candidate_port))
        api.post("/pilots/bench/start")
        time.sleep(WARM_SECONDS)
        yield port
        api.close()
    finally:
        stack.down()


def _spread(stack: Stack, cpus: Cpus) -> None:
    """The gateway's processes on one CPU, all others on the other."""
    for name, process in stack.status().items():
        if process["pid"] is None:
            continue
        cpu = cpus.tested if name.startswith("gateway") else cpus.others
        for pid in [process["pid"]] if name == "supervisor" else process_tree(process["pid"]):
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {cpu})


def _rounds(bench: Bench, port: int, runs: int) -> dict[str, dict[str, Any]]:
    """By behaviour: medians over the rounds; within a round every behaviour has its turn."""
    rounds = [{each.name: _cell(bench, port, each) for each in BEHAVIOURS} for _ in range(runs)]
    return {
        each.name: _summary([one[each.name] for one in rounds], [one[HEALTHY.name] for one in rounds]) for each in BEHAVIOURS
    }


def _cell(bench: Bench, port: int, behaviour: Behaviour) -> Cell:
    with _candidate(bench, behaviour):
        bench.load.run("open", port, RATE, WARM_SECONDS)  # a breaker that the behaviour opens is open by then, or closed again
        time.sleep(SETTLE_SECONDS)
        before = _counted(port)
        found = bench.load.run("open", port, RATE, bench.seconds)
        time.sleep(SETTLE_SECONDS)
        after = _counted(port)
    return {
        **{name: found[f"{name}_ms"] if found["answered"] else UNANSWERED_MS for name in ("p50", "p99", "max")},
        "failed": found["not_200"] + found["broken"] + found["unanswered"],
        "sent": found["answered"] + found["broken"] + found["unanswered"],
        "candidate": {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)},
    }


@contextmanager
def _candidate(bench: Bench, behaviour: Behaviour) -> Iterator[None]:
    if behaviour.mode is None:
        yield
        return
    place, mode = bench.cpus.others, behaviour.mode
    with model(bench.model, place, mode, delay_ms=behaviour.delay_ms, port=bench.candidate_port, is_first=True):
        yield


def _counted(port: int) -> dict[str, int]:
    """What the mirror says of the candidate so far, by outcome; nothing from nginx, which says nothing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            found = COUNTED.findall(answer.read().decode())
    except urllib.error.HTTPError:
        return {}
    counts: dict[str, int] = {}
    for name, value in found:
        counts[name] = counts.get(name, 0) + int(float(value))
    return counts


def _summary(cells: list[Cell], healthy: list[Cell]) -> dict[str, Any]:
    """Medians; the allowance of p99 is that of the same round: 1.2 times healthy or 10 ms more, whichever is larger."""
    pairs = list(zip(cells, healthy, strict=True))
    return {
        "p50_ms": median(cell["p50"] for cell in cells),
        "p99_ms": median(cell["p99"] for cell in cells),
        "max_ms": max(cell["max"] for cell in cells),
        "p50_ratio": round(median(cell["p50"] / well["p50"] for cell, well in pairs), 4),
        "p99_ratio": round(median(cell["p99"] / well["p99"] for cell, well in pairs), 4),
        "p99_over_allowance_ms": round(
            median(cell["p99"] - max(1.2 * well["p99"], well["p99"] + 10) for cell, well in pairs), 4
        ),
        "failed": sum(cell["failed"] for cell in cells),
        "sent": sum(cell["sent"] for cell in cells),
        "candidate": {
            name: sum(cell["candidate"].get(name, 0) for cell in cells) for cell in cells for name in cell["candidate"]
        },
    }


def _goals(cells: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    goals = []
    for name, cell in cells.items():
        goals.append(goal(f"{name}: failed production requests", cell["failed"], 0, 0))
        if name != HEALTHY.name:
            goals.append(goal(f"{name}: p50 / healthy p50", cell["p50_ratio"], 1.05, 1.02))
            goals.append(goal(f"{name}: p99 above its allowance (ms)", cell["p99_over_allowance_ms"], 0, 0))
        else:
            share = cell["candidate"].get("answered", 0) / cell["sent"]
            goals.append(goal("healthy: requests that the candidate answered too", share, 0.9, 0.99, is_least=True))
    return goals


def _print(report: dict[str, Any]) -> None:
    columns = ("p50_ms", "p99_ms", "max_ms", "p50_ratio", "p99_ratio", "failed", "sent")
    lines = []
    for system, cells in report["systems"].items():
        lines += ["", f"{system:14}" + "".join(f"{name:>20}" for name in columns)]
        lines += [f"{name:14}" + "".join(f"{cell[column]:>20,.3f}" for column in columns) for name, cell in cells.items()]
        lines += [f"{name:14} candidate: {cell['candidate']}" for name, cell in cells.items() if cell["candidate"]]
    sys.stdout.write("\n".join(lines + table(report["goals"])) + "\n\n")


if __name__ == "__main__":
    sys.exit(main())
