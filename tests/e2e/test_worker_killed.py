"""A real worker, killed again and again in the middle of a batch: nothing is lost, nothing is graded twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.domain.exchange import Reply
from app.domain.pilot import Pilot
from app.jobs import make_publish
from app.pipeline.grading import ask_for_grading, status_of_grading, sweep_gradings
from app.pipeline.judging import WORKERS_A_CALL
from app.stack.redis import EmbeddedRedis
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.fake_judge import Call, FakeJudge, Said, fake_judge, verdict
from tests.stored_pairs import StoredPair, store_pairs
from tests.text_keys import PAYLOAD_KEY

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
PAIRS = 1000
IN_FLIGHT = 40
LEASE_SECONDS = 1.0
THINKS_SECONDS = 0.2
PATIENCE_SECONDS = 120.0


def test_twenty_kills_leave_exactly_one_grade_each(
    session_factory: SessionFactory, fresh_database_url: str, redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    environment = _environment(fresh_database_url, redis_server.url, tmp_path)
    publish = make_publish(redis_server.url)
    with fake_judge(_thoughtful) as judge:
        pilot = _seeded(session_factory, judge)
        with session_scope(session_factory, publish) as session:
            ask_for_grading(session, pilot.name, "somebody")
        luck, at_stake = random.Random(7), []
        with _Worker(environment) as worker:
            for _ in range(KILLS):
                before = len(judge.calls)
                _sweep_until(session_factory, publish, partial(_has_asked, judge, before + IN_FLIGHT + 10))
                time.sleep(luck.uniform(0.0, 2 * THINKS_SECONDS))
                worker.kill()
                at_stake.append(_in_flight(session_factory, judge.calls[before:]))
            assert _pending(session_factory, pilot.name) > 0, "the kills came too late to interrupt anything"
            _sweep_until(session_factory, publish, lambda: _pending(session_factory, pilot.name) == 0)

    asked = Counter(_key(call) for call in judge.calls)
    repeated = sum(asked.values()) - len(asked)
    assert len(asked) == 2 * PAIRS
    # Beside the calls in flight, those whose answers are on their way into the store.
    assert max(at_stake) <= int(IN_FLIGHT * WORKERS_A_CALL) + 1
    assert 0 < repeated <= sum(at_stake)
    assert judge.most_at_once <= 2 * IN_FLIGHT  # those of the dead, and its successor's
    with session_factory() as session:
        found = session.execute(text("SELECT count(*), count(value) FROM grades")).one()
        assert tuple(found) == (2 * PAIRS, 2 * PAIRS)
        per_pair = session.execute(
            text("SELECT count(*) FROM grades GROUP BY exchange_id, arm_id, grader, rater, version, shown_first")
        )
        assert {row[0] for row in per_pair} == {1}
        states = session.execute(text("SELECT state, rule, ungraded, claimed_by FROM pairs GROUP BY 1, 2, 3, 4"))
        assert [tuple(row) for row in states] == [("settled", "grader", None, None)]


def _environment(database_url: str, redis_url: str, home: Path) -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("PILOT_")},
        "PILOT_PAYLOAD_KEYS": PAYLOAD_KEY,
        "PILOT_HOME": str(home),
        "PILOT_DATABASE_URL": database_url,
        "PILOT_REDIS_URL": redis_url,
        "PILOT_JUDGE_CONCURRENCY": str(IN_FLIGHT),
        "PILOT_LEASE_SECONDS": str(LEASE_SECONDS),
    }


def _seeded(session_factory: SessionFactory, judge: FakeJudge) -> Pilot:
    free = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
    pairs = [StoredPair(f"e-{n}", Reply(f"incumbent {n}"), Reply(f"candidate {n}")) for n in range(PAIRS)]
    with session_scope(session_factory) as session:
        pilot = a_pilot(session, judge={"base_url": judge.url, "model": "judge-1", **free})
        store_pairs(session, pilot, pairs)
    return pilot


def _thoughtful(call: Call) -> Said:
    return verdict("first" if call.first.startswith("candidate") else "second", seconds=THINKS_SECONDS)


class _Worker:
    """Celery's own worker with one process in its pool, in a process group of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def __enter__(self) -> "_Worker":
        arguments = ["worker", "--pool", "prefork", "--concurrency", "1", "--without-mingle", "--without-gossip"]
        with (Path(self._environment["PILOT_HOME"]) / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "workers.celery_app", *arguments],
                cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def kill(self) -> None:
        """SIGKILL to all of its processes, and another worker in its place."""
        self.__exit__()
        self.__enter__()


def _in_flight(session_factory: SessionFactory, calls: list[Call]) -> int:
    """How many of the calls of a worker that was killed just now were begun and their grade not stored."""
    asked = {_key(call) for call in calls}
    time.sleep(0.1)  # a commit that had left may still be on its way
    query = text("SELECT e.external_id, g.shown_first = 'incumbent' FROM grades g JOIN exchanges e ON e.id = g.exchange_id")
    with session_factory() as session:
        return len(asked - {(row[0], row[1]) for row in session.execute(query)})


def _key(call: Call) -> tuple[str, bool]:
    """The exchange, and whether the incumbent was shown first."""
    who, number = call.first.split()
    return f"e-{number}", who == "incumbent"


def _sweep_until(session_factory: SessionFactory, publish: Any, is_done: Any) -> None:
    """Beat's part: the sweep, only more often than every ten seconds."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_done():
        assert time.monotonic() < until, "the workers do not get on"
        with session_scope(session_factory, publish) as session:
            sweep_gradings(session)
        time.sleep(0.1)


def _has_asked(judge: FakeJudge, calls: int) -> bool:
    return len(judge.calls) >= calls


def _pending(session_factory: SessionFactory, pilot: str) -> int:
    with session_factory() as session:
        return status_of_grading(session, pilot).pending
