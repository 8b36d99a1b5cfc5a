"""`./run bench rehearsal`: whether a rehearsal finds the capacity of servers whose capacity is known.

A simulated server in a process of its own answers so many requests at once, each for the same time; production's traffic is
Poisson at a third of its capacity. The whole way is real: PostgreSQL, HTTP, a worker's steps. Found = answers a second in the
saturating step. The rate of one replica within the objective stands beside it: by the theory of queues it is a little less. Our
own lag is judged as in production (5 ms at p99), unless `--lag-ms` says otherwise.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from app.domain.rehearsal import RehearsalTerms
from app.domain.replay import ReplayState
from app.pipeline.rehearsal_step import Bounds
from app.stack.postgres import start_postgres
from app.store.migrate import upgrade_database
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope
from tests.integration.rehearsing import a_recorded_pilot, rehearse
from tests.text_keys import known_texts

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ((8, 0.2), (8, 0.5), (32, 0.2), (32, 0.5))
GOAL = 0.05
LIMIT_SERVICES = 4  # the objective: p95 within so many times of the service


def main() -> int:
    """Measures each server; 0 if all are found within 5 %, 1 if not. The last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="./run bench rehearsal", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.5, help="of each rehearsal; its steps must hold many services")
    parser.add_argument("--lag-ms", type=float, default=5.0, help="above it a step is not valid")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="pp-bench-") as folder, _database(Path(folder)) as factories:
        for slots, service in SERVERS:
            rows.append(_measured(next(factories), slots, service, given.minutes, given.lag_ms / 1000))
            sys.stdout.write(_line(rows[-1]) + "\n")
            sys.stdout.flush()
    goals = [
        {"goal": f"{row['slots']} slots of {row['service_seconds']} s within {GOAL:.0%}", "met": row["met"]} for row in rows
    ]
    sys.stdout.write(json.dumps({"rows": rows, "goals": goals}) + "\n")
    return 0 if all(row["met"] for row in rows) else 1


@contextmanager
def _database(home: Path) -> Iterator[Iterator[SessionFactory]]:
    """An empty database each time."""
    home.chmod(0o711)
    postgres = start_postgres(home, print)

    def fresh() -> Iterator[SessionFactory]:
        while True:
            upgrade_database(postgres.url)
            engine = make_engine(postgres.url)
            yield make_session_factory(engine, texts=known_texts())
            with engine.begin() as connection:
                connection.exec_driver_sql("DELETE FROM pilots")
            engine.dispose()

    try:
        yield fresh()
    finally:
        postgres.stop()


def _measured(factory: SessionFactory, slots: int, service: float, minutes: float, lag_seconds: float) -> dict[str, Any]:
    known = slots / service
    arrivals = np.cumsum(np.random.default_rng(slots).exponential(3 / known, int(known * 200))).tolist()
    terms = RehearsalTerms(speeds=(1.0,), minutes=minutes, find_capacity=True)
    begun = time.monotonic()
    with _simulator(slots, service) as url:
        with session_scope(factory) as session:
            a_recorded_pilot(session, url, arrivals, latency={"total_p95_seconds": LIMIT_SERVICES * service})
        found = rehearse(factory, terms, bounds=Bounds(lag_seconds=lag_seconds))
    assert found.state is ReplayState.DONE, found.message
    assert found.result is not None
    result, last = found.result, found.steps[-1]
    capacity, rate = result.capacity_requests_per_second, result.rate
    error = None if capacity.value is None else capacity.value / known - 1
    return {
        "slots": slots,
        "service_seconds": service,
        "known_requests_per_second": known,
        "found_requests_per_second": capacity.value,
        "interval": [capacity.low, capacity.high],
        "error": error,
        "met": error is not None and abs(error) <= GOAL,
        "rate_requests_per_second": rate.requests_per_second_per_replica.value if rate is not None else None,
        "rate_slots": rate.slots_per_replica.value if rate is not None else None,
        "steps": len(found.steps),
        "not_valid": [step.reason for step in found.steps if step.outcome == "not_valid"],
        "lag_ms_p99": round(1000 * max(step.lag_seconds_p99 or 0.0 for step in found.steps), 1),
        "processor_share": round(last.processor_share or 0.0, 2),
        "seconds": round(time.monotonic() - begun, 1),
    }


@contextmanager
def _simulator(slots: int, service: float) -> Iterator[str]:
    command = [sys.executable, "-m", "app.simulator", "--role", "candidate", "--with-parent"]
    command += ["--slots", str(slots), "--service-seconds", str(service)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())["roles"]["candidate"]
        finally:
            server.terminate()


def _line(row: dict[str, Any]) -> str:
    found, error, rate = row["found_requests_per_second"], row["error"], row["rate_requests_per_second"]
    words = "nothing found" if found is None else f"found {found:.1f} ({error:+.1%})"
    within = "" if rate is None else f", {rate:.1f} a second in time with {row['rate_slots']:.1f} at once"
    server = f"{row['slots']} slots of {row['service_seconds']} s: known {row['known_requests_per_second']:.0f} a second"
    steps = f"{row['steps']} steps in {row['seconds']} s, lag {row['lag_ms_p99']} ms, {len(row['not_valid'])} not valid"
    return f"{server}, {words}{within}; {steps}"


if __name__ == "__main__":
    sys.exit(main())
