"""Replay: stored exchanges are asked of candidates, within limits, once, and what comes of it is stored."""

import asyncio
import threading
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, text

from app.domain.exchange import Json
from app.domain.replay import ReplayState
from app.simulator.assistant import CANDIDATE
from app.simulator.models import SimulatedModel
from app.simulator.serving import Endpoint, serve
from app.store.payloads import read_payloads
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from app.store.tables import PairRow
from tests.integration.replay_runs import Recorder, replay, start, status, stored, work
from tests.integration.replaying import FIRST, a_candidate, a_replayable_pilot, a_request, add_exchanges
from tests.model_servers import completion, model_server


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
    # Nobody is answered before both have as many questions at once as they may: only then does a loaded machine not decide.
    def are_both_full() -> bool:
        return [server.most_in_flight >= most for server, most in zip(servers, (3, 8), strict=True)] == [True, True]

    servers = Recorder(0.02, are_both_full), Recorder(0.02, are_both_full)
    with model_server(servers[0]) as one, model_server(servers[1]) as two:
        with session_scope(session_factory) as session:
            patient: Any = {"timeout_seconds": 60.0}
            a_replayable_pilot(
                session, a_candidate(one, max_concurrency=3, **patient),
                a_candidate(two, "llama", max_concurrency=8, **patient), exchanges=40,
            )  # fmt: skip
        found = replay(session_factory)
    assert not any(server.gave_up for server in servers)
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
            add_exchanges(session, pilot, [a_request(0), None, {"input": "x", "conversation": "conv_1"}], sample_point=0.4)
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


def test_all_three_routes_are_asked(session_factory: SessionFactory) -> None:
    requests: list[Json | None] = [
        a_request(0), {"model": "gpt", "prompt": "Once", "stream": True}, {"model": "gpt", "input": "Hello", "stream": True},
        {"model": "gpt", "input": "Hello", "tools": [{"type": "web_search"}]},
    ]  # fmt: skip
    with serve(Endpoint(SimulatedModel(CANDIDATE, "sim"))) as url:
        with session_scope(session_factory) as session:
            candidates = a_candidate(f"{url}/v1"), a_candidate(f"{url}/v1", "llama", server="llamacpp")
            pilot = a_replayable_pilot(session, *candidates, exchanges=0)
            ids = add_exchanges(session, pilot, requests)
        found = replay(session_factory)
    for name in ("qwen", "llama"):
        counts = found.replay.progress[name]
        assert (counts.asked, counts.answered, counts.not_asked) == (3, 3, 1)
    with session_factory() as session:
        bodies = read_payloads(session, ids)
        arms = [get_pilot(session, "support-bot").arm_named(name).id for name in ("qwen", "llama")]
    assert bodies[ids[2], arms[0]]["content"] == bodies[ids[2], arms[1]]["content"]
    rows = stored(session_factory, "llama")
    assert [entry["parameter"] for entry in rows[ids[2]].adaptation][:2] == ["path", "input"]
    assert None not in {rows[ids[1]].ttft_visible_seconds, rows[ids[2]].ttft_visible_seconds, rows[ids[2]].output_tokens}


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
    assert (found.replay.state, server.keys, server.told) == (ReplayState.DONE, ["Bearer s3cret"], {"off"})
    with session_factory() as session:
        assert "s3cret" not in str(session.execute(text("SELECT json_agg(t)::text FROM replays t")).scalar())
