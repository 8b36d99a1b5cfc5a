"""`./run bench faults`: whatever is done to a stack under open-loop traffic, production does not notice.

Each scenario runs under 100 requests a second, a third of them streamed, every reply checked byte for byte, and beside a slower
direct path to the same incumbent. The gateway is on one CPU; models, load and all else on another. What latencies are compared
with is the run without a fault of the same round; the median of the rounds counts. It ends with 0 if every goal is met.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.gateway_goals import goal, table
from tests.bench.gateway_loads import Cpus, MissingTool, two_cpus
from tests.faults.mounts import can_mount
from tests.faults.outage import outage_report
from tests.faults.parts import kept_apart
from tests.faults.running import Cell, problems, run
from tests.faults.scenarios import EMBEDDED, NOTHING, WIRED, Scenario
from tests.faults.site import Site, site
from tests.faults.traffic import Place

P50_RATIO, P99_RATIO, P99_MS = 1.05, 1.2, 10.0
FINAL_SECONDS = 200.0  # what a killed gateway carried is accounted for after a minute and the longest wait
Found = dict[str, list[dict[str, Any]]]


def main() -> int:
    """Measures, prints a table and, as its last line, one JSON object."""
    given = _arguments()
    try:
        cpus = two_cpus()
        with tempfile.TemporaryDirectory(prefix="pp-faults-") as folder:
            Path(folder).chmod(0o711)
            report = outage_report(Path(folder), cpus, given.minutes) if given.outage else _report(Path(folder), cpus, given)
    except MissingTool as error:
        sys.stderr.write(f"cannot run: {error}\n")
        return 2
    sys.stdout.write("\n".join([*report.pop("lines"), *table(report["goals"])]) + "\n\n")
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if all(each["passes"] for each in report["goals"]) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="of each scenario")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each run, at least")
    parser.add_argument("--only", nargs="*", default=[], metavar="WORDS", help="scenarios whose name holds one of these")
    parser.add_argument("--outage", action="store_true", help="instead: Redis and PostgreSQL away for minutes")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the outage")
    return parser.parse_args()


def _report(folder: Path, cpus: Cpus, given: argparse.Namespace) -> dict[str, Any]:
    found: Found = {}
    ledgers: dict[str, bool] = {}
    for kind, scenarios in (("embedded", EMBEDDED), ("wired", WIRED)):
        chosen = [each for each in scenarios if not given.only or any(words in each.name for words in given.only)]
        if not chosen:
            continue
        home = folder / kind
        home.mkdir(mode=0o711)
        place, is_wired = Place(cpus.others), kind == "wired"
        with site(home, place, wired=is_wired, alone=True) as made, kept_apart(made.parts, cpus.tested, cpus.others):
            runnable = list(_runnable(made, chosen))
            for turn in range(given.runs):
                _round(made, runnable, given.seconds, f"{kind}{turn}", found)
            ledgers[kind] = _is_whole(made)
    rows = [_summary(name, cells) for name, cells in found.items()]
    report = {"runs": given.runs, "seconds": given.seconds, "scenarios": rows, "ledgers_whole": ledgers}
    return {**report, "goals": _goals(rows, ledgers), "lines": _lines(rows)}


def _runnable(made: Site, chosen: list[Scenario]) -> Iterator[Scenario]:
    for each in chosen:
        if each.needs == "root" and not can_mount():
            sys.stderr.write(f"NOT RUN ON THIS MACHINE: {each.name}: disks of our own need root\n")
        elif each.needs == "cable" and (made.network is None or made.network.cable is None):
            sys.stderr.write(f"NOT RUN ON THIS MACHINE: {each.name}: network namespaces need root\n")
        else:
            yield each


def _round(made: Site, scenarios: list[Scenario], seconds: float, label: str, found: Found) -> None:
    well = _cell(made, NOTHING, seconds, f"{label}-0")
    found.setdefault(f"{NOTHING.name} ({label[:-1]})", []).append(_row(NOTHING, well, well))
    for number, scenario in enumerate(scenarios, 1):
        cell = _cell(made, scenario, seconds, f"{label}-{number}")
        found.setdefault(scenario.name, []).append(_row(scenario, cell, well))
        _tell(scenario, cell)


def _cell(made: Site, scenario: Scenario, seconds: float, name: str) -> Cell | str:
    """What it came to, or why it did not come to an end; then the next one finds a stack that is well."""
    try:
        return run(made, scenario, seconds, name)
    except Exception as error:  # a scenario that breaks is a finding like the others
        found = [_told(error)]
        for step in (lambda: _keep_logs(made, name), made.back, made.drained):
            try:
                step()
            except Exception as left:
                found.append(f"and afterwards {_told(left)}")
        return "; ".join(found)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:500]}"


def _keep_logs(made: Site, name: str) -> None:
    """The stack's logs, and what its processes were at, where they outlive the run."""
    kept = Path(tempfile.mkdtemp(prefix=f"pp-faults-{name}-"))
    shutil.copytree(made.home / "logs", kept / "logs")
    lines = [f"{process} {pid} {each}: {state}" for process, pid, each, state in made.parts.states()]
    (kept / "processes.txt").write_text("\n".join(lines) + "\n")
    sys.stderr.write(f"{name}: the logs are in {kept}\n")


