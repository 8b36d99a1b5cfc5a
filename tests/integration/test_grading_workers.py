"""Several who grade at once, leases, and the sweep."""

import threading
import time
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.exchange import Reply
from app.domain.grading import GradingState
from app.domain.pilot import Pilot
from app.jobs import Job
from app.pipeline.grading import (
    GradingLimits,
    ask_for_grading,
    grade_pilot,
    settle_without_model,
    status_of_grading,
    sweep_gradings,
)
from app.store.gradings import claim_pairs, end_grading, only_grader, release_claims
from app.store.pairs import touch_pairs
from app.store.session import SessionFactory, session_scope
from tests.api import Published
from tests.builders import a_pilot
from tests.fake_judge import Call, FakeJudge, Said, fake_judge, longer_wins, verdict
from tests.stored_pairs import StoredPair, store_pairs

LIMITS = GradingLimits(concurrency=20, timeout_seconds=5, lease_seconds=1, seconds=20, first_pause_seconds=0.01)
A_MINUTE_LATER = "UPDATE pairs SET claimed_until = claimed_until - interval '1 minute'"  # for leases


def a_judged_pilot(factory: SessionFactory, judge: FakeJudge, pairs: int, name: str = "support-bot") -> tuple[Pilot, list[int]]:
    free = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
    with session_scope(factory) as session:
        table = {"base_url": judge.url, "model": "judge-1", **free}
        pilot = a_pilot(session, pilot={"name": name}, judge=table)
        ids = store_pairs(
            session, pilot, [StoredPair(f"e-{n}", Reply(f"short {n}"), Reply(f"much longer {n}")) for n in range(pairs)]
        )
    return pilot, sorted(ids.values())


def run(factory: SessionFactory, statement: str, **values: Any) -> None:
    with session_scope(factory) as session:
        session.execute(text(statement), values)


def swept(factory: SessionFactory) -> list[int]:
    published = Published()
    with session_scope(factory, published) as session:
        sweep_gradings(session)
    assert all(job is Job.GRADE for job, _ in published)
    return [arguments[0] for _, arguments in published]


