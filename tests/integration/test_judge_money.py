"""Judges' money on a real database, against judges behind real HTTP."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.exchange import Reply
from app.domain.grading import GradingState, GradingStatus
from app.domain.pilot import Pilot
from app.pipeline.grading import GradingLimits, ask_for_grading, grade_pilot, judging_plan, status_of_grading
from app.pipeline.judge_turn import budget_of
from app.pipeline.judging import judge_pairs
from app.pipeline.settlement import judge_of
from app.store.gradings import unfinished_gradings
from app.store.session import SessionFactory, session_scope
from tests.api import Published
from tests.budget_proof import prove
from tests.builders import a_pilot
from tests.fake_judge import Call, FakeJudge, Said, fake_judge, verdict
from tests.stored_pairs import StoredPair, store_pairs

ROOT = Path(__file__).resolve().parents[2]
LIMITS = GradingLimits(concurrency=10, timeout_seconds=5, lease_seconds=1, seconds=20, first_pause_seconds=0.01)
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}
CALL_USD = Decimal("0.002")
PRICES: dict[str, Any] = {
    "input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 10, "max_output_tokens": 200, "canary_rate": 0,
}  # fmt: skip
WORKER = """
import sys
from app.pipeline.grading import GradingLimits, grade_pilot
from app.store.session import make_engine, make_session_factory
from tests.text_keys import known_texts
sessions = make_session_factory(make_engine(sys.argv[1]), texts=known_texts())
grade_pilot(sessions, int(sys.argv[2]), GradingLimits(concurrency=10, lease_seconds=1))
"""


def a_judged_pilot(factory: SessionFactory, judge: FakeJudge, pairs: int, **more: Any) -> Pilot:
    with session_scope(factory) as session:
        pilot = a_pilot(session, judge={"base_url": judge.url, "model": "judge-1"} | PRICES | more)
        store_pairs(session, pilot, [StoredPair(f"e-{n}", Reply(f"short {n}"), Reply(f"longer {n}")) for n in range(pairs)])
    return pilot


def ask(factory: SessionFactory, pilot: Pilot) -> None:
    with session_scope(factory, Published()) as session:
        ask_for_grading(session, pilot.name, "somebody")


def status(factory: SessionFactory, pilot: Pilot) -> GradingStatus:
    with factory() as session:
        return status_of_grading(session, pilot.name)


def run(factory: SessionFactory, statement: str) -> list[Any]:
    with session_scope(factory) as session:
        return list(session.execute(text(statement)))


def booked(factory: SessionFactory) -> list[tuple[bool, int, Decimal]]:
    rows = run(factory, "SELECT is_at_most, sum(calls), sum(usd) FROM spend GROUP BY 1 ORDER BY 1")
    return [(row[0], int(row[1]), row[2]) for row in rows]


def test_what_is_booked_is_what_a_moody_judge_bills(session_factory: SessionFactory) -> None:
    found = prove(session_factory, 600, seed=7, concurrency=60)
    assert found["holds"] == dict.fromkeys(found["holds"], True), found
    assert found["calls"] >= 400
    assert {"broken_off", "limited", "failed_after_work", "uncounted"} <= set(found["moods"])
    assert Decimal(found["unknown"]["booked_at_most_usd"]) > 0


def test_a_budget_that_is_too_small_is_used_and_never_overdrawn(session_factory: SessionFactory) -> None:
    found = prove(session_factory, 200, seed=8, budget_usd="0.8", concurrency=60)
    assert found["holds"] == dict.fromkeys(found["holds"], True), found
    assert Decimal("0.7") < Decimal(found["booked_usd"]) <= Decimal("0.8")
    assert found["pending_pairs"] == 0


def test_when_the_days_money_is_spent_the_rest_waits_for_tomorrow(session_factory: SessionFactory) -> None:
    with fake_judge(lambda _: verdict("first", usage=USAGE)) as judge:
        pilot = a_judged_pilot(session_factory, judge, 10, budget_usd_per_day="0.02")
        ask(session_factory, pilot)
        assert not grade_pilot(session_factory, pilot.id, LIMITS)
        first = status(session_factory, pilot)
        assert (first.state, first.ungraded) == (GradingState.RUNNING, {})
        assert "budget_usd_per_day" in first.problem
        assert 6 <= first.judge_calls <= 10
        assert first.usd == first.judge_calls * CALL_USD
        assert first.pending >= 5
        with session_factory() as session:
            assert unfinished_gradings(session) == []
        assert not grade_pilot(session_factory, pilot.id, LIMITS)
        assert status(session_factory, pilot).judge_calls == first.judge_calls

        run(session_factory, "UPDATE spend SET at = at - interval '1 day' RETURNING id")
        run(session_factory, "UPDATE gradings SET finished_at = finished_at - interval '6 minutes' RETURNING state")
        with session_factory() as session:
            assert unfinished_gradings(session) == [pilot.id]
        grade_pilot(session_factory, pilot.id, LIMITS)
        second = status(session_factory, pilot)
        assert first.judge_calls < second.judge_calls <= 2 * 10
        while second.pending:
            run(session_factory, "UPDATE spend SET at = at - interval '1 day' RETURNING id")
            grade_pilot(session_factory, pilot.id, LIMITS)
            second = status(session_factory, pilot)
        assert (second.state, second.problem, second.judge_calls, second.ungraded) == (GradingState.DONE, "", 20, {})


def test_a_call_that_nobody_answers_in_time_is_booked_at_the_most(session_factory: SessionFactory) -> None:
    with fake_judge(lambda _: verdict("tie", usage=USAGE, seconds=60)) as judge:
        pilot = a_judged_pilot(session_factory, judge, 1)
        ask(session_factory, pilot)
        grade_pilot(session_factory, pilot.id, replace(LIMITS, timeout_seconds=0.3, attempts=1))
    ((is_at_most, calls, usd),) = booked(session_factory)
    assert (is_at_most, calls) == (True, 2)
    assert 2 * CALL_USD < usd < 2 * Decimal("0.02")


def test_a_call_that_no_day_can_pay_is_over_budget(session_factory: SessionFactory) -> None:
    with fake_judge() as judge:
        pilot = a_judged_pilot(session_factory, judge, 2, budget_usd_per_day="0.0001")
        ask(session_factory, pilot)
        grade_pilot(session_factory, pilot.id, LIMITS)
        assert (status(session_factory, pilot).ungraded, judge.calls) == ({"over_budget": 2}, [])


def test_a_turn_that_is_cancelled_books_the_calls_under_way_at_the_most(session_factory: SessionFactory) -> None:
    asked = threading.Event()

    def answer(call: Call) -> Said:
        if call.number == 2:
            asked.set()
        return verdict("tie", usage=USAGE, seconds=30)

    with fake_judge(answer) as judge:
        pilot = a_judged_pilot(session_factory, judge, 3)
        with session_scope(session_factory) as session:
            session.execute(text("UPDATE pairs SET rule = 'grader'"))
        table = judge_of(pilot.configuration)
        assert table is not None
        budget = budget_of(session_factory, pilot.id, table.table)
        plan = judging_plan(table, LIMITS, budget=budget, environment={})

        async def cancelled() -> None:
            turn = asyncio.create_task(judge_pairs(session_factory, pilot, plan, "one"))
            await asyncio.to_thread(asked.wait)
            turn.cancel()
            await asyncio.wait([turn])

        asyncio.run(cancelled())
    ((is_at_most, calls, usd),) = booked(session_factory)
    assert (is_at_most, calls) == (True, 3)
    assert 3 * CALL_USD < usd < 3 * Decimal("0.02")
    assert run(session_factory, "SELECT * FROM judge_reserves") == []
    assert run(session_factory, "SELECT DISTINCT claimed_by FROM pairs") == [(None,)]


@pytest.mark.timeout(120)
def test_what_a_killed_worker_had_under_way_counts_as_spent(session_factory: SessionFactory, fresh_database_url: str) -> None:
    def answer(call: Call) -> Said:
        return verdict("first", usage=USAGE, seconds=0.05 if call.number < 15 or call.number >= 25 else 60)

    with fake_judge(answer) as judge:
        pilot = a_judged_pilot(session_factory, judge, 30, budget_usd="0.2")
        command = [sys.executable, "-c", WORKER, fresh_database_url, str(pilot.id)]
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as worker:
            while len(judge.calls) < 25:
                assert worker.poll() is None
                threading.Event().wait(0.01)
            os.kill(worker.pid, signal.SIGKILL)
        billed = len(judge.calls) * CALL_USD
        ((reserve,),) = run(session_factory, "SELECT usd FROM judge_reserves")
        ((is_at_most, before, known),) = booked(session_factory)
        assert not is_at_most
        assert known + reserve >= billed
        assert known + reserve <= Decimal("0.2")
        threading.Event().wait(1.0)  # the lease runs out
        grade_pilot(session_factory, pilot.id, LIMITS)
        at_most = next(row for row in booked(session_factory) if row[0])
        assert at_most[2] == reserve
        assert before + at_most[1] <= 25  # calls since the reserve was last written are not counted, their money is
        found = status(session_factory, pilot)
        assert len(judge.calls) * CALL_USD <= found.usd <= Decimal("0.2")