def _row(scenario: Scenario, cell: Cell | str, well: Cell | str) -> dict[str, Any]:
    if isinstance(cell, str):
        return {"problems": [cell]}
    row = {"problems": problems(cell, scenario), **cell.document()}
    if isinstance(well, Cell):
        row["p50_ratio"] = cell.p50_ms / well.p50_ms
        row["p99_over_ms"] = cell.p99_ms - max(P99_RATIO * well.p99_ms, well.p99_ms + P99_MS)
    return row


def _tell(scenario: Scenario, cell: Cell | str) -> None:
    if isinstance(cell, str):
        sys.stderr.write(f"{scenario.name}: {cell}\n")
        return
    wrong = "; ".join(problems(cell, scenario)) or "as promised"
    shown = (
        f"p50 {cell.p50_ms:.1f} p99 {cell.p99_ms:.1f} ms, back {cell.back_seconds:.1f} s, settled {cell.settled_seconds:.1f} s"
    )
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {scenario.name}: {cell.sent} requests, {shown}: {wrong}\n")


def _is_whole(made: Site) -> bool:
    """The scorecard's own ledger, once everything is accounted for, adds up and is what the rows say."""
    ledger, _ = made.settled(0, 0, FINAL_SECONDS)
    found = made.coverage()
    return bool(sum(found["by_reason"].values()) == found["production_requests"] == ledger.requests)


MEDIANS = ("p50_ms", "p99_ms", "p50_ratio", "p99_over_ms", "back_seconds", "settled_seconds", "memory_mb")
SUMS = (
    "sent", "failed", "excused", "excused_failed", "carried", "wrong", "direct_failed", "twice", "missing",
    "unheard", "uncounted", "told",
)  # fmt: skip


def _summary(name: str, cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of the rounds, sums of what may not happen."""
    whole = [cell for cell in cells if "sent" in cell]
    medians = {key: median(cell[key] for cell in whole if key in cell) if whole else None for key in MEDIANS}
    reasons: dict[str, int] = {}
    for cell in whole:
        for reason, count in cell["reasons"].items():
            reasons[reason] = reasons.get(reason, 0) + count
    return {
        "name": name,
        **{key: None if value is None else round(value, 4) for key, value in medians.items()},
        **{key: sum(cell[key] for cell in whole) for key in SUMS},
        "late_ms": max((cell["late_ms"] for cell in whole if cell["late_ms"] is not None), default=None),
        "reasons": reasons,
        "problems": [problem for cell in cells for problem in cell["problems"]],
    }


def _goals(rows: list[dict[str, Any]], ledgers: dict[str, bool]) -> list[dict[str, Any]]:
    faults = [row for row in rows if not row["name"].startswith(NOTHING.name)]
    sums = {
        "failed": "production requests failed beyond the direct path",
        "wrong": "replies with other bytes",
        "twice": "rows twice",
        "missing": "acknowledged events without a row",
    }
    found = [goal("scenarios", len(faults), 30, 50, is_least=True)]
    found += [goal(name, sum(row[key] for row in rows), 0, 0) for key, name in sums.items()]
    found.append(goal("scenarios with any problem", sum(bool(row["problems"]) for row in rows), 0, 0))
    found.append(goal("ledgers that do not add up to 100 %", sum(not whole for whole in ledgers.values()), 0, 0))
    found.append(goal("largest p50 / p50 without a fault", _largest(faults, "p50_ratio"), P50_RATIO, 1.02))
    found.append(goal("largest p99 above its allowance (ms)", _largest(faults, "p99_over_ms"), 0, -P99_MS / 2))
    return found


def _largest(rows: list[dict[str, Any]], key: str) -> float | None:
    return max((row[key] for row in rows if row[key] is not None), default=None)


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    columns = ("sent", "failed", "excused", "p50_ms", "p50_ratio", "p99_ms", "p99_over_ms", "back_seconds", "settled_seconds")
    lines = ["", f"{'':56}" + "".join(f"{name.removesuffix('_seconds'):>12}" for name in columns)]
    for row in rows:
        cells = "".join(
            f"{'-' if row[name] is None else format(row[name], ',.2f').removesuffix('.00'):>12}" for name in columns
        )
        lines.append(f"{row['name']:56}{cells}")
        lines += [f"    {problem}" for problem in row["problems"]]
    return lines


if __name__ == "__main__":
    sys.exit(main())