def test_two_workers_at_once_ask_each_order_once(session_factory: SessionFactory) -> None:
    with fake_judge(lambda call: Said(longer_wins(call).content, seconds=0.02)) as judge:
        pilot, _ = a_judged_pilot(session_factory, judge, 100)
        threads = [threading.Thread(target=grade_pilot, args=(session_factory, pilot.id, LIMITS)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(judge.calls) == len({(call.first, call.second) for call in judge.calls}) == 200
        assert judge.most_at_once <= LIMITS.concurrency


def test_only_one_grades_a_pilot_and_the_next_may_after_it(session_factory: SessionFactory) -> None:
    with (
        only_grader(session_factory, 1) as first,
        only_grader(session_factory, 1) as second,
        only_grader(session_factory, 2) as other,
    ):
        assert (first, second, other) == (True, False, True)
    with only_grader(session_factory, 1) as third:
        assert third
    with pytest.raises(RuntimeError, match="died"), only_grader(session_factory, 1):
        raise RuntimeError("died")
    with only_grader(session_factory, 1) as fourth:
        assert fourth


def test_claimed_pairs_are_left_alone_until_their_lease_is_over(session_factory: SessionFactory) -> None:
    with fake_judge() as judge:
        pilot, _ = a_judged_pilot(session_factory, judge, 3)
        settle_without_model(session_factory, pilot)
        with session_scope(session_factory) as session:
            assert len(claim_pairs(session, pilot.id, worker="dead", lease_seconds=60, limit=2)) == 2
        assert not grade_pilot(session_factory, pilot.id, LIMITS)
        assert len(judge.calls) == 2
        run(session_factory, A_MINUTE_LATER)
        grade_pilot(session_factory, pilot.id, LIMITS)
        assert len(judge.calls) == 6


def test_released_pairs_are_free_at_once(session_factory: SessionFactory) -> None:
    with fake_judge() as judge:
        pilot, _ = a_judged_pilot(session_factory, judge, 3)
        settle_without_model(session_factory, pilot)
        with session_scope(session_factory) as session:
            claim_pairs(session, pilot.id, worker="one", lease_seconds=60, limit=3)
            assert claim_pairs(session, pilot.id, worker="two", lease_seconds=60, limit=3) == []
            release_claims(session, pilot.id, worker="one")
            assert len(claim_pairs(session, pilot.id, worker="two", lease_seconds=60, limit=3)) == 3


def test_a_turn_that_is_over_gives_the_rest_back(session_factory: SessionFactory) -> None:
    with fake_judge(lambda call: Said(longer_wins(call).content, seconds=0.1)) as judge:
        pilot, _ = a_judged_pilot(session_factory, judge, 60)
        short = GradingLimits(concurrency=5, timeout_seconds=5, lease_seconds=60, seconds=0.5, first_pause_seconds=0.01)
        turns = 1
        while grade_pilot(session_factory, pilot.id, short):
            turns += 1
        assert turns > 1
        assert len(judge.calls) == 120
        with session_factory() as session:
            status = status_of_grading(session, pilot.name)
        assert (status.pending, status.state) == (0, GradingState.DONE)


def test_a_pair_that_is_touched_while_the_judge_thinks_stays_pending(session_factory: SessionFactory) -> None:
    touched = threading.Event()

    def answer(call: Call) -> Said:
        if call.number == 0:
            with session_scope(session_factory) as session:
                touch_pairs(session, ids)
            touched.set()
        return verdict("tie")

    with fake_judge(answer) as judge:
        pilot, ids = a_judged_pilot(session_factory, judge, 1)
        assert not grade_pilot(session_factory, pilot.id, LIMITS)
        assert touched.is_set()
        with session_factory() as session:
            assert status_of_grading(session, pilot.name).pending == 1
        assert not grade_pilot(session_factory, pilot.id, LIMITS)
        assert len(judge.calls) == 1
        with session_factory() as session:
            assert status_of_grading(session, pilot.name).pending == 0


def test_the_lease_is_kept_while_the_judge_is_slow(session_factory: SessionFactory) -> None:
    with fake_judge(lambda call: Said(longer_wins(call).content, seconds=1.5)) as judge:
        pilot, _ = a_judged_pilot(session_factory, judge, 2)
        grading = threading.Thread(target=grade_pilot, args=(session_factory, pilot.id, LIMITS))
        grading.start()
        time.sleep(1.3)
        with session_scope(session_factory) as session:
            assert claim_pairs(session, pilot.id, worker="thief", lease_seconds=60, limit=10) == []
        grading.join(30)
        assert len(judge.calls) == 4


def test_the_sweep_finds_running_pilots_and_drafts_that_were_asked_for(session_factory: SessionFactory) -> None:
    with fake_judge() as judge:
        draft, _ = a_judged_pilot(session_factory, judge, 1, "draft")
        running, _ = a_judged_pilot(session_factory, judge, 1, "running")
        run(session_factory, "UPDATE pilots SET state = 'running' WHERE name = 'running'")
        assert swept(session_factory) == [running.id]
        with session_scope(session_factory, Published()) as session:
            ask_for_grading(session, draft.name, "somebody")
        assert swept(session_factory) == [draft.id, running.id]
        for pilot in (draft, running):
            grade_pilot(session_factory, pilot.id, LIMITS)
        assert swept(session_factory) == []


def test_the_sweep_leaves_work_alone_that_somebody_is_at(session_factory: SessionFactory) -> None:
    with fake_judge() as judge:
        pilot, _ = a_judged_pilot(session_factory, judge, 2)
        run(session_factory, "UPDATE pilots SET state = 'running'")
        settle_without_model(session_factory, pilot)
        with session_scope(session_factory) as session:
            claim_pairs(session, pilot.id, worker="alive", lease_seconds=60, limit=1)
        assert swept(session_factory) == []
        run(session_factory, A_MINUTE_LATER)
        assert swept(session_factory) == [pilot.id]


def test_a_grading_that_stopped_is_tried_again_after_a_while(session_factory: SessionFactory) -> None:
    with fake_judge() as judge:
        pilot, _ = a_judged_pilot(session_factory, judge, 1)
        run(session_factory, "UPDATE pilots SET state = 'running'")
        with session_scope(session_factory) as session:
            end_grading(session, pilot.id, GradingState.STOPPED, "no key")
        assert swept(session_factory) == []
        run(session_factory, "UPDATE gradings SET finished_at = now() - interval '6 minutes'")
        assert swept(session_factory) == [pilot.id]


def test_a_stopped_pilot_is_swept_no_more(session_factory: SessionFactory) -> None:
    with fake_judge() as judge:
        pilot, _ = a_judged_pilot(session_factory, judge, 1)
        with session_scope(session_factory, Published()) as session:
            ask_for_grading(session, pilot.name, "somebody")
        run(session_factory, "UPDATE pilots SET state = 'stopped'")
        assert swept(session_factory) == []
        assert not grade_pilot(session_factory, pilot.id, LIMITS)
        assert not judge.calls
