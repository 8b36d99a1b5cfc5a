"""Rehearsals against real servers: open loop, known capacity, money, cancelling, and workers that die."""

import asyncio
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from aiohttp import web
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.domain.content import METADATA
from app.domain.rehearsal import RehearsalTerms, StepKind, StepOutcome
from app.domain.replay import ReplayLimits, ReplayState
from app.errors import Conflict, InvalidInput
from app.pipeline.rehearsal import cancel_rehearsal, create_rehearsal, plan_rehearsal, sweep_rehearsals
from app.pipeline.rehearsal_present import present_rehearsals
from app.pipeline.rehearsal_step import WARMING_CALLS
from app.pipeline.replay import create_replay
from app.simulator.assistant import CANDIDATE
from app.simulator.capacity import Slots
from app.simulator.models import SimulatedModel
from app.simulator.serving import Endpoint, serve
from app.store.money_tables import RehearsalRow
from app.store.pilots import get_pilot, mark_started
from app.store.rehearsal_arrivals import count_live
from app.store.session import SessionFactory, session_scope
from app.store.tables import ExchangeRow, PilotRow, ReplyRow
from app.store.work_tables import SpendRow
from tests.integration.rehearsing import FIRST, OPERATOR, a_recorded_pilot, read, record_requests, rehearse, start, turn
from tests.integration.replay_runs import Recorder
from tests.model_servers import model_server

# One step; the pace is ten times that of the recording.
ONE_STEP = RehearsalTerms(speeds=(10.0,), minutes=0.6 / 60, find_capacity=False)
EVERY_FIFTH = [number / 5 for number in range(120)]
TOKEN_PRICES: dict[str, Any] = {
    "gpu_usd_per_hour": None,
    "input_usd_per_million_tokens": 1,
    "output_usd_per_million_tokens": 10,
}


def priced(url: str) -> list[dict[str, Any]]:
    return [{"name": "qwen", "base_url": url, "model": "m", "license": "Apache-2.0"} | TOKEN_PRICES]


def test_a_known_capacity_is_found_within_five_percent(session_factory: SessionFactory) -> None:
    # A few calls a second only: the simulated model shares the processor with all other tests.
    slots = Slots(2, 0.08)
    terms = RehearsalTerms(speeds=(1.0,), minutes=5 / 60, find_capacity=True)
    with serve(Endpoint(SimulatedModel(CANDIDATE, "m"), slots=slots)) as url:
        with session_scope(session_factory) as session:
            a_recorded_pilot(session, f"{url}/v1", [number / 10 for number in range(300)], latency=None)
        found = rehearse(session_factory, terms)
    assert (found.state, found.message) == (ReplayState.DONE, "")
    assert found.result is not None
    assert slots.requests_per_second == 25
    assert found.result.capacity_requests_per_second.value == pytest.approx(25, rel=0.05)
    assert [step.kind for step in found.steps][:2] == [StepKind.SPEED, StepKind.SATURATION]
    assert found.steps[0].offered_requests_per_second == pytest.approx(10, rel=0.05)
    with session_factory() as session:
        assert session.scalars(select(ReplyRow)).all() == []  # no reply is kept: it would be no evidence
        assert present_rehearsals(session, get_pilot(session, "support-bot")) == {"qwen": found.result}


def test_a_thinned_sample_is_filled_up_and_texts_that_are_not_kept_are_stood_in_for(session_factory: SessionFactory) -> None:
    server = Recorder()
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            pilot = a_recorded_pilot(session, url, [])
            for number in range(3):
                question = {"model": "x", "messages": [{"role": "user", "content": f"question {number}"}]}
                record_requests(
                    session,
                    pilot,
                    [number * 0.07 + second * 0.4 for second in range(60)],
                    question,
                    prefix=number,
                    inclusion_probability=0.25,
                )
            record_requests(session, pilot, [second * 0.8 for second in range(30)], None, prefix=9)
        found = rehearse(session_factory, ONE_STEP)
    (step,) = found.steps
    assert found.result is not None
    assert step.offered == pytest.approx((3 / 0.4 * 4 + 1 / 0.8) * 6, rel=0.1)
    assert step.repeated == pytest.approx((3 / 0.4 * 3 + 1 / 0.8) * 6, rel=0.1)
    assert "in place of others" in found.result.notes[0]
    assert set(Counter(server.questions)) == {"question 0", "question 1", "question 2"}
    assert found.result.covers.production_requests_per_minute_peak == pytest.approx((3 / 0.4 * 4 + 1 / 0.8) * 24, rel=0.05)


