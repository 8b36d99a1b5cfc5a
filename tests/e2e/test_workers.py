"""Real workers: what somebody waits for is not kept waiting, nothing is done twice, and who is told to end gives back."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from app.domain.exchange import Reply
from app.domain.pilot import Pilot
from app.domain.queues import BATCH, FORMER, LIVE, LIVE_QUEUES, NOW
from app.domain.replay import ReplayState
from app.jobs import Job, make_celery, make_publish
from app.stack.redis import EmbeddedRedis
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.fake_judge import Call, Said, fake_judge, verdict
from tests.integration.replay_runs import Recorder, start, status
from tests.integration.replaying import a_candidate, a_replayable_pilot
from tests.model_servers import model_server
from tests.stored_pairs import StoredPair, store_pairs

ROOT = Path(__file__).resolve().parents[2]
REDELIVERY_SECONDS = 2.0
FREE = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}


class Nodes:
    """Celery's own workers, each with one process in its pool."""

    def __init__(self, home: Path, database_url: str, redis_url: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PILOT_", "PROMETHEUS_"))}
        self._environment = kept | {
            "PILOT_HOME": str(home),
            "PILOT_DATABASE_URL": database_url,
            "PILOT_REDIS_URL": redis_url,
            "PILOT_JUDGE_CONCURRENCY": "5",
            "PILOT_LEASE_SECONDS": "1",
            "PILOT_JOB_REDELIVERY_SECONDS": str(REDELIVERY_SECONDS),
        }
        self._home = home
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(
        self, name: str, application: str = "celery_app", queues: tuple[str, ...] = LIVE_QUEUES
    ) -> "subprocess.Popen[bytes]":
        """Returns when it reads its queues."""
        ready = self._home / f"{name}.ready"
        arguments = ["worker", "--pool", "prefork", "--concurrency", "1", "--without-mingle", "--without-gossip"]
        arguments += ["--hostname", f"{name}@%h", "--queues", ",".join(queues)]
        with (self._home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", f"workers.{application}", *arguments],
                cwd=ROOT,
                env=self._environment | {"PILOT_READY_FILE": str(ready)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        until(ready.exists, lambda: (self._home / f"{name}.log").read_text()[-2000:])
        return process

    def end(self) -> None:
        """All that still run."""
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


@pytest.fixture
def nodes(redis_server: EmbeddedRedis, fresh_database_url: str, tmp_path: Path) -> Iterator[Nodes]:
    client = redis.Redis.from_url(redis_server.url)
    client.flushdb()
    made = Nodes(tmp_path, fresh_database_url, redis_server.url)
    yield made
    made.end()
    client.flushdb()
    client.close()


def until(happened: Callable[[], object], what: Callable[[], str] = lambda: "", seconds: float = 60.0) -> float:
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds, f"it did not happen {what()}"
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_replay_in_every_batch_process_keeps_nobody_waiting_and_a_killed_one_is_gone_on_with(
    session_factory: SessionFactory, redis_server: EmbeddedRedis, nodes: Nodes
) -> None:
    server = Recorder(0.1)
    publish = make_publish(redis_server.url)
    with model_server(server) as url, fake_judge(_thoughtful) as judge:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, max_concurrency=1), exchanges=60)
        judged = _judged(session_factory, judge.url, pairs=3)
        replay = start(session_factory)
        nodes.start("live")
        batch = nodes.start("batch", "batch_app", (BATCH,))
        publish(Job.REPLAY, [replay])
        until(lambda: len(server.bodies) > 3)

        # As an earlier version sent it, while every process for batches is busy.
        make_celery(redis_server.url).send_task(Job.GRADE.value, args=[judged.id], queue=FORMER, ignore_result=True)
        assert until(lambda: len(judge.calls) == 6) < 20
        assert len(server.bodies) < 60

        os.killpg(batch.pid, signal.SIGKILL)
        batch.wait(10)
        nodes.start("batch-2", "batch_app", (BATCH,))  # nobody sends the job again: its message was never acknowledged
        until(lambda: status(session_factory, replay).replay.state is ReplayState.DONE)
        asked = Counter(server.questions)
        assert len(asked) == 60
        assert sum(asked.values()) <= 60 + 2, "beside what was stored, only the call that was under way is made again"


def test_a_job_that_takes_longer_than_its_redelivery_is_done_once(
    session_factory: SessionFactory, redis_server: EmbeddedRedis, nodes: Nodes
) -> None:
    server = Recorder(0.1)
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, max_concurrency=1), exchanges=60)
        replay = start(session_factory)
        nodes.start("one", "batch_app", (BATCH,))
        nodes.start("two", "batch_app", (BATCH,))
        make_publish(redis_server.url)(Job.REPLAY, [replay])
        took = until(lambda: status(session_factory, replay).replay.state is ReplayState.DONE)
        assert took > 2 * REDELIVERY_SECONDS
        assert Counter(server.questions) == Counter({f"question {number}": 1 for number in range(60)})


def test_a_worker_that_is_told_to_end_stores_what_is_under_way_and_gives_the_rest_back(
    session_factory: SessionFactory, redis_server: EmbeddedRedis, nodes: Nodes
) -> None:
    with fake_judge(_thoughtful) as judge:
        judged = _judged(session_factory, judge.url, pairs=300)
        worker = nodes.start("live")
        make_publish(redis_server.url)(Job.GRADE, [judged.id])
        until(lambda: len(judge.calls) > 20)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
        with session_factory() as session:
            grades, claimed = session.execute(
                text("SELECT (SELECT count(*) FROM grades), (SELECT count(*) FROM pairs WHERE claimed_by IS NOT NULL)")
            ).one()
        assert (grades, claimed) == (len(judge.calls), 0)
        assert 20 < grades < 600
        client = redis.Redis.from_url(redis_server.url)
        assert client.llen(LIVE) >= 1, "the next worker finds it asked for"
        assert client.llen(NOW) == 0
        client.close()


def _judged(factory: SessionFactory, url: str, *, pairs: int) -> Pilot:
    with session_scope(factory) as session:
        pilot = a_pilot(session, pilot={"name": "judged"}, judge={"base_url": url, "model": "judge-1", **FREE})
        made = [StoredPair(f"e-{n}", Reply(f"incumbent {n}"), Reply(f"candidate {n}")) for n in range(pairs)]
        store_pairs(session, pilot, made)
    return pilot


def _thoughtful(call: Call) -> Said:
    return verdict("first" if call.first.startswith("candidate") else "second", seconds=0.1)
