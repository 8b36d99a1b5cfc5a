"""A replay's limits and its life: money, time, cancelling, leases."""

import threading
from decimal import Decimal

import pytest
from aiohttp import web
from sqlalchemy import select, text

from app.domain.exchange import Failure, Reply, Timing
from app.domain.replay import NewReply, ReplayLimits, ReplayState
from app.domain.words import FailureKind, Source
from app.errors import Conflict, InvalidInput, NotFound, UnknownPrice
from app.pipeline.replay import (
    cancel_replay,
    replay_status,
    sweep_replays,
)
from app.store.payloads import read_payloads
from app.store.replays import claim_replay
from app.store.replies import record_replies
from app.store.session import SessionFactory, session_scope
from app.store.tables import PilotRow
from app.store.work_tables import SpendRow
from tests.integration.replay_runs import OPERATOR, Recorder, published, replay, start, status, stored, work
from tests.integration.replaying import a_candidate, a_replayable_pilot, a_request, add_exchanges
from tests.model_servers import completion, model_server


def test_a_number_of_exchanges_is_the_same_sample_for_every_candidate(session_factory: SessionFactory) -> None:
    one, two = Recorder(), Recorder()
    with model_server(one) as first, model_server(two) as second:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(first), a_candidate(second, "llama"), exchanges=20)
            session.execute(text("UPDATE exchanges SET sample_point = 0.99 - sample_point"))
        found = replay(session_factory, ReplayLimits(exchanges=3))
    assert sorted(one.questions) == sorted(two.questions) == ["question 17", "question 18", "question 19"]
    assert (found.remaining, found.replay.state) == (34, ReplayState.DONE)


def test_a_limit_in_dollars_is_not_overspent(session_factory: SessionFactory) -> None:
    """1000 + 100 tokens at 1 and 10 USD a million: 0.002 USD a call; a bound of 100 tokens lets it be told before."""
    server = Recorder(0.005)
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            priced = a_candidate(url, input_usd_per_million_tokens=1, output_usd_per_million_tokens=10, max_concurrency=8)
            pilot = a_replayable_pilot(session, priced, exchanges=0)
            add_exchanges(session, pilot, [a_request(n, max_tokens=100, padding="x" * 2000) for n in range(50)])
        found = replay(session_factory, ReplayLimits(usd=Decimal("0.0205")))
    spent = found.replay.progress["qwen"].usd
    assert Decimal("0.016") <= spent <= Decimal("0.0205")
    assert spent == Decimal("0.002") * len(server.bodies)
    assert "0.0205" in found.replay.message
    assert found.remaining == 50 - len(server.bodies)
    with session_factory() as session:
        booked = list(session.scalars(select(SpendRow)))
    assert {(row.purpose, row.model) for row in booked} == {("replay", "qwen-model")}
    assert sum(row.usd for row in booked if row.usd is not None) == spent
    assert sum(row.calls for row in booked) == len(server.bodies)


def test_a_reply_without_counts_is_held_against_the_limit_and_booked_as_unknown(session_factory: SessionFactory) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response({key: value for key, value in completion().items() if key != "usage"})

    with model_server(handler) as url:
        with session_scope(session_factory) as session:
            priced = a_candidate(url, input_usd_per_million_tokens=0, output_usd_per_million_tokens=10)
            pilot = a_replayable_pilot(session, priced, exchanges=0)
            add_exchanges(session, pilot, [a_request(n, max_tokens=100) for n in range(20)])
        found = replay(session_factory, ReplayLimits(usd=Decimal("0.005")))
    counts = found.replay.progress["qwen"]
    assert (counts.asked, counts.unpriced, counts.usd, counts.held_usd) == (5, 5, Decimal(0), Decimal("0.005"))
    with session_factory() as session:
        assert {row.usd for row in session.scalars(select(SpendRow))} == {None}


def test_dollars_need_prices(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        a_replayable_pilot(session, a_candidate("http://127.0.0.1:1/v1"), exchanges=1)
    with pytest.raises(UnknownPrice, match="qwen"):
        start(session_factory, ReplayLimits(usd=Decimal(1)))


def test_a_model_rented_by_the_hour_costs_nothing_a_token(session_factory: SessionFactory) -> None:
    with model_server(Recorder()) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, gpu_usd_per_hour=3), exchanges=3)
        found = replay(session_factory, ReplayLimits(usd=Decimal(0)))
    counts = found.replay.progress["qwen"]
    assert (counts.answered, counts.usd, counts.unpriced) == (3, Decimal(0), 0)
    with session_factory() as session:
        assert list(session.scalars(select(SpendRow))) == []


def test_a_limit_in_seconds_lets_calls_on_the_way_end(session_factory: SessionFactory) -> None:
    server = Recorder(0.2)
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, max_concurrency=2), exchanges=100)
        found = replay(session_factory, ReplayLimits(seconds=0.7))
    assert found.replay.state is ReplayState.DONE
    assert "0.7 s" in found.replay.message
    assert 2 <= len(server.bodies) <= 20
    assert len(stored(session_factory)) == len(server.bodies)


