"""Replay: stored exchanges are asked of candidates, within limits, once, and what comes of it is stored."""

import asyncio
import threading
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, text

from app.domain.access import Principal
from app.domain.exchange import Failure, Json, Reply, Timing
from app.domain.replay import NewReply, ReplayLimits, ReplayState
from app.domain.words import FailureKind, Role, Source
from app.errors import Conflict, InvalidInput, NotFound, UnknownPrice
from app.jobs import Job
from app.pipeline.replay import (
    ReplayStatus,
    cancel_replay,
    create_replay,
    replay_status,
    sweep_replays,
    work_on_replay,
)
from app.store.payloads import read_payloads
from app.store.pilots import get_pilot
from app.store.replays import claim_replay
from app.store.replies import record_replies
from app.store.session import SessionFactory, session_scope
from app.store.tables import PairRow, PilotRow, ReplyRow
from app.store.work_tables import SpendRow
from tests.integration.replaying import FIRST, a_candidate, a_replayable_pilot, a_request, add_exchanges
from tests.model_servers import DONE, completion, event, event_stream, model_server

OPERATOR = Principal("ada", Role.OPERATOR)
NO_LIMITS = ReplayLimits()


def published(_: Job, __: list[Any]) -> None:
    """Jobs leave for nowhere: the tests do the work themselves."""


def start(sessions: SessionFactory, limits: ReplayLimits = NO_LIMITS, candidate: str | None = None) -> int:
    with session_scope(sessions, published) as session:
        return create_replay(session, "support-bot", candidate=candidate, limits=limits, by=OPERATOR).replay.id


def work(sessions: SessionFactory, replay_id: int, **options: Any) -> ReplayState | None:
    return work_on_replay(sessions, replay_id, **({"lease_seconds": 30.0, "reply_bytes": 1_000_000} | options))


def replay(sessions: SessionFactory, limits: ReplayLimits = NO_LIMITS, **options: Any) -> ReplayStatus:
    replay_id = start(sessions, limits, options.pop("candidate", None))
    work(sessions, replay_id, **options)
    return status(sessions, replay_id)


def status(sessions: SessionFactory, replay_id: int) -> ReplayStatus:
    with sessions() as session:
        return replay_status(session, replay_id)


def stored(sessions: SessionFactory, arm: str = "qwen") -> dict[int, ReplyRow]:
    with sessions() as session:
        arm_id = get_pilot(session, "support-bot").arm_named(arm).id
        return {row.exchange_id: row for row in session.scalars(select(ReplyRow).where(ReplyRow.arm_id == arm_id))}


