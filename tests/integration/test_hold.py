"""Storing live events goes before judging them: what can wait makes room while the recorder is behind, and loses nothing."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import redis
from sqlalchemy import event, text

from app.capture.streams import GROUP, RECORD, alive_key
from app.domain.exchange import Reply
from app.domain.grading import GradingState
from app.domain.pilot import Pilot
from app.domain.queues import NOW
from app.domain.replay import ReplayState
from app.jobs import Job
from app.pipeline import hold as holding
from app.pipeline import judging
from app.pipeline.grading import GradingLimits, grade_pilot, hold_gradings, status_of_grading, sweep_gradings
from app.pipeline.hold import BEHIND, ENDING, WAITED_FOR, BacklogLimits, LiveHold, RecorderHold
from app.pipeline.status import status_of
from app.stack.redis import EmbeddedRedis
from app.store.pairs import reopen_pairs
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from tests.api import Published
from tests.builders import a_pilot
from tests.fake_judge import Said, fake_judge, longer_wins
from tests.integration.replay_runs import Recorder, start, status, work
from tests.integration.replaying import a_candidate, a_replayable_pilot
from tests.model_servers import model_server
from tests.stored_pairs import StoredPair, store_pairs

PAIRS = 60
LIMITS = BacklogLimits(age_seconds=20.0, size_bytes=1e6)


class Stream:
    """The recorder's stream as a slow recorder leaves it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)
        self.client.xgroup_create(RECORD, GROUP, id="0", mkstream=True)
        self.client.xreadgroup(GROUP, "recorder-1", {RECORD: ">"}, count=1, block=1)
        self.client.set(alive_key(RECORD, "recorder-1"), b"1")

    def fall_behind(self, seconds: float = 60.0) -> None:
        """Its oldest entry is so old."""
        self.client.delete(RECORD)
        self.client.xgroup_create(RECORD, GROUP, id="0", mkstream=True)
        self.client.xadd(RECORD, {b"h": b"an event"}, id=f"{int((time.time() - seconds) * 1000)}-0")
        self.client.xreadgroup(GROUP, "recorder-1", {RECORD: ">"}, count=1, block=1)

    def catch_up(self) -> None:
        """All is stored."""
        self.client.xtrim(RECORD, maxlen=0)


@pytest.fixture
def stream(redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stream]:
    """A Redis database of the test's own: the stream's name is the same everywhere."""
    monkeypatch.setattr(holding, "LOOK_SECONDS", 0.02)
    made = Stream(f"{redis_server.url}?db=8")
    yield made
    made.client.flushdb()
    made.client.close()


@pytest.fixture
def hold(stream: Stream) -> Iterator[RecorderHold]:
    made = RecorderHold(stream.url, LIMITS)
    yield made
    made.close()


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def looked(hold: RecorderHold) -> str:
    time.sleep(0.03)
    return hold.look()


def test_it_holds_from_the_limit_on_and_until_most_is_caught_up(stream: Stream, hold: RecorderHold) -> None:
    assert looked(hold) == hold.reason == ""
    stream.fall_behind(15)
    assert looked(hold) == ""
    stream.fall_behind(25)
    assert looked(hold) == hold.reason == BEHIND
    stream.fall_behind(15)
    assert looked(hold) == BEHIND
    stream.fall_behind(5)
    assert looked(hold) == ""
    stream.client.xadd(RECORD, {b"b": b"x" * 2_000_000})
    assert looked(hold) == BEHIND
    stream.catch_up()
    assert looked(hold) == ""


def test_where_no_recorder_lives_or_redis_is_away_nobody_is_helped_by_waiting(stream: Stream, hold: RecorderHold) -> None:
    stream.fall_behind()
    stream.client.delete(alive_key(RECORD, "recorder-1"))
    assert looked(hold) == ""
    away = RecorderHold("redis://127.0.0.1:1/0", LIMITS)
    assert looked(away) == ""
    away.close()
    assert RecorderHold(stream.url, LIMITS, lambda: True).look() == ENDING


