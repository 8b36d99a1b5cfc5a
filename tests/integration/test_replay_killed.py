"""A worker killed in the middle of a replay costs at most the calls that were on the way."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.store.session import SessionFactory, session_scope
from app.store.tables import ReplyRow
from tests.integration.replay_runs import Recorder, start, status, stored, work
from tests.integration.replaying import a_candidate, a_replayable_pilot
from tests.model_servers import model_server

ROOT = Path(__file__).resolve().parents[2]
WORKER = """
import sys
from app.pipeline.replay import work_on_replay
from app.store.session import make_engine, make_session_factory
from tests.text_keys import known_texts
sessions = make_session_factory(make_engine(sys.argv[1]), texts=known_texts())
work_on_replay(sessions, int(sys.argv[2]), lease_seconds=0.6, reply_bytes=1_000_000, digest_key=b"key")
"""


@pytest.mark.timeout(120)
def test_a_killed_worker_repeats_at_most_what_was_in_flight(session_factory: SessionFactory, fresh_database_url: str) -> None:
    concurrency, exchanges, kills = 8, 80, 2
    server = Recorder(0.05)
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, max_concurrency=concurrency), exchanges=exchanges)
        replay_id = start(session_factory)
        for kill in range(1, kills + 1):
            command = [sys.executable, "-c", WORKER, fresh_database_url, str(replay_id)]
            with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as worker:
                while len(server.bodies) < 20 * kill:
                    assert worker.poll() is None
                    threading.Event().wait(0.01)
                os.kill(worker.pid, signal.SIGKILL)
            threading.Event().wait(0.8)  # the lease runs out
        work(session_factory, replay_id)
    asked = Counter(server.questions)
    assert len(asked) == exchanges
    assert len(server.questions) - exchanges <= kills * concurrency
    assert len(stored(session_factory)) == exchanges
    with session_factory() as session:
        assert session.scalar(select(func.count()).select_from(ReplyRow)) == 2 * exchanges
    assert status(session_factory, replay_id).replay.state.value == "done"
