"""`./run bench pages`: how long each page takes with a million pairs stored, and what a report's whole pack costs.

A real web process on a real PostgreSQL answers one reader; each page is asked for in turn, so that no page is measured with
everything of its own still warm. The pack is made in a process of its own, whose peak memory is that of the pack.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx2
from sqlalchemy import text

from app.dashboard.places import GROUPS, SERVICE, pilot_address
from app.domain.pilot import Pilot
from app.domain.report import ReportKind
from app.domain.words import Role
from app.pipeline.access import create_key
from app.pipeline.reporting import make_report
from app.pipeline.scorecard import compute_scorecard
from app.stack.postgres import start_postgres
from app.store.migrate import upgrade_database
from app.store.payloads import ensure_partitions
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope
from tests.bench.report_data import DAYS, START, analyse, create_pilot, load_days
from tests.text_keys import known_texts

ROOT = Path(__file__).resolve().parents[2]
PEPPER = "pepper-of-the-bench"
MEDIAN_GOAL_SECONDS, P95_GOAL_SECONDS, PACK_GOAL_SECONDS, PACK_GOAL_MB = 0.3, 1.0, 10.0, 500.0
START_SECONDS = 60.0
END = datetime(2026, 10, 6, tzinfo=UTC)
WITH_TEXTS = 60_000  # exchanges that have their texts stored: those of the newest days
# How a page of pairs is asked for; the sorts and filters that touch other indexes.
PAIR_QUERIES = ("", "?sort=worst", "?sort=best", "?sort=random&seed=7", "?segment=chat&outcome=worse", "?text=refund")
_TEXTS = """
INSERT INTO payloads (exchange_id, arm_id, arrived_at, pilot_id, body)
SELECT e.id, a.arm, e.arrived_at, e.pilot_id, convert_to(CAST(
    CASE WHEN a.arm = 0 THEN json_build_object('model', 'gpt-5.1', 'messages', json_build_array(json_build_object(
             'role', 'user', 'content', 'Question ' || e.id || ': ' || repeat('the order and its parts ', 12))))
         ELSE json_build_object('content', 'Answer ' || e.id || ' of arm ' || a.arm || repeat(' goes out today', 40))
    END AS text), 'UTF8')