def test_nobody_waits_for_events_that_only_a_newer_recorder_can_store(stream: Stream, hold: RecorderHold) -> None:
    stream.catch_up()
    an_hour_ago = int((time.time() - 3000) * 1000)
    newer = b'{"v": 2, "kind": "exchange", "sealed": false}'
    stream.client.xadd(RECORD, {b"h": newer, b"b": b"x" * 2_000_000}, id=f"{an_hour_ago}-0")
    stream.client.xreadgroup(GROUP, "recorder-1", {RECORD: ">"}, count=1, block=1)
    assert looked(hold) == ""
    stream.client.xadd(RECORD, {b"h": b"an event"}, id=f"{an_hour_ago + 2_900_000}-0")
    assert looked(hold) == BEHIND, "the recorder has not even read that one"
    stream.client.xreadgroup(GROUP, "recorder-1", {RECORD: ">"}, count=1, block=1)
    assert looked(hold) == ""


def test_a_turn_in_a_process_for_live_work_lets_go_where_short_work_waits(stream: Stream, hold: RecorderHold) -> None:
    live = LiveHold(hold, stream.url)

    def look() -> str:
        time.sleep(0.03)
        return live.look()

    assert look() == live.reason == ""
    stream.client.lpush(NOW, b"a message")
    assert look() == "", "a free process may take it any moment"
    assert look() == live.reason == WAITED_FOR
    live.begin()
    assert live.reason == "", "the next turn does not end for what the last one let go for"
    assert look() == ""
    assert look() == WAITED_FOR
    stream.client.delete(NOW)
    assert look() == ""
    stream.fall_behind()
    assert look() == BEHIND
    live.close()


def test_a_grading_turn_ends_early_for_the_recorder_and_is_finished_later(
    session_factory: SessionFactory, stream: Stream, hold: RecorderHold, beside: ThreadPoolExecutor
) -> None:
    limits = GradingLimits(concurrency=4, timeout_seconds=5, lease_seconds=60, seconds=60, hold=hold)
    with fake_judge(lambda call: Said(longer_wins(call).content, seconds=0.05)) as judge:
        pilot = _judged_pilot(session_factory, judge.url)
        turn = beside.submit(grade_pilot, session_factory, pilot.id, limits)
        _until(lambda: len(judge.calls) > 10)
        stream.fall_behind()
        assert turn.result(30) is False, "nobody else may begin where this one made room"
        assert _claimed(session_factory) == 0, "it gave back what it did not do"
        asked = len(judge.calls)
        assert 10 < asked < 2 * PAIRS
        assert BEHIND in " ".join(_steps(session_factory, pilot.name))

        assert grade_pilot(session_factory, pilot.id, limits) is False
        assert len(judge.calls) == asked, "while the recorder is behind no turn begins"
        assert _swept(session_factory) == [(Job.GRADE, [pilot.id])], "it is asked for as soon as the sweep asks at all"

        stream.catch_up()
        assert looked(hold) == ""
        while grade_pilot(session_factory, pilot.id, limits):
            pass
        assert len(judge.calls) == len({(call.first, call.second) for call in judge.calls}) == 2 * PAIRS
        assert (_pending(session_factory, pilot.name), _steps_wait(session_factory, pilot.name)) == (0, False)


def test_the_sweep_says_of_each_grading_what_it_waits_for(session_factory: SessionFactory) -> None:
    pilot = _judged_pilot(session_factory, "http://127.0.0.1:1/v1")
    with session_scope(session_factory) as session:
        hold_gradings(session)
    assert _steps_wait(session_factory, pilot.name)


def test_a_replay_makes_room_and_is_finished_later(
    session_factory: SessionFactory, stream: Stream, hold: RecorderHold, beside: ThreadPoolExecutor
) -> None:
    server = Recorder(0.05)
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, max_concurrency=2), exchanges=40)
        number = start(session_factory)
        turn = beside.submit(work, session_factory, number, hold=hold)
        _until(lambda: len(server.bodies) > 5)
        stream.fall_behind()
        assert turn.result(30) is ReplayState.RUNNING
        found = status(session_factory, number)
        assert (found.replay.state, found.replay.message) == (ReplayState.RUNNING, BEHIND)
        assert 5 < len(server.bodies) < 40
        stream.catch_up()
        looked(hold)
        assert work(session_factory, number, hold=hold) is ReplayState.DONE
        assert len(server.bodies) == 40
        assert BEHIND not in status(session_factory, number).replay.message


