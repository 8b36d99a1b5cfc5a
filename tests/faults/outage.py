"""Redis and PostgreSQL away for minutes: the gateways' memory stays, what was acknowledged stays, what is shed is counted."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.gateway_goals import goal
from tests.bench.gateway_loads import Cpus
from tests.faults.parts import kept_apart
from tests.faults.rows import rows_of
from tests.faults.running import _more
from tests.faults.site import Site, site
from tests.faults.traffic import OK, Place, percentile

BEFORE_SECONDS, AFTER_SECONDS, LOOK_SECONDS = 15.0, 15.0, 1.0
FINAL_SECONDS = 300.0
MEMORY_MB = 10.0


def outage_report(folder: Path, cpus: Cpus, minutes: float) -> dict[str, Any]:
    """Runs it; goals and a table.

    No request bypasses mirroring here, as one in a thousand does for users: whatever has no row was shed, or is a loss.
    """
    place = Place(cpus.others)
    with ExitStack() as stack:
        made = stack.enter_context(site(folder, place, alone=True, PILOT_GATEWAY_BYPASS_EVERY="0"))
        stack.enter_context(kept_apart(made.parts, cpus.tested, cpus.others))
        return _report(made, minutes)


def _report(made: Site, minutes: float) -> dict[str, Any]:
    before = made.ledger()
    production = made.drive("outage")
    try:
        _watched(made, BEFORE_SECONDS)
        begins = _memory(made)
        with ExitStack() as stack:
            since = time.monotonic_ns()
            stack.enter_context(made.parts.stopped("redis", "postgres"))
            memory = _watched(made, minutes * 60)
        until = time.monotonic_ns()
        after = _watched(made, AFTER_SECONDS)
        asked = production.stop()
    finally:
        production.end()
    ledger, settled = made.settled(before.requests + len(asked), 0, FINAL_SECONDS)
    rows = rows_of(made.database_url, "outage")
    reasons = _more(ledger.by_reason, before.by_reason)
    growth = max(max(seen[name] for seen in memory) - first for name, first in begins.items())
    without = [each for each in asked if each.number not in rows.numbers]
    counted = ledger.requests - before.requests - (ledger.rows - before.rows)
    inside = [each.milliseconds for each in asked if each.was_under_way(since, until)]
    outside = [each.milliseconds for each in asked if not each.was_under_way(since, until)]
    report = {
        "minutes": minutes,
        "sent": len(asked),
        "reasons": reasons,
        "memory_mb": {
            name: [round(seen[name], 1) for seen in [begins, *memory[:: max(1, len(memory) // 60)], *after[-1:]]]
            for name in begins
        },
        "settled_seconds": round(settled, 1),
        "p50_ms": {"outage": percentile(inside, 0.5), "otherwise": percentile(outside, 0.5)},
        "p99_ms": {"outage": percentile(inside, 0.99), "otherwise": percentile(outside, 0.99)},
    }
    goals = [
        goal("production requests failed", sum(each.outcome != OK for each in asked), 0, 0),
        goal("largest growth of a gateway process (MB)", growth, MEMORY_MB, MEMORY_MB / 2),
        goal("requests before the outage without a row", sum(each.end < since for each in without), 0, 0),
        goal("requests without a row that are not counted", max(0, len(without) - counted), 0, 0),
        goal("rows twice", rows.twice, 0, 0),
        goal("requests that the ledger lacks", len(asked) - (ledger.requests - before.requests), 0, 0),
    ]
    lines = [f"{name}: {value}" for name, value in report.items()]
    return {**report, "goals": goals, "lines": lines}


def _memory(made: Site) -> dict[str, float]:
    return made.gateway_mb()


def _watched(made: Site, seconds: float) -> list[dict[str, float]]:
    """The gateways' memory, once a second."""
    until, seen = time.monotonic() + seconds, [_memory(made)]
    while time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        seen.append(_memory(made))
    return seen