class Recorder:
    """A model server that remembers what it was asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.bodies: list[Json] = []
        self.keys: list[str | None] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._seconds = seconds

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("Authorization"))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(self._seconds)
        self.in_flight -= 1
        words = f"answer to {body['messages'][-1]['content']}"
        if body.get("stream"):
            usage = {"prompt_tokens": 1000, "completion_tokens": 100}
            return await event_stream(request, event({"content": words}, finish_reason="stop"), event(usage=usage), DONE)
        return web.json_response(completion(words) | {"usage": {"prompt_tokens": 1000, "completion_tokens": 100}})

    @property
    def questions(self) -> list[str]:
        return [body["messages"][-1]["content"] for body in self.bodies]


def test_every_stored_exchange_is_asked_once_and_its_pair_is_to_be_looked_at(session_factory: SessionFactory) -> None:
    server = Recorder()
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url), exchanges=230)
        found = replay(session_factory)
        again = replay(session_factory)
    assert found.replay.state is ReplayState.DONE
    assert (found.remaining, found.replay.message) == (0, "")
    counts = found.replay.progress["qwen"]
    assert (counts.asked, counts.answered, counts.failed, counts.not_asked) == (230, 230, 0, 0)
    assert sorted(server.questions) == sorted(f"question {n}" for n in range(230))
    assert again.replay.progress["qwen"].asked == 0
    rows = stored(session_factory)
    assert {(row.source, row.model, row.output_tokens, row.failure) for row in rows.values()} == {
        ("replay", "served", 100, None)
    }
    assert all(row.total_seconds and row.lag_seconds is not None for row in rows.values())
    assert rows[min(rows)].adaptation[0]["parameter"] == "model"
    with session_factory() as session:
        assert {pair.state for pair in session.scalars(select(PairRow))} == {"pending"}
        assert len(list(session.scalars(select(PairRow)))) == 230
        arm = get_pilot(session, "support-bot").arm_named("qwen")
        bodies = read_payloads(session, [min(rows)])
        assert bodies[min(rows), arm.id]["content"] == "answer to question 0"


def test_streaming_is_as_production_had_it(session_factory: SessionFactory) -> None:
    server = Recorder()
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            pilot = a_replayable_pilot(session, a_candidate(url), exchanges=0)
            plain, streamed = add_exchanges(session, pilot, [a_request(0), a_request(1, stream=True)])
        replay(session_factory)
    rows = stored(session_factory)
    assert rows[plain].ttft_any_seconds is None
    assert rows[streamed].ttft_any_seconds is not None
    assert sorted(bool(body.get("stream")) for body in server.bodies) == [False, True]


def test_candidates_are_asked_side_by_side_within_their_concurrency(session_factory: SessionFactory) -> None:
    servers = Recorder(0.02), Recorder(0.02)
    with model_server(servers[0]) as one, model_server(servers[1]) as two:
        with session_scope(session_factory) as session:
            a_replayable_pilot(
                session, a_candidate(one, max_concurrency=3), a_candidate(two, "llama", max_concurrency=8), exchanges=40
            )
        found = replay(session_factory)
    assert [server.most_in_flight for server in servers] == [3, 8]
    assert {name: counts.answered for name, counts in found.replay.progress.items()} == {"qwen": 40, "llama": 40}


def test_one_candidate_of_two(session_factory: SessionFactory) -> None:
    server = Recorder()
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url), a_candidate(url, "llama"), exchanges=4)
        found = replay(session_factory, candidate="llama")
    assert list(found.replay.progress) == ["llama"]
    assert {body["model"] for body in server.bodies} == {"llama-model"}


def test_what_is_no_evidence_is_not_asked(session_factory: SessionFactory) -> None:
    server = Recorder()
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            pilot = a_replayable_pilot(session, a_candidate(url), exchanges=0, sampling={"rate": 0.5})
            add_exchanges(session, pilot, [a_request(0), None, {"input": "responses"}], sample_point=0.4)
            add_exchanges(session, pilot, [a_request(10)], sample_point=0.5, prefix="not-sampled")
            add_exchanges(session, pilot, [a_request(11)], sample_point=0.1, prefix="lost", reason="lost")
            refused = add_exchanges(session, pilot, [a_request(n) for n in (12, 13)], sample_point=0.1, prefix="refused")
            for exchange_id, code in zip(refused, (400, 429), strict=True):
                session.execute(
                    text("UPDATE replies SET failure = 'http', status = :code WHERE exchange_id = :id"),
                    {"code": code, "id": exchange_id},
                )
            early = add_exchanges(session, pilot, [a_request(14)], sample_point=0.1, prefix="early")
            session.execute(text("UPDATE pilots SET starts_at = :at"), {"at": FIRST.replace(hour=0)})
            session.execute(text("UPDATE exchanges SET arrived_at = '2026-11-01T00:00Z' WHERE id = :id"), {"id": early[0]})
        found = replay(session_factory)
    assert sorted(server.questions) == ["question 0", "question 13"]
    assert (found.replay.progress["qwen"].not_asked, found.remaining) == (1, 0)


def test_failures_are_stored_as_data(session_factory: SessionFactory) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        question = (await request.json())["messages"][-1]["content"]
        if question == "question 0":
            return web.json_response(completion())
        if question == "question 1":
            return web.json_response({"error": {"message": "out of memory"}}, status=500)
        if question == "question 2":
            await asyncio.sleep(30)
        return web.json_response(completion(""))

    with model_server(handler) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, timeout_seconds=0.3, max_concurrency=1), exchanges=4)
        found = replay(session_factory)
    rows = sorted(stored(session_factory).values(), key=lambda row: row.exchange_id)
    assert [(row.failure, row.status) for row in rows] == [(None, None), ("http", 500), ("timeout", None), ("empty", None)]
    counts = found.replay.progress["qwen"]
    assert (found.replay.state, counts.answered, counts.failed) == (ReplayState.DONE, 1, 3)


def test_a_candidate_that_is_not_there_ends_the_replay_and_blames_no_exchange(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        a_replayable_pilot(session, a_candidate("http://127.0.0.1:1/v1"), exchanges=5)
    found = replay(session_factory)
    assert found.replay.state is ReplayState.FAILED
    assert "no model server answers at http://127.0.0.1:1/v1" in found.replay.message
    assert (stored(session_factory), found.remaining) == ({}, 5)


def test_a_candidate_that_goes_away_ends_the_replay_and_keeps_what_it_had(session_factory: SessionFactory) -> None:
    answered = threading.Event()
    server = Recorder()

    async def handler(request: web.Request) -> web.StreamResponse:
        if len(server.bodies) == 3:
            answered.set()
            await asyncio.sleep(30)
        return await server(request)

    with model_server(handler) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, max_concurrency=1, timeout_seconds=60), exchanges=50)
        replay_id = start(session_factory)
        working = threading.Thread(target=work, args=(session_factory, replay_id))
        working.start()
        assert answered.wait(20)
    working.join(20)
    found = status(session_factory, replay_id)
    assert (found.replay.state, found.remaining) == (ReplayState.FAILED, 47)
    assert all(row.failure is None for row in stored(session_factory).values())


@pytest.mark.parametrize("code", [401, 403, 404])
def test_a_server_that_lets_nobody_in_ends_the_replay(session_factory: SessionFactory, code: int) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": "wrong key"}}, status=code)

    with model_server(handler) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url), exchanges=100)
        found = replay(session_factory)
    assert found.replay.state is ReplayState.FAILED
    assert f"refuses with {code}: wrong key" in found.replay.message
    assert stored(session_factory) == {}


def test_a_server_without_room_is_given_time(session_factory: SessionFactory) -> None:
    server = Recorder()
    turned_away: list[int] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        if len(turned_away) < 3:
            turned_away.append(1)
            return web.json_response({"error": "slow down"}, status=429, headers={"Retry-After": "0.05"})
        return await server(request)

    with model_server(handler) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url), exchanges=5)
        found = replay(session_factory)
    assert (len(turned_away), found.replay.progress["qwen"].answered) == (3, 5)


def test_the_key_comes_from_the_environment_by_its_name(session_factory: SessionFactory) -> None:
    server = Recorder()
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url, api_key_env="QWEN_KEY"), exchanges=1)
        missing = replay(session_factory, environment={})
        found = replay(session_factory, environment={"QWEN_KEY": "s3cret\n"})
    assert missing.replay.state is ReplayState.FAILED
    assert "no environment variable QWEN_KEY" in missing.replay.message
    assert (found.replay.state, server.keys) == (ReplayState.DONE, ["Bearer s3cret"])
    with session_factory() as session:
        assert "s3cret" not in str(session.execute(text("SELECT json_agg(t)::text FROM replays t")).scalar())


# -- limits ----------------------------------------------------------------------------------------------------------


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


# -- life ------------------------------------------------------------------------------------------------------------


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