def test_money_ends_it_before_more_is_spent_and_is_booked_as_the_pilots_own(session_factory: SessionFactory) -> None:
    server = Recorder()
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_recorded_pilot(session, url, EVERY_FIFTH, candidate=priced(url))
        with pytest.raises(InvalidInput, match=r"up to 1\.23 USD") as refused:
            start(session_factory, ONE_STEP)
        assert refused.value.problems[0].code == "limit_needed"
        terms = RehearsalTerms(speeds=(10.0,), minutes=1 / 60, limit_usd=Decimal("0.10"))
        found = rehearse(session_factory, terms)
    (step,) = found.steps
    assert (found.state, found.message) == (ReplayState.DONE, "the limit of 0.10 USD is reached")
    assert step.outcome is StepOutcome.NOT_VALID
    assert step.not_sent > 0
    assert Decimal(0) < step.usd <= Decimal("0.10")
    with session_factory() as session:
        lines = session.execute(select(SpendRow.purpose, SpendRow.usd, SpendRow.calls)).all()
    assert {purpose for purpose, _, _ in lines} == {"rehearsal"}
    assert sum((usd or Decimal(0) for _, usd, _ in lines), Decimal(0)) == step.usd
    assert sum(calls for _, _, calls in lines) == len(server.bodies) > step.answered  # those that warmed the server, too


def test_calls_are_booked_once_where_a_slow_look_is_under_way_as_the_step_ends(session_factory: SessionFactory) -> None:
    server = Recorder()

    def slowly() -> Session:
        if threading.current_thread() is not threading.main_thread():
            threading.Event().wait(0.2)  # most of the time a look is under way
        return session_factory()

    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_recorded_pilot(session, url, EVERY_FIFTH, candidate=priced(url))
        number = start(session_factory, replace(ONE_STEP, limit_usd=Decimal(9)))
        turn(cast(SessionFactory, slowly), number, lease_seconds=0.3)
    with session_factory() as session:
        calls = session.scalars(select(SpendRow.calls)).all()
    assert sum(calls) == len(server.bodies)