def test_a_cancelled_replay_stops_asking_and_keeps_what_was_on_the_way(session_factory: SessionFactory) -> None:
    server = Recorder(0.1)
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, max_concurrency=4), exchanges=400)
        replay_id = start(session_factory)
        working = threading.Thread(target=work, args=(session_factory, replay_id))
        working.start()
        while len(server.bodies) < 8:
            threading.Event().wait(0.02)
        with session_scope(session_factory, published) as session:
            assert cancel_replay(session, replay_id, by=OPERATOR).replay.state is ReplayState.CANCELLED
        working.join(20)
    found = status(session_factory, replay_id)
    assert (found.replay.state, found.replay.message) == (ReplayState.CANCELLED, "cancelled by ada")
    assert len(stored(session_factory)) == len(server.bodies) == found.replay.progress["qwen"].asked < 400
    with session_scope(session_factory, published) as session, pytest.raises(Conflict):
        cancel_replay(session, replay_id, by=OPERATOR)


def test_a_replay_is_worked_on_by_one_and_taken_up_when_its_lease_is_over(session_factory: SessionFactory) -> None:
    server = Recorder()
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url), exchanges=5)
        replay_id = start(session_factory)
        with session_scope(session_factory) as session:
            assert claim_replay(session, replay_id, worker="one that dies", lease_seconds=0.3) is not None
        assert work(session_factory, replay_id) is None
        with session_scope(session_factory, published) as session:
            assert sweep_replays(session) == []
        threading.Event().wait(0.4)
        with session_scope(session_factory, published) as session:
            assert sweep_replays(session) == [replay_id]
        assert work(session_factory, replay_id) is ReplayState.DONE
    assert len(server.bodies) == 5


def test_a_worker_whose_replay_was_taken_over_stops(session_factory: SessionFactory) -> None:
    server = Recorder(0.1)
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, max_concurrency=2), exchanges=200)
        replay_id = start(session_factory)
        working = threading.Thread(target=work, args=(session_factory, replay_id))
        working.start()
        while len(server.bodies) < 4:
            threading.Event().wait(0.02)
        with session_scope(session_factory) as session:
            session.execute(text("UPDATE replays SET claimed_by = 'another'"))
        working.join(20)
    assert len(server.bodies) < 200
    assert status(session_factory, replay_id).replay.state is ReplayState.RUNNING


def test_a_long_replay_takes_turns(session_factory: SessionFactory) -> None:
    server = Recorder(0.1)
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, max_concurrency=4), exchanges=20)
        replay_id = start(session_factory)
        turns = [work(session_factory, replay_id, turn_seconds=0.25)]
        while turns[-1] is ReplayState.RUNNING and len(turns) < 20:
            turns.append(work(session_factory, replay_id, turn_seconds=0.25))
    assert len(turns) > 1
    assert turns[-1] is ReplayState.DONE
    assert (
        len(server.bodies)
        == len(stored(session_factory))
        == status(session_factory, replay_id).replay.progress["qwen"].asked
        == 20
    )


def test_one_replay_of_a_candidate_at_a_time(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        a_replayable_pilot(
            session, a_candidate("http://127.0.0.1:1/v1"), a_candidate("http://127.0.0.1:1/v1", "llama"), exchanges=1
        )
    first = start(session_factory, candidate="qwen")
    with pytest.raises(Conflict, match=f"replay {first}"):
        start(session_factory)
    with pytest.raises(Conflict):
        start(session_factory, candidate="qwen")
    start(session_factory, candidate="llama")


def test_what_cannot_be_replayed(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        a_replayable_pilot(session, a_candidate("http://127.0.0.1:1/v1"), exchanges=1)
    with pytest.raises(InvalidInput, match="allowed: qwen"):
        start(session_factory, candidate="nobody")
    with session_scope(session_factory) as session:
        session.scalars(select(PilotRow)).one().state = "stopped"
    with pytest.raises(Conflict, match="stopped"):
        start(session_factory)
    with session_factory() as session, pytest.raises(NotFound):
        replay_status(session, 12345)


def test_a_reply_that_is_there_is_kept(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        pilot = a_replayable_pilot(session, a_candidate("http://127.0.0.1:1/v1"), exchanges=0)
        first, second = add_exchanges(session, pilot, [a_request(0), a_request(1)])
        arm = pilot.arm_named("qwen").id
        old = NewReply(first, arm, Reply("old", timing=Timing(total_seconds=1.0)), Source.IMPORTED)
        assert record_replies(session, pilot, [old]) == {(first, arm)}
        failure = Failure(FailureKind.HTTP, 503, "busy", adaptation=True)
        new = [NewReply(first, arm, Reply("new"), Source.REPLAY), NewReply(second, arm, failure, Source.REPLAY)]
        assert record_replies(session, pilot, new) == {(second, arm)}
        bodies = read_payloads(session, [first, second])
        assert (bodies[first, arm]["content"], bodies[second, arm]) == ("old", {"message": "busy"})
    rows = stored(session_factory)
    assert (rows[first].source, rows[first].content_chars) == ("imported", 3)
    assert (rows[second].failure, rows[second].status, rows[second].caused_by_adaptation) == ("http", 503, True)