FROM exchanges e CROSS JOIN unnest(CAST(:arms AS bigint[])) AS a(arm)
WHERE e.pilot_id = :pilot AND e.id > :after"""


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="pp-bench-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        with _database(home) as (url, factory):
            pilot, key, report_id = _prepared(factory, arguments.pairs)
            with _web(url, home) as address:
                pages = _measured(address, key, _addresses(factory, pilot, report_id), arguments.repeats)
            pack = _pack(url, report_id)
    report = _report(arguments.pairs, pages, pack)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if all(goal["met"] for goal in report["goals"]) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench pages", description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000, help="how many pairs are stored")
    parser.add_argument("--repeats", type=int, default=40, help="how often each page is asked for")
    return parser.parse_args()


@contextmanager
def _database(home: Path) -> Iterator[tuple[str, SessionFactory]]:
    server = start_postgres(home, _say)
    try:
        upgrade_database(server.url)
        engine = make_engine(server.url)
        yield server.url, make_session_factory(engine, texts=known_texts())
        engine.dispose()
    finally:
        server.stop()


def _say(said: str) -> None:
    sys.stderr.write(f"{said}\n")


def _prepared(factory: SessionFactory, pairs: int) -> tuple[Pilot, str, int]:
    """A pilot with its pairs, texts of the newest, a stored scorecard, a report and a key."""
    pilot = create_pilot(factory)
    load_days(factory, pilot, pairs=pairs, first_day=1, last_day=DAYS)
    with session_scope(factory) as session:
        ensure_partitions(session, [START + (END - START) * part / 60 for part in range(61)])
        arms = [0, pilot.incumbent.id, *(arm.id for arm in pilot.candidates)]
        session.execute(text(_TEXTS), {"arms": arms, "pilot": pilot.id, "after": max(0, pairs - WITH_TEXTS)})
    analyse(factory)
    _say(f"{pairs:,} pairs are loaded")
    started = time.perf_counter()
    compute_scorecard(factory, pilot.name)
    _say(f"scorecard: {time.perf_counter() - started:.1f} s")
    report_id = make_report(factory, pilot.name, datetime.now(UTC), kind=ReportKind.ON_DEMAND)
    with session_scope(factory) as session:
        key = create_key(session, "bench", Role.ADMIN, PEPPER)
    return pilot, key, report_id


@contextmanager
def _web(database_url: str, home: Path) -> Iterator[str]:
    """The web process as `./run up` runs it; Redis is not asked by pages."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        "PILOT_HOME": str(home / "home"),
        "PILOT_DATABASE_URL": database_url,
        "PILOT_REDIS_URL": "redis://127.0.0.1:9/0",
        "PILOT_PEPPER": PEPPER,
        "PILOT_API_PORT": str(port),
    }
    with (home / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.serve", "--port", str(port)],
            cwd=ROOT, env=os.environ | own, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/health/live", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            if httpx2.get(address).status_code == httpx2.codes.OK:
                return
        except httpx2.TransportError:
            if process.poll() is not None:
                break
        time.sleep(0.1)
    message = "the web process did not start"
    raise RuntimeError(message)


def _addresses(factory: SessionFactory, pilot: Pilot, report_id: int) -> list[str]:
    """Every page of a pilot and of the service, some with several ways to ask."""
    pages = ["/", f"/reports/{report_id}"]
    for group in GROUPS:
        for place in group.places:
            queries = PAIR_QUERIES if place.path == "pairs" else ("",)
            pages += [pilot_address(pilot.name, place.path) + query for query in queries]
    with factory() as session:
        newest = session.scalar(text("SELECT max(id) FROM exchanges WHERE pilot_id = :pilot"), {"pilot": pilot.id})
    return [*pages, pilot_address(pilot.name, f"pairs/{newest}"), *(f"/{place.path}" for place in SERVICE)]


def _measured(address: str, key: str, pages: list[str], repeats: int) -> dict[str, dict[str, float]]:
    """Seconds of each page by its address, over all its answers."""
    seconds: dict[str, list[float]] = {page: [] for page in pages}
    sizes: dict[str, int] = {}
    with httpx2.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        for _ in range(repeats):
            for page in pages:
                started = time.perf_counter()
                answer = client.get(page)
                seconds[page].append(time.perf_counter() - started)
                if answer.status_code != httpx2.codes.OK:
                    message = f"{page} answered {answer.status_code}: {answer.text[:300]}"
                    raise RuntimeError(message)
                sizes[page] = len(answer.content)
    return {
        page: {
            "median_seconds": round(median(found), 4),
            "p95_seconds": round(quantiles(found, n=20, method="inclusive")[-1], 4),
            "first_seconds": round(found[0], 4),
            "kilobytes": round(sizes[page] / 1000, 1),
        }
        for page, found in seconds.items()
    }


def _pack(database_url: str, report_id: int) -> dict[str, Any]:
    """Time and peak memory of all documents of a stored report, imports apart, in a fresh process."""
    child = [sys.executable, "-m", "tests.bench.pages_pack", database_url, str(report_id)]
    done = subprocess.run(child, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _report(pairs: int, pages: dict[str, dict[str, float]], pack: dict[str, Any]) -> dict[str, Any]:
    slowest = max(pages.values(), key=lambda page: page["median_seconds"])["median_seconds"]
    late = max(pages.values(), key=lambda page: page["p95_seconds"])["p95_seconds"]
    return {
        "bench": "pages",
        "pairs": pairs,
        "pages": pages,
        "pack": pack,
        "cpus": os.cpu_count(),
        "goals": [
            _goal("slowest_median_seconds", slowest, MEDIAN_GOAL_SECONDS),
            _goal("slowest_p95_seconds", late, P95_GOAL_SECONDS),
            _goal("pack_seconds", pack["seconds"], PACK_GOAL_SECONDS),
            _goal("pack_peak_mb", pack["peak_mb"], PACK_GOAL_MB),
        ],
    }


def _goal(name: str, found: float, limit: float) -> dict[str, Any]:
    return {"name": name, "found": found, "goal": limit, "met": found <= limit}


if __name__ == "__main__":
    sys.exit(main())
