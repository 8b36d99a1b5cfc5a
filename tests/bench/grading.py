"""`./run bench grading`: judge calls a second of one worker process, PostgreSQL rows in and out.

A fake judge in a process of its own answers each call after one second with one to two kilobytes, and never with a tie, so
each pair is asked about in both orders. The ideal is one call a second for each call in flight. Sustained = between the
first and the last tenth of the calls.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from aiohttp import web
from sqlalchemy import text

from app.domain.exchange import Reply
from app.pipeline.grading import GradingLimits, ask_for_grading, grade_pilot, settle_without_model
from app.stack.postgres import start_postgres
from app.store.migrate import upgrade_database
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope
from tests.builders import a_pilot
from tests.stored_pairs import StoredPair, a_request, store_pairs

ROOT = Path(__file__).resolve().parents[2]
GOAL_RATIO = 0.8
ANSWER_SECONDS = 1.0
WORDS = ("the", "order", "was", "refunded", "after", "the", "customer", "had", "asked", "twice", "about", "its", "delivery")


def main() -> int:
    """Measures once; 0 if the goal is met, 1 if not. The last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="./run bench grading", description=__doc__)
    parser.add_argument("--in-flight", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=4000)
    parser.add_argument("--profile", type=Path, help="write a profile of the worker's thread there")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        web.run_app(_application(), host="127.0.0.1", port=0, print=_say_port, access_log=None, backlog=4096)
        return 0
    command = [sys.executable, "-m", "tests.bench.grading", "--serve"]
    with (
        tempfile.TemporaryDirectory(prefix="pp-bench-") as folder,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server,
    ):
        home = Path(folder)
        home.chmod(0o711)
        try:
            report = _measured(home, _url_of(server), given.in_flight, given.pairs, given.profile)
        finally:
            server.terminate()
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if report["ratio"] >= GOAL_RATIO else 1


def _measured(home: Path, judge_url: str, in_flight: int, pairs: int, profile: Path | None) -> dict[str, float]:
    postgres = start_postgres(home, print)
    try:
        upgrade_database(postgres.url)
        engine = make_engine(postgres.url)
        factory = make_session_factory(engine)
        report = _graded(factory, judge_url, in_flight, pairs, profile)
        engine.dispose()
    finally:
        postgres.stop()
    return report


def _graded(factory: SessionFactory, judge_url: str, in_flight: int, pairs: int, profile: Path | None) -> dict[str, float]:
    free = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
    with session_scope(factory) as session:
        pilot = a_pilot(session, judge={"base_url": f"{judge_url}/v1", "model": "judge-1", **free})
        store_pairs(session, pilot, [_pair(number) for number in range(pairs)])
    with session_scope(factory, lambda *_: None) as session:
        ask_for_grading(session, pilot.name, "bench")
    began = time.monotonic()
    settle_without_model(factory, pilot)
    settled = time.monotonic()
    cpu = _cpu_seconds()
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
    stats = _stats(judge_url)
    sustained = stats["sustained_calls_per_second"]
    return {
        "calls_per_second": round(sustained, 1),
        "in_flight": in_flight,
        "ratio": round(sustained / in_flight * ANSWER_SECONDS, 3),
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

    with cProfile.Profile() as profiler:
        grade_pilot(factory, pilot_id, limits)
    profiler.dump_stats(path)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _pair(number: int) -> StoredPair:
    return StoredPair(
        f"e-{number}",
        Reply(f"{number} " + " ".join(WORDS[(number + i) % len(WORDS)] for i in range(180))),
        Reply(f"{number} " + " ".join(WORDS[(number + 3 * i) % len(WORDS)] for i in range(200))),
        a_request(f"Question {number}: " + " ".join(WORDS * 9)),
    )


class _Judge:
    """Counts when calls came in; says that the first reply is better, at length."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.now = 0
        self.most = 0
        reasoning = " ".join(WORDS[(i * i) % len(WORDS)] for i in range(240))
        message = {"role": "assistant", "content": json.dumps({"reasoning": reasoning, "preference": "first"})}
        document = {
            "id": "c-1", "object": "chat.completion", "created": 0, "model": "judge-1",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 900, "completion_tokens": 300, "total_tokens": 1200},
        }  # fmt: skip
        self.answer = json.dumps(document).encode()

    async def say(self, request: web.Request) -> web.Response:
        await request.read()
        self.began.append(time.monotonic())
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(ANSWER_SECONDS)
        self.now -= 1
        return web.Response(body=self.answer, content_type="application/json")

    async def stats(self, _: web.Request) -> web.Response:
        tenth = len(self.began) // 10
        first, last = self.began[tenth], self.began[-tenth - 1]
        rate = (len(self.began) - 2 * tenth - 1) / (last - first)
        return web.json_response({"calls": len(self.began), "most": self.most, "sustained_calls_per_second": rate})


def _application() -> web.Application:
    judge, application = _Judge(), web.Application(client_max_size=1 << 24)
    application.router.add_post("/v1/chat/completions", judge.say)
    application.router.add_get("/stats", judge.stats)
    return application


def _say_port(said: str) -> None:
    if "http://" in said:
        sys.stdout.write(said.partition("http://")[2].split()[0] + "\n")
        sys.stdout.flush()


def _url_of(server: "subprocess.Popen[str]") -> str:
    assert server.stdout is not None
    return f"http://{server.stdout.readline().strip()}"


def _stats(judge_url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{judge_url}/stats") as answer:  # noqa: S310 - our own fake judge
        found: dict[str, float] = json.loads(answer.read())
    return found


if __name__ == "__main__":
    sys.exit(main())
