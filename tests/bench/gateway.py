"""`./run bench gateway`: what a request through the gateway costs, beside nginx with `mirror` and no gateway at all.

One run, side by side, in alternating repetitions whose medians count. The system under test is alone on one CPU (one worker,
mirroring and recording on); load, models, Redis and the reader of the streams are on another. Capacity is 1000 / CPU-ms a
request at saturation; latency counts from the time at which a request was due. It ends with 0 if every goal is met.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import gateway_crosscheck, gateway_inapp, gateway_saturation
from tests.bench.gateway_goals import goal, table
from tests.bench.gateway_loads import Cpus, Load, MissingTool, Model, compiled, cpu_seconds, model, two_cpus
from tests.bench.gateway_systems import System, drained, gateway, nginx, redis_on

CONNECTIONS = 32
RATE = 300
STREAMS = 100
CHUNKS = 100
GAP_MS = 20.0  # 50 tokens a second
FIRST_BYTE_MS = 20.0
SETTLE_SECONDS = 0.5
NOTED_SHARE = 0.05

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Bench:
    """All that runs during one bench."""

    load: Load
    systems: tuple[System, ...]
    streaming: tuple[System, ...]


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
    return 0 if all(goal["passes"] for goal in report["goals"]) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench gateway", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each single run")
    parser.add_argument("--crosscheck", type=Path, metavar="DIR", help="a folder with another load.c, run beside ours")
    parser.add_argument("--only", choices=("gateway", "in-app"), help="one part of it")
    parser.add_argument(
        "--nice", type=int, default=0, metavar="N", help="priority of all that is measured, on a shared machine"
    )
    return parser.parse_args()


def _report(folder: Path, cpus: Cpus, given: argparse.Namespace) -> dict[str, Any]:
    folder.chmod(0o711)
    report: dict[str, Any] = {"repetitions": given.repetitions, "seconds": given.seconds, "systems": {}, "goals": []}
    programs = {name: compiled(name, folder) for name in ("load", "model")}
    load = Load(programs["load"], cpus.others)
    if given.only != "in-app":
        with _running(folder, cpus, load, programs["model"]) as bench:
            rounds = [_round(bench, given.seconds) for _ in range(given.repetitions)]
            report["systems"] = _medians(rounds)
            if given.crosscheck is not None:
                report["crosscheck"] = gateway_crosscheck.run(given.crosscheck, folder, load, bench.systems, given.seconds)
        report["saturation"] = gateway_saturation.run(folder, cpus, load, programs["model"], given.seconds)
        report["goals"] += _goals(report["systems"]) + gateway_saturation.goals(report["saturation"])
    if given.only != "gateway":
        report["in_app"] = gateway_inapp.run(cpus, programs["model"], given.repetitions)
        report["goals"] += gateway_inapp.goals(report["in_app"])
    return report


@contextmanager
def _running(folder: Path, cpus: Cpus, load: Load, program: Path) -> Iterator[Bench]:
    """Each system twice: before models that answer at once, and before models that stream."""
    home = folder / "home"
    home.mkdir(mode=0o711)
    with ExitStack() as stack:
        redis = stack.enter_context(redis_on(home, cpus.others))
        stack.enter_context(drained(redis, cpus.others))
        made: list[tuple[System, ...]] = []
        for name, delay_ms in (("plain", 0.0), ("streams", FIRST_BYTE_MS)):
            place = home / name
            place.mkdir(mode=0o711)

            def a_model(delay_ms: float = delay_ms) -> Model:
                return stack.enter_context(model(program, cpus.others, delay_ms=delay_ms, chunks=CHUNKS, gap_ms=GAP_MS))

            incumbent, candidate = a_model(), a_model()
            made.append(
                (
                    System("direct", incumbent.port),
                    stack.enter_context(nginx(place, cpus.tested, incumbent.port, candidate.port)),
                    stack.enter_context(gateway(place, cpus.tested, incumbent.url, redis)),
                )
            )
        yield Bench(load, *made)


def _round(bench: Bench, seconds: float) -> dict[str, Figures]:
    """Every measurement of every system once, the systems one after the other within each measurement."""
    figures: dict[str, Figures] = {system.name: {} for system in bench.systems}
    measurements: tuple[tuple[tuple[System, ...], Callable[[Load, System, float], Figures]], ...] = (
        (bench.systems, _saturated), (bench.systems, _paced), (bench.streaming, _streamed), (bench.streaming, _steady),
    )  # fmt: skip
    for systems, measure in measurements:
        for system in systems:
            figures[system.name] |= measure(bench.load, system, seconds)
            time.sleep(SETTLE_SECONDS)
    return figures


def _saturated(load: Load, system: System, seconds: float) -> Figures:
    load.run("closed", system.port, CONNECTIONS, 0.5)
    before, shed = cpu_seconds(system.pids()), system.shed()
    found = load.run("closed", system.port, CONNECTIONS, seconds)
    used_ms = 1000 * (cpu_seconds(system.pids()) - before)
    shed_now = system.shed()
    return {
        "requests_per_second": found["per_second"],
        "cpu_ms_per_request": used_ms / found["answered"] if system.pid else None,
        "capacity": 1000 * found["answered"] / used_ms if system.pid else None,
        "not_copied_share": None if shed is None or shed_now is None else (shed_now - shed) / found["answered"],
        "failed": _failed(found),
    }


def _paced(load: Load, system: System, seconds: float) -> Figures:
    before = cpu_seconds(system.pids())
    found = load.run("open", system.port, RATE, seconds)
    used_ms = 1000 * (cpu_seconds(system.pids()) - before)
    return {
        **{name: found[name] for name in ("p50_ms", "p95_ms", "p99_ms")},
        "cpu_ms_per_request_paced": used_ms / found["answered"] if system.pid else None,
        "failed_paced": _failed(found),
    }


def _streamed(load: Load, system: System, seconds: float) -> Figures:
    before = cpu_seconds(system.pids())
    found = load.run("stream", system.port, STREAMS, 2 * seconds)  # rounds of two seconds, the first on new connections
    used_us = 1e6 * (cpu_seconds(system.pids()) - before)
    return {
        **{name: found[name] for name in ("ttft_p50_ms", "ttft_p95_ms", "ttft_p99_ms")},
        "events_per_second": found["events"] / found["seconds"],
        "cpu_us_per_event": used_us / found["events"] if system.pid else None,
        "failed_streams": _failed(found),
        "worker_mb": system.worker_mb(),
    }


def _steady(load: Load, system: System, seconds: float) -> Figures:
    """The streams begin one after the other, as production's do, not all at once."""
    found = load.run("steady", system.port, STREAMS, max(seconds, 4.0))
    return {f"steady_{name}": found[name] for name in ("ttft_p50_ms", "ttft_p99_ms")} | {"failed_steady": _failed(found)}


