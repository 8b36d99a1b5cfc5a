"""`./run bench judge`: judge calls a second of one worker process, and whether the budget holds.

A fake judge in a process of its own, on the same cores, answers each call after one second with one to two kilobytes, and never
with a tie, so each pair is asked about in both orders; PostgreSQL rows in and out. The ideal is one call a second for each call
in flight. Sustained = between the first and the last tenth of the calls. In the same run a real Celery worker with two prefork
processes makes one call a task to the same judge. `--budget` adds 10,000 calls to a judge that bills, fails, times out, breaks
off and rate-limits at random.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.jobs import make_celery
from app.pipeline.grading import GradingLimits, ask_for_grading, grade_pilot, settle_without_model
from app.stack.postgres import start_postgres
from app.stack.redis import start_redis
from app.store.migrate import upgrade_database
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope
from tests.bench.judge_server import ANSWER_SECONDS
from tests.bench.judge_tasks import NAME, a_pair
from tests.budget_proof import prove
from tests.builders import a_pilot
from tests.stored_pairs import store_pairs
from tests.text_keys import known_texts

ROOT = Path(__file__).resolve().parents[2]
GOAL_RATIO = 0.8
GOAL_TIMES_A_TASK = 100.0
MOONSHOT_IN_FLIGHT, MOONSHOT_RATIO = 1500, 0.85
TASKS = 20
BUDGET_CALLS = 10_000


def main() -> int:
    """Measures once; 0 if the goals are met, 1 if not. The last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="./run bench judge", description=__doc__)
    parser.add_argument("--in-flight", type=int, default=500)
    parser.add_argument("--pairs", type=int, help="pairs to be judged, two calls each; default: eight for each call in flight")
    parser.add_argument("--budget", action="store_true", help="prove the budget over 10,000 calls, too")
    parser.add_argument("--only-budget", action="store_true", help="nothing else")
    parser.add_argument("--seed", type=int, default=1, help="of the judge's moods")
    parser.add_argument("--profile", type=Path, help="write a profile of the processor time of the worker's thread there")
    given = parser.parse_args()
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="pp-bench-") as folder, _database(Path(folder)) as factory:
        if not given.only_budget:
            report = _rates(Path(folder), factory, given)
        if given.budget or given.only_budget:
            report["budget"] = prove(factory, BUDGET_CALLS, seed=given.seed, timeout_seconds=2.0, is_silent_at_times=True)
    report["goals"] = _goals(report, given.in_flight)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if all(goal["met"] for goal in report["goals"]) else 1


@contextmanager
def _database(home: Path) -> Iterator[SessionFactory]:
    home.chmod(0o711)
    postgres = start_postgres(home, print)
    try:
        upgrade_database(postgres.url)
        engine = make_engine(postgres.url)
        yield make_session_factory(engine, texts=known_texts())
        engine.dispose()
    finally:
        postgres.stop()


