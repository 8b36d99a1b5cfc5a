"""Rubrics on a real database, against a judge behind real HTTP."""

import multiprocessing
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from sqlalchemy import insert, text

from app.domain.exchange import Reply
from app.domain.grading import GradingStatus
from app.domain.payload import reply_body
from app.domain.pilot import Pilot
from app.pipeline.configuration_changes import change_configuration
from app.pipeline.grading import GradingLimits, ask_for_grading, grade_pilot, settle_without_model, status_of_grading
from app.pipeline.pilots import create_pilot
from app.pipeline.scorecard import compute_scorecard
from app.store.pairs import touch_pairs
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope
from app.store.tables import PayloadRow, ReplyRow
from tests.api import Published
from tests.fake_judge import Call, FakeJudge, Said, criteria_met, fake_judge
from tests.stored_pairs import ARRIVED, StoredPair, store_pairs
from tests.text_keys import known_texts

QUICK = GradingLimits(concurrency=20, timeout_seconds=5, lease_seconds=1, seconds=20, first_pause_seconds=0.01)
TOML = """
[pilot]
name = "support-bot"
starts = 2026-10-05
[incumbent]
base_url = "https://api.example.com/v1"
model = "gpt-5.1"
[[candidate]]
name = "qwen"
base_url = "http://127.0.0.1:8000/v1"
model = "Qwen/Qwen3.5"
[[candidate]]
name = "glm"
base_url = "http://127.0.0.1:8001/v1"
model = "zai/glm-5"
[judge]
base_url = "{url}"
model = "judge-1"
input_usd_per_million_tokens = 1
output_usd_per_million_tokens = 1
[[segment]]
name = "support"
match = {{ header = "support" }}
grader = "rubric:support"
[[rubric]]
name = "support"
criteria = [
    {{ text = "names the refund period", points = 4 }},
    {{ text = "is polite", points = 1 }},
    {{ text = "invents a policy", points = {fault}, critical = true }},
]
"""
INCUMBENT, BETTER, WORSE = "Thirty days.", "Thirty days, gladly.", "Gladly, we never refund."


def a_judge(call: Call) -> Said:
    """Thirty days are right, gladness is polite, never is invented."""
    reply = call.first
    usage = {"prompt_tokens": 900_000, "completion_tokens": 100_000}
    return criteria_met(float("Thirty" in reply), float("ladly" in reply), float("never" in reply), evidence=reply, usage=usage)


def seeded(factory: SessionFactory, judge: FakeJudge, *, number: int = 1, fault: int = -5) -> tuple[Pilot, list[int]]:
    """Exchanges with both candidates' replies, `qwen` the better and `glm` the worse."""
    with session_scope(factory, Published()) as session:
        pilot = create_pilot(session, TOML.format(url=judge.url, fault=fault), "somebody", datetime.now(UTC)).pilot
        pairs = [StoredPair(f"e-{n}", Reply(INCUMBENT), Reply(BETTER), segment="support") for n in range(number)]
        ids = sorted(store_pairs(session, pilot, pairs).values())
        place = {"pilot_id": pilot.id, "arm_id": pilot.arm_named("glm").id}
        body = orjson.dumps(reply_body(Reply(WORSE)))
        session.execute(insert(ReplyRow), [{**place, "exchange_id": each, "source": "imported"} for each in ids])
        more = [{**place, "exchange_id": each, "arrived_at": ARRIVED, "body": body} for each in ids]
        session.execute(insert(PayloadRow), more)
        touch_pairs(session, ids)
    return pilot, ids


def graded(factory: SessionFactory, pilot: Pilot, limits: GradingLimits = QUICK) -> GradingStatus:
    with session_scope(factory, Published()) as session:
        ask_for_grading(session, pilot.name, "somebody")
    while grade_pilot(factory, pilot.id, limits):
        pass
    with factory() as session:
        return status_of_grading(session, pilot.name)


def rows(factory: SessionFactory, query: str) -> list[Any]:
    with factory() as session:
        return list(session.execute(text(query)))


def grades(factory: SessionFactory) -> dict[str, tuple[float | None, str | None]]:
    found = rows(factory, "SELECT a.name, g.value, g.ungraded FROM grades g JOIN arms a ON a.id = g.arm_id ORDER BY g.id")
    return {row.name: (row.value, row.ungraded) for row in found}


def scores(factory: SessionFactory) -> dict[str, tuple[float | None, str | None]]:
    found = rows(factory, "SELECT a.name, s.value, s.ungraded FROM rubric_scores s JOIN arms a ON a.id = s.arm_id")
    return {row.name: (row.value, row.ungraded) for row in found}


def test_both_arms_are_scored_apart_and_the_incumbent_once_for_all_candidates(session_factory: SessionFactory) -> None:
    with fake_judge(lambda call: replace(a_judge(call), seconds=0.05)) as judge:
        pilot, _ = seeded(session_factory, judge)
        status = graded(session_factory, pilot)
        assert (status.pairs, status.settled, status.ungraded) == (2, 2, {})
        assert sorted(call.first for call in judge.calls) == sorted([INCUMBENT, BETTER, WORSE])
        assert (status.judge_calls, status.usd) == (3, Decimal(3))
    assert scores(session_factory) == {"incumbent": (0.8, None), "qwen": (1.0, None), "glm": (-0.8, None)}
    assert grades(session_factory) == {"qwen": (pytest.approx(0.6), None), "glm": (0.0, None)}
    found = rows(session_factory, "SELECT rater, grader, facts FROM grades g ORDER BY value DESC")
    assert {(row.rater, row.grader) for row in found} == {("judge-1", "rubric:support")}
    assert found[0].facts["scores"] == {"incumbent": 0.8, "arm": 1.0}
    assert found[1].facts["critical"] == {"arm": ["invents a policy"]}
    asked = [(call.body["messages"][0], call.conversation, sorted(call.body)) for call in judge.calls]
    assert asked[0] == asked[1] == asked[2], "nothing but the reply may differ"
    assert not any(name in str(call.body).casefold() for call in judge.calls for name in ("incumbent", "candidate", "qwen"))
    _is_in_the_scorecard(session_factory, pilot)
    paid = rows(session_factory, "SELECT sum(calls) AS calls, sum(cost_usd) AS usd FROM rubric_scores")[0]
    assert (paid.calls, paid.usd) == (3, 3)