def test_arrivals_are_not_read_while_the_pilot_s_row_is_held(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        a_recorded_pilot(session, "http://127.0.0.1:1/v1", [0.0])
    with session_factory() as holder, session_scope(session_factory) as session:
        get_pilot(holder, "support-bot", for_update=True)
        session.execute(text("SET LOCAL lock_timeout = '200ms'"))
        with pytest.raises(InvalidInput, match="a rehearsal needs two"):
            create_rehearsal(session, "support-bot", candidate=None, terms=ONE_STEP, by=OPERATOR)


def test_a_step_waits_until_every_mirror_knows_and_the_plan_says_what_that_costs(
    session_factory: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.pipeline.rehearsal_work.MIRRORS_KNOW_SECONDS", 1.2)
    came: list[float] = []
    server = Recorder()

    async def noting(request: web.Request) -> web.StreamResponse:
        came.append(time.monotonic())
        return await server(request)

    with model_server(noting) as url:
        with session_scope(session_factory) as session:
            pilot = a_recorded_pilot(session, url, EVERY_FIFTH)
            mark_started(session, pilot, starts_at=FIRST, at=FIRST)
            plan = plan_rehearsal(session, pilot.name, candidate=None, terms=RehearsalTerms(minutes=14.4))
            assert plan.not_mirrored_day_share == pytest.approx(0.01)
        number = start(session_factory, ONE_STEP)
        begun = time.monotonic()
        turn(session_factory, number)
    assert came[0] - begun >= 1.2


def test_only_what_the_mirror_did_ask_counts_as_live(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        pilot = a_recorded_pilot(session, "http://127.0.0.1:1/v1", [0.0, 1.0, 2.0, 3.0, 9.0])
        arm = pilot.arm_named("qwen")
        numbers = list(session.scalars(select(ExchangeRow.id).order_by(ExchangeRow.arrived_at)))
        for number, (source, failure) in zip(  # the fourth was not asked, the fifth came later
            [*numbers[:3], numbers[4]],
            [("live", None), ("live", "unavailable"), ("replayed", None), ("live", None)],
            strict=True,
        ):
            session.add(ReplyRow(exchange_id=number, arm_id=arm.id, pilot_id=pilot.id, source=source, failure=failure))
        session.flush()
        assert count_live(session, pilot, arm, FIRST, FIRST + timedelta(seconds=5)) == 1


def test_a_step_under_way_is_lost_with_its_worker_and_made_again(session_factory: SessionFactory) -> None:
    with model_server(Recorder()) as url:
        with session_scope(session_factory) as session:
            a_recorded_pilot(session, url, EVERY_FIFTH)
        number = start(session_factory, ONE_STEP)
        begun = {"kind": "speed", "outcome": "under_way", "started_at": "2026-11-02T10:00:00Z", "speed": 10.0, "seconds": 0.6}
        dead = {"claimed_by": "dead", "claimed_until": "2026-11-02T10:00:00Z", "state": "running", "steps": [begun]}
        with session_scope(session_factory) as session:
            session.execute(update(RehearsalRow).where(RehearsalRow.id == number).values(**dead))
        with session_scope(session_factory, lambda *_: None) as session:
            assert sweep_rehearsals(session) == [number]
        assert turn(session_factory, number) is ReplayState.RUNNING
        assert read(session_factory, number).message.startswith("a worker was lost")
        assert turn(session_factory, number) is ReplayState.DONE
    found = read(session_factory, number)
    assert [step.outcome for step in found.steps] == [StepOutcome.LOST, StepOutcome.MET]
    assert found.result is not None
    assert any("Lost with their worker" in note for note in found.result.notes)


def test_cancelling_ends_the_calls_in_flight(session_factory: SessionFactory) -> None:
    server, over = Recorder(), threading.Event()

    async def hangs_after_warming(request: web.Request) -> web.StreamResponse:
        answer = await server(request)
        if len(server.bodies) > WARMING_CALLS:
            await asyncio.to_thread(over.wait, 10)
        return answer

    with model_server(hangs_after_warming) as url:
        with session_scope(session_factory) as session:
            a_recorded_pilot(session, url, EVERY_FIFTH)
        number = start(session_factory, ONE_STEP)
        ended: list[ReplayState | None] = []
        worker = threading.Thread(target=lambda: ended.append(turn(session_factory, number, lease_seconds=0.6)))
        worker.start()
        while len(server.bodies) <= WARMING_CALLS:
            threading.Event().wait(0.01)
        with session_scope(session_factory) as session:
            cancel_rehearsal(session, number, by=OPERATOR)
        worker.join(10)
        over.set()
    found = read(session_factory, number)
    assert (found.state, ended) == (ReplayState.CANCELLED, [ReplayState.CANCELLED])
    assert [(step.outcome, step.reason) for step in found.steps] == [(StepOutcome.LOST, "cancelled")]
    assert found.result is None
    with pytest.raises(Conflict), session_scope(session_factory) as session:
        cancel_rehearsal(session, number, by=OPERATOR)


def test_what_is_refused_and_what_cannot_begin(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        pilot = a_recorded_pilot(session, "http://127.0.0.1:1/v1", EVERY_FIFTH)
    for wrong, field in (
        (RehearsalTerms(speeds=()), "speeds"),
        (RehearsalTerms(speeds=(0.0,)), "speeds"),
        (RehearsalTerms(minutes=0), "minutes"),
    ):
        with pytest.raises(InvalidInput) as refused:
            start(session_factory, wrong)
        assert [problem.field for problem in refused.value.problems] == [field]
    with pytest.raises(InvalidInput, match=r"speed 100 for 120 minutes .* at most 2,000,000: give a lower speed"):
        start(session_factory, RehearsalTerms(speeds=(100.0,), minutes=120, find_capacity=False))
    number = start(session_factory, ONE_STEP)
    with pytest.raises(Conflict, match=f"rehearsal {number} "):
        start(session_factory, ONE_STEP)
    with pytest.raises(Conflict, match="would disturb"), session_scope(session_factory, lambda *_: None) as session:
        create_replay(session, pilot.name, candidate=None, limits=ReplayLimits(), by=OPERATOR)
    assert turn(session_factory, number) is ReplayState.FAILED
    assert "no model server answers" in read(session_factory, number).message


def test_a_server_that_falls_over_later_leaves_what_was_measured_before(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        a_recorded_pilot(session, "http://127.0.0.1:1/v1", EVERY_FIFTH)
    number = start(session_factory, RehearsalTerms(speeds=(1.0, 2.0), minutes=1))
    made = {"kind": "speed", "outcome": "met", "started_at": "2026-11-02T10:00:00Z", "speed": 1.0, "seconds": 18.0}
    with session_scope(session_factory) as session:
        session.execute(update(RehearsalRow).where(RehearsalRow.id == number).values(steps=[made]))
    assert turn(session_factory, number) is ReplayState.DONE
    found = read(session_factory, number)
    assert found.message.startswith("ended early: no model server answers")
    assert found.result is not None
    assert [step.outcome for step in found.result.steps] == [StepOutcome.MET]


def test_a_candidate_that_was_changed_meanwhile_ends_it(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        pilot = a_recorded_pilot(session, "http://127.0.0.1:1/v1", EVERY_FIFTH)
    number = start(session_factory, ONE_STEP)
    with session_scope(session_factory) as session:
        other = pilot.configuration.model_dump(mode="json")
        other["candidate"][0]["replicas"] = 2
        session.execute(update(PilotRow).where(PilotRow.id == pilot.id).values(configuration=other))
    assert turn(session_factory, number) is ReplayState.FAILED
    assert "was changed meanwhile" in read(session_factory, number).message


def test_nothing_that_may_not_be_kept_is_sent(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        a_recorded_pilot(session, "http://127.0.0.1:1/v1", EVERY_FIFTH, content={"level": METADATA})
    found = rehearse(session_factory, ONE_STEP)
    assert found.state is ReplayState.FAILED
    assert "can be sent again" in found.message


def test_the_plan_says_what_it_will_take(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        a_recorded_pilot(session, "http://127.0.0.1:1/v1", [number / 2 for number in range(1000)])
        plan = plan_rehearsal(session, "support-bot", candidate=None, terms=RehearsalTerms(minutes=10))
    assert (plan.candidate, plan.seconds, plan.is_load_test) == ("qwen", 600.0, True)
    assert plan.usd_at_most == 0
    assert plan.requests == 240 + 360 + 480
    assert plan.production_requests_per_minute_peak == 120