def _rates(home: Path, factory: SessionFactory, given: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-c", "from tests.bench.judge_server import serve; serve()"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            judge_url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            a_task = _one_call_a_task(home, judge_url)
            pairs = given.pairs or 8 * given.in_flight
            report = _graded(factory, judge_url, given.in_flight, pairs, given.profile)
        finally:
            server.terminate()
    report["one_call_a_task_calls_per_second"] = round(a_task, 2)
    report["times_one_call_a_task"] = round(report["calls_per_second"] / a_task, 1)
    return report


def _goals(report: dict[str, Any], in_flight: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "ratio" in report:
        least = MOONSHOT_RATIO if in_flight >= MOONSHOT_IN_FLIGHT else GOAL_RATIO
        found.append({"goal": f"ratio >= {least}", "met": report["ratio"] >= least})
        met = report["times_one_call_a_task"] >= GOAL_TIMES_A_TASK
        found.append({"goal": f"times_one_call_a_task >= {GOAL_TIMES_A_TASK:g}", "met": met})
    if "budget" in report:
        found += [{"goal": f"budget: {name}", "met": met} for name, met in report["budget"]["holds"].items()]
    return found


def _one_call_a_task(home: Path, judge_url: str) -> float:
    """Calls a second of a Celery worker with two prefork processes, start and end left out."""
    before = _stats(judge_url)["calls"]
    redis = start_redis(home)
    environment = os.environ | {"PILOT_REDIS_URL": redis.url}
    options = ["worker", "--pool", "prefork", "--concurrency", "2", "--without-mingle", "--without-gossip"]
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "tests.bench.judge_tasks", *options]
    celery = make_celery(redis.url)
    for number in range(TASKS):
        celery.send_task(NAME, args=[f"{judge_url}/v1", number], ignore_result=True)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as worker:
        try:
            deadline = time.monotonic() + 120
            while (stats := _stats(judge_url, since=int(before)))["calls"] < TASKS and time.monotonic() < deadline:
                time.sleep(0.5)
            time.sleep(ANSWER_SECONDS)
        finally:
            worker.terminate()
            worker.wait(30)
            redis.stop()
    assert stats["calls"] == TASKS, stats
    return stats["sustained_calls_per_second"]


def _graded(factory: SessionFactory, judge_url: str, in_flight: int, pairs: int, profile: Path | None) -> dict[str, Any]:
    # The fake judge, which always takes the first reply, would be suspended for the canaries that it misses.
    free = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0, "canary_rate": 0}
    with session_scope(factory) as session:
        pilot = a_pilot(session, judge={"base_url": f"{judge_url}/v1", "model": "judge-1", **free})
        store_pairs(session, pilot, [a_pair(number) for number in range(pairs)])
    with session_scope(factory, lambda *_: None) as session:
        session.execute(text("ANALYZE"))  # a database that is in use for longer than this one knows its tables
        ask_for_grading(session, pilot.name, "bench")
    began = time.monotonic()
    settle_without_model(factory, pilot)
    settled, before, cpu = time.monotonic(), int(_stats(judge_url)["calls"]), _cpu_seconds()
    limits = GradingLimits(concurrency=in_flight, seconds=3600)
    if profile is None:
        grade_pilot(factory, pilot.id, limits)
    else:
        _profiled(profile, factory, pilot.id, limits)
    ended = time.monotonic()
    with factory() as session:
        grades = session.execute(text("SELECT count(*) FROM grades WHERE value IS NOT NULL")).scalar_one()
        left = session.execute(text("SELECT count(*) FROM pairs WHERE state <> 'settled'")).scalar_one()
    assert (grades, left) == (2 * pairs, 0), (grades, left)
    stats = _stats(judge_url, since=before)
    rate = stats["sustained_calls_per_second"]
    return {
        "calls_per_second": round(rate, 1),
        "in_flight": in_flight,
        "ratio": round(rate / in_flight * ANSWER_SECONDS, 3),
        "calls": stats["calls"],
        "most_in_flight": stats["most"],
        "seconds": round(ended - settled, 2),
        "calls_per_second_from_start_to_end": round(grades / (ended - settled), 1),
        "cpu_ms_per_call": round((_cpu_seconds() - cpu) / grades * 1000, 2),
        "settled_without_model_pairs_per_second": round(pairs / (settled - began)),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _profiled(path: Path, factory: SessionFactory, pilot_id: int, limits: GradingLimits) -> None:
    import cProfile  # noqa: PLC0415 - only on request

    with cProfile.Profile(time.thread_time) as profiler:
        grade_pilot(factory, pilot_id, limits)
    profiler.dump_stats(path)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _stats(judge_url: str, *, since: int = 0) -> dict[str, float]:
    with urllib.request.urlopen(f"{judge_url}/stats?since={since}") as answer:  # noqa: S310 - our own fake judge
        found: dict[str, float] = json.loads(answer.read())
    return found


if __name__ == "__main__":
    sys.exit(main())