def _judged_pilot(factory: SessionFactory, url: str) -> Pilot:
    free = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
    with session_scope(factory) as session:
        pilot = a_pilot(session, judge={"base_url": url, "model": "judge-1", **free})
        store_pairs(session, pilot, [StoredPair(f"e-{n}", Reply(f"short {n}"), Reply(f"longer {n}")) for n in range(PAIRS)])
        session.execute(text("UPDATE pilots SET state = 'running'"))
    return pilot


def _steps(factory: SessionFactory, name: str) -> tuple[str, ...]:
    with factory() as session:
        pilot = get_pilot(session, name)
        return status_of(session, pilot, pilot.created_at).next_steps


def _steps_wait(factory: SessionFactory, name: str) -> bool:
    return BEHIND in " ".join(_steps(factory, name))


def _pending(factory: SessionFactory, name: str) -> int:
    with factory() as session:
        found = status_of_grading(session, name)
    assert found.state in (GradingState.RUNNING, GradingState.DONE)
    return found.pending


def _claimed(factory: SessionFactory) -> int:
    with factory() as session:
        return session.scalar(text("SELECT count(*) FROM pairs WHERE claimed_by IS NOT NULL")) or 0


def _swept(factory: SessionFactory) -> list[tuple[Job, list[int]]]:
    published = Published()
    with session_scope(factory, published) as session:
        sweep_gradings(session)
    return list(published)


def _until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_with_many_to_judge_anew_new_pairs_are_looked_for_in_a_small_part_of_the_time(
    session_factory: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "PAIRS_AT_ONCE", 10)
    monkeypatch.setattr(judging, "NEW_SECONDS", 0.0)
    looks: list[bool] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "SET claimed_by" in statement:
            looks.append(not parameters["again"])

    with fake_judge(longer_wins) as judge:
        pilot = _judged_pilot(session_factory, judge.url)
        limits = GradingLimits(concurrency=4, timeout_seconds=5, lease_seconds=60, seconds=60)
        with session_scope(session_factory) as session:
            session.execute(text("UPDATE pairs SET is_again = true"))
        engine = session_factory.kw["bind"]
        event.listen(engine, "before_cursor_execute", note)
        try:
            monkeypatch.setattr(judging, "NEW_SHARE", 1e-6)
            grade_pilot(session_factory, pilot.id, limits)
        finally:
            event.remove(engine, "before_cursor_execute", note)
    assert _pending(session_factory, pilot.name) == 0
    assert looks.count(False) > PAIRS // 10
    assert looks.count(True) == 1


def test_pairs_that_were_never_judged_go_before_those_that_are_judged_again(session_factory: SessionFactory) -> None:
    with fake_judge(longer_wins) as judge:
        pilot = _judged_pilot(session_factory, judge.url)
        quick = GradingLimits(concurrency=4, timeout_seconds=5, lease_seconds=60, seconds=60)
        grade_pilot(session_factory, pilot.id, quick)
        with session_scope(session_factory) as session:
            session.execute(text("UPDATE grades SET version = 'an earlier one'"))
            reopen_pairs(session, pilot.id)
        assert _swept(session_factory) == [(Job.REGRADE, [pilot.id])], "with no new pair it may take its time"
        with session_scope(session_factory) as session:
            store_pairs(session, pilot, [StoredPair("new", Reply("new short"), Reply("a new longer one"))])
        assert _swept(session_factory) == [(Job.GRADE, [pilot.id])]
        before = len(judge.calls)
        grade_pilot(session_factory, pilot.id, replace(quick, concurrency=1))
        assert "new" in judge.calls[before].first
        assert (len(judge.calls) - before, _pending(session_factory, pilot.name)) == (2 * (PAIRS + 1), 0)
        with session_factory() as session:
            assert session.scalar(text("SELECT count(*) FROM pairs WHERE is_again")) == 0