def _is_in_the_scorecard(factory: SessionFactory, pilot: Pilot) -> None:
    card = compute_scorecard(factory, pilot.name, now=ARRIVED + timedelta(days=3))
    better, worse = card.candidates["qwen"], card.candidates["glm"]
    assert better.quality.win_rate.value == pytest.approx(0.6)
    assert worse.quality.win_rate.value == 0.0
    assert [each.rubrics["rubric:support"].incumbent_score.value for each in (better, worse)] == [0.8, 0.8]
    assert better.rubrics["rubric:support"].candidate_score.value == 1.0
    assert worse.rubrics["rubric:support"].difference.value == pytest.approx(-1.6)
    assert (worse.critical.by_rubric.candidate_marked, worse.critical.by_rubric.incumbent_marked) == (1, 0)
    assert better.critical.by_rubric.candidate_marked == 0


def test_a_reply_that_gets_no_score_leaves_its_pairs_with_the_reason(session_factory: SessionFactory) -> None:
    def partly(call: Call) -> Said:
        if call.first == BETTER:
            return Said('{"criteria": []}')
        return Said("down", 500) if call.first == WORSE and is_down.is_set() else a_judge(call)

    is_down = threading.Event()
    is_down.set()
    with fake_judge(partly) as judge:
        pilot, _ = seeded(session_factory, judge)
        status = graded(session_factory, pilot)
        assert status.ungraded == {"unparsed": 1, "http_500": 1}
        assert [call.first for call in judge.calls].count(BETTER) == [call.first for call in judge.calls].count(WORSE) == 3
        is_down.clear()
        before = len(judge.calls)
        assert graded(session_factory, pilot).ungraded == {"unparsed": 1}, "what the judge said stays"
        asked = [call.first for call in judge.calls]
        assert asked.count(INCUMBENT) == 1
        assert set(asked[before:]) <= {WORSE, INCUMBENT}
    assert grades(session_factory) == {"qwen": (None, "unparsed"), "glm": (0.0, None)}


def test_no_answer_is_paid_twice_unless_the_criteria_change(session_factory: SessionFactory) -> None:
    with fake_judge(a_judge) as judge:
        pilot, ids = seeded(session_factory, judge, number=2)
        graded(session_factory, pilot)
        assert len(judge.calls) == 6
        with session_scope(session_factory) as session:
            session.execute(text("DELETE FROM grades"))
            touch_pairs(session, ids)
        assert settle_without_model(session_factory, pilot) == 4, "stored scores make the grades anew"
        assert len(judge.calls) == 6
        with session_scope(session_factory, Published()) as session:
            pilot, _, changes = change_configuration(
                session, pilot.name, TOML.format(url=judge.url, fault=-3), "somebody", datetime.now(UTC)
            )
        assert [change.path for change in changes] == ["rubric[support].criteria[invents a policy].points"]
        graded(session_factory, pilot)
        assert len(judge.calls) == 12
    assert rows(session_factory, "SELECT count(*) AS n, count(DISTINCT version) AS v FROM rubric_scores")[0] == (12, 2)
    assert rows(session_factory, "SELECT count(*) AS n, count(DISTINCT version) AS v FROM grades")[0] == (8, 2)


def test_a_killed_worker_does_not_pay_again_for_what_is_stored(session_factory: SessionFactory) -> None:
    held = threading.Event()

    def first_holds(call: Call) -> Said:
        return replace(a_judge(call), seconds=0.0 if held.is_set() or call.first == INCUMBENT else 1.0)

    with fake_judge(first_holds) as judge:
        pilot, _ = seeded(session_factory, judge, number=4)
        url = session_factory.kw["bind"].url.render_as_string(hide_password=False)
        child = multiprocessing.get_context("fork").Process(target=_grade, args=(url, pilot.id))
        child.start()
        incumbents = "SELECT FROM rubric_scores s JOIN arms a ON a.id = s.arm_id WHERE a.name = 'incumbent'"
        _wait(lambda: len(rows(session_factory, incumbents)) > 0)
        child.kill()
        child.join()
        stored = len(rows(session_factory, incumbents))
        held.set()
        time.sleep(QUICK.lease_seconds)
        asked = len([call for call in judge.calls if call.first == INCUMBENT])
        graded(session_factory, pilot)
        again = len([call for call in judge.calls if call.first == INCUMBENT]) - asked
    assert again == 4 - stored
    assert len(rows(session_factory, "SELECT FROM rubric_scores")) == 12
    assert len(rows(session_factory, "SELECT FROM grades WHERE value IS NOT NULL")) == 8


def _grade(url: str, pilot_id: int) -> None:
    grade_pilot(make_session_factory(make_engine(url), texts=known_texts()), pilot_id, QUICK)


def _wait(is_there: Any) -> None:
    ends = time.monotonic() + 30
    while not is_there():
        assert time.monotonic() < ends
        time.sleep(0.02)
