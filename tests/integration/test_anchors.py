"""The judge is asked again about pairs of the first week, by its usual way; the control arm is judged like the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.exchange import Reply
from app.domain.pilot import DAY, Pilot
from app.pipeline.anchors import ANCHORS, check_judges, due_week, judge_anchors
from app.pipeline.grading import GradingLimits, grade_pilot, settle_without_model, status_of_grading
from app.pipeline.pilots import start_pilot
from app.pipeline.scorecard import compute_scorecard
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.fake_judge import FakeJudge, fake_judge, verdict
from tests.integration.scorecard_rows import START
from tests.stored_pairs import StoredPair, store_pairs

LIMITS = GradingLimits(concurrency=20, timeout_seconds=5, lease_seconds=30, seconds=20, first_pause_seconds=0.01)
PAIRS = 60
WEEK = 7 * DAY


@contextmanager
def a_judged_pilot(factory: SessionFactory, **tables: Any) -> Iterator[tuple[Pilot, FakeJudge]]:
    """A running pilot with pairs of its first week, judged as they came: a week ago and more."""
    free = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
    with fake_judge() as judge:
        with session_scope(factory) as session:
            table = {"base_url": judge.url, "model": "judge-1", **free}
            pilot = a_pilot(session, pilot={"starts": START.date()}, judge=table, **tables)
            start_pilot(session, pilot.name, "test", START)
            store_pairs(session, pilot, [a_pair(n) for n in range(PAIRS)])
        grade_pilot(factory, pilot.id, LIMITS)
        with session_scope(factory) as session:
            session.execute(text("UPDATE grades SET graded_at = :at"), {"at": START + 3 * DAY})
            session.execute(text("UPDATE exchanges SET closed_at = arrived_at"))
            pilot = get_pilot(session, pilot.name)
        judge.calls.clear()
        yield pilot, judge


def a_pair(number: int) -> StoredPair:
    long, short = "much longer" * 3, "short"
    incumbent, other = (long, short) if number % 2 else (short, long)
    replies = Reply(f"incumbent {number} {incumbent}"), Reply(f"candidate {number} {other}")
    return StoredPair(f"e-{number:03d}", *replies, arrived_at=START + timedelta(hours=2 * number))


def after(weeks: int) -> datetime:
    return START + weeks * WEEK + timedelta(hours=1)


def anchors_of(factory: SessionFactory) -> list[tuple[str, int, datetime]]:
    """Version's week, number of pairs and event time of what was said when the judge was asked again."""
    statement = """
        SELECT split_part(version, '@', 2), count(DISTINCT exchange_id), at FROM grades WHERE grader = 'anchor'
        GROUP BY 1, 3 ORDER BY 1
    """
    with factory() as session:
        return [(week, pairs, at) for week, pairs, at in session.execute(text(statement))]


def test_fifty_pairs_are_judged_anew_once_a_week(session_factory: SessionFactory) -> None:
    with a_judged_pilot(session_factory) as (pilot, judge):
        assert judge_anchors(session_factory, pilot.id, LIMITS, now=after(1)) == 0
        assert judge_anchors(session_factory, pilot.id, LIMITS, now=after(2)) == ANCHORS
        assert len(judge.calls) == 2 * ANCHORS
        assert judge_anchors(session_factory, pilot.id, LIMITS, now=after(2) + DAY) == 0
        assert judge_anchors(session_factory, pilot.id, LIMITS, now=after(3)) == ANCHORS
        assert anchors_of(session_factory) == [("2", ANCHORS, START + 2 * WEEK), ("3", ANCHORS, START + 3 * WEEK)]
        with session_factory() as session:
            assert status_of_grading(session, pilot.name).judge_calls == 2 * PAIRS + 4 * ANCHORS


def test_a_judge_that_turned_harsher_freezes_and_touches_no_win_rate(session_factory: SessionFactory) -> None:
    with a_judged_pilot(session_factory) as (pilot, judge):
        now = after(2)
        before = compute_scorecard(session_factory, pilot.name, now=now)
        judge_anchors(session_factory, pilot.id, LIMITS, now=now)
        same = compute_scorecard(session_factory, pilot.name, now=now)
        assert same.data_hash != before.data_hash
        assert [week.change.value for week in same.candidates["qwen"].drift.judge] == [0.0]
        assert not same.candidates["qwen"].drift.frozen
        judge.answer = lambda call: verdict("first" if "incumbent" in call.first else "second")
        judge_anchors(session_factory, pilot.id, LIMITS, now=after(3))
        later = compute_scorecard(session_factory, pilot.name, now=after(3)).candidates["qwen"]
        assert later.drift.frozen
        assert "the judge has changed: asked again after week 3 about 50 pairs" in later.drift.reasons[0]
        assert later.quality.win_rate.value == before.candidates["qwen"].quality.win_rate.value
        assert later.quality.raters[0].parsed_answers == 2 * PAIRS
        early = compute_scorecard(session_factory, pilot.name, START + 2 * WEEK, now=after(3)).candidates["qwen"]
        assert [week.week for week in early.drift.judge] == [2]


def test_what_was_judged_a_moment_ago_or_costs_too_much_is_not_asked_again(session_factory: SessionFactory) -> None:
    with a_judged_pilot(session_factory) as (pilot, judge):
        with session_scope(session_factory) as session:
            session.execute(text("UPDATE grades SET graded_at = :at"), {"at": after(2) - DAY})
        assert judge_anchors(session_factory, pilot.id, LIMITS, now=after(2)) == 0
        with session_scope(session_factory) as session:
            session.execute(text("UPDATE grades SET graded_at = :at"), {"at": START})
            table = '{"input_usd_per_million_tokens": "10", "budget_usd": "0.000001"}'
            session.execute(
                text("UPDATE pilots SET configuration = jsonb_set(configuration, '{judge}', configuration->'judge' || :table)"),
                {"table": table},
            )
        assert judge_anchors(session_factory, pilot.id, LIMITS, now=after(2)) == ANCHORS
        assert not judge.calls
        assert anchors_of(session_factory) == []


def test_a_judge_without_its_key_is_no_trouble_of_the_others(
    session_factory: SessionFactory, caplog: pytest.LogCaptureFixture
) -> None:
    with a_judged_pilot(session_factory) as (pilot, judge):
        with session_scope(session_factory) as session:
            session.execute(
                text("UPDATE pilots SET configuration = jsonb_set(configuration, '{judge,api_key_env}', '\"NO_SUCH_KEY\"')")
            )
        assert due_week(pilot, after(2)) == 2
        assert check_judges(session_factory, LIMITS, environment={}) == 0
        assert "NO_SUCH_KEY" in caplog.text
        assert not judge.calls


def test_pairs_of_the_control_arm_are_judged_too(session_factory: SessionFactory) -> None:
    free = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
    incumbent = {"base_url": "https://api.example.com/v1", "model": "gpt-5.1", "api_key_env": "KEY"}
    with fake_judge() as judge:
        with session_scope(session_factory) as session:
            table = {"base_url": judge.url, "model": "judge-1", **free}
            pilot = a_pilot(session, judge=table, incumbent=incumbent, control={"rate": 0.5})
            store_pairs(session, pilot, [a_pair(n) for n in range(5)], arm="control")
        settle_without_model(session_factory, pilot)
        grade_pilot(session_factory, pilot.id, LIMITS)
        assert len(judge.calls) == 10
        with session_factory() as session:
            arm = pilot.arm_named("control").id
            graded = session.execute(
                text("SELECT count(*) FROM grades WHERE arm_id = :arm AND value IS NOT NULL"), {"arm": arm}
            )
            assert graded.scalar() == 10