def _failed(found: dict[str, Any]) -> float:
    return float(found["not_200"] + found["broken"] + found["unanswered"])


def _medians(rounds: list[dict[str, Figures]]) -> dict[str, Figures]:
    """Of the repetitions; failures are added up, memory is the most that was seen."""
    found: dict[str, Figures] = {}
    for system in rounds[0]:
        found[system] = {}
        for name in rounds[0][system]:
            values = [value for each in rounds if (value := each[system][name]) is not None]
            merge = sum if name.startswith("failed") else max if name == "worker_mb" else median
            found[system][name] = round(merge(values), 4) if values else None
        for name in ("p50_ms", "p95_ms", "p99_ms", "ttft_p50_ms", "ttft_p99_ms", "steady_ttft_p50_ms", "steady_ttft_p99_ms"):
            # Added = against the direct way in the same repetition.
            added = [_number(each[system][name]) - _number(each["direct"][name]) for each in rounds]
            found[system][f"added_{name}"] = round(median(added), 4)
    return found


def _goals(systems: dict[str, Figures]) -> list[dict[str, Any]]:
    ours, theirs = systems["gateway"], systems["nginx mirror"]
    failed = sum(_number(value) for name, value in ours.items() if name.startswith("failed"))
    return [
        goal("capacity / nginx mirror's", _number(ours["capacity"]) / _number(theirs["capacity"]), 0.35, 0.6, is_least=True),
        goal("added p50 at 300/s / nginx mirror's", _number(ours["added_p50_ms"]) / _number(theirs["added_p50_ms"]), 4.0, 2.5),
        goal("added TTFT p50, 100 streams at once (ms)", _number(ours["added_ttft_p50_ms"]), 5.0, 2.0),
        goal("added TTFT p50, 100 streams spread (ms)", _number(ours["added_steady_ttft_p50_ms"]), 5.0, 2.0),
        goal("memory of a worker (MB)", _number(ours["worker_mb"]), 100.0, 100.0),
        goal("failed production requests", failed, 0.0, 0.0),
    ]


def _number(value: float | None) -> float:
    if value is None:
        message = "a measurement is missing"
        raise ValueError(message)
    return value


def _print(report: dict[str, Any]) -> None:
    names = sorted({name for figures in report["systems"].values() for name in figures}, key=_order(report))
    head = list(report["systems"])
    lines = [f"{'':34}" + "".join(f"{name:>16}" for name in head)] if head else []
    for name in names:
        lines.append(f"{name:34}" + "".join(f"{_shown(report['systems'][system].get(name)):>16}" for system in head))
    for part in ("saturation", "in_app", "crosscheck"):
        if part in report:
            lines += ["", f"{part}: {json.dumps(report[part])}"]
    lines += table(report["goals"])
    if report["systems"] and _number(report["systems"]["gateway"]["not_copied_share"]) > NOTED_SHARE:
        lines.append(
            "Redis did not keep up at saturation, so that some requests were not copied: capacity looks better than it is."
        )
    sys.stdout.write("\n".join(lines) + "\n\n")


def _order(report: dict[str, Any]) -> Callable[[str], int]:
    first = list(next(iter(report["systems"].values()), {}))
    return lambda name: first.index(name) if name in first else len(first)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
