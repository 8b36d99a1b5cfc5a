"""A budget that covers a part: whole conversations are drawn, the rest is left out and weighted for."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from app.domain.exchange import Reply
from app.domain.judge_sample import JudgeShare, judging_point
from app.pipeline.parts.closing_parts import close_parts
from app.pipeline.parts.figures import figures_of_days
from app.pipeline.settlement import judge_of
from app.store.judge_shares import add_shares
from app.store.session import SessionFactory, session_scope
from tests.fake_judge import fake_judge, verdict
from tests.integration.scorecard_pilots import card_of, spread, started
from tests.integration.scorecard_rows import NOW, START
from tests.integration.test_grading import FREE, graded, judged_by, rows, seeded
from tests.stored_pairs import StoredPair

USAGE = {"prompt_tokens": 520, "completion_tokens": 300}
PRICES = {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 10}
SEGMENTS = [{"name": "small"}, {"name": "large"}]


def pairs() -> list[StoredPair]:
    sizes = {"small": 16, "large": 144}
    return [
        StoredPair(f"{name}-{n}", Reply(f"short {n}"), Reply(f"a longer reply {n}"), segment=name)
        for name, size in sizes.items()
        for n in range(size)
    ]


def shares(factory: SessionFactory) -> dict[str, float]:
    return {row.segment: row.share for row in rows(factory, "SELECT segment, share FROM judge_shares")}


def judged(factory: SessionFactory) -> set[str]:
    query = "SELECT DISTINCT e.external_id FROM grades g JOIN exchanges e ON e.id = g.exchange_id"
    return {row.external_id for row in rows(factory, query)}


def test_whole_conversations_are_drawn_by_segment_and_more_money_adds_to_them(session_factory: SessionFactory) -> None:
    with fake_judge(lambda _: verdict("tie", usage=USAGE)) as judge:
        pilot, _ = seeded(session_factory, pairs(), judge=judged_by(judge, **PRICES, budget_usd="0.4"), segment=SEGMENTS)
        status = graded(session_factory, pilot)
        decided, first = shares(session_factory), judged(session_factory)
        assert 0 < decided["large"] < decided["small"] <= 1
        drawn = {each.external_id for each in pairs() if judging_point(pilot.name, each.external_id) < decided[each.segment]}
        assert first == drawn
        assert status.pending == 0
        assert status.ungraded == {"not_drawn": 160 - len(drawn)}
        assert status.usd <= Decimal("0.4")
        with session_scope(session_factory) as session:
            session.execute(text("UPDATE pilots SET configuration = jsonb_set(configuration, '{judge,budget_usd}', '\"9\"')"))
        status = graded(session_factory, pilot)
        assert status.ungraded == {}
        assert shares(session_factory) == {"small": 1.0, "large": 1.0}
        assert judged(session_factory) > first


def test_a_judge_that_costs_nothing_sees_everything(session_factory: SessionFactory) -> None:
    with fake_judge() as judge:
        pilot, _ = seeded(session_factory, pairs()[:5], judge=judged_by(judge, budget_usd="0"))
        assert graded(session_factory, pilot).ungraded == {}
        assert shares(session_factory) == {}


def test_scorecard_and_days_weigh_what_was_drawn_and_leave_the_rest_out(session_factory: SessionFactory) -> None:
    judge = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "rater": "gpt-4", **FREE}
    with session_scope(session_factory, lambda *_: None) as session:
        pilot = started(session, spread(280), judge=judge, labels={"per_day": 0})
        before = card_of(session, pilot)
        version = judge_of(pilot.configuration)
        assert version is not None
        monday = START.date() - timedelta(days=START.weekday())
        decided = [
            JudgeShare(version.version or "", "other", monday + timedelta(weeks=week), 0.5, 70, Decimal(1)) for week in range(5)
        ]
        add_shares(session, pilot.id, decided)
        after = card_of(session, pilot)
    quality = after.candidates["qwen"].quality
    drawn = sum(judging_point(pilot.name, f"other-{number:05d}") < 0.5 for number in range(280))
    assert (before.candidates["qwen"].quality.win_rate.n, before.judge_sample) == (280, [])
    assert quality.win_rate.n == sum(share.drawn for share in after.judge_sample) == drawn
    assert quality.ungraded == {}
    assert any("does not reach for everything" in warning for warning in after.warnings)
    close_parts(session_factory, pilot.name, now=NOW)
    together = figures_of_days(session_factory, pilot.name, now=NOW).together.candidates["qwen"]
    assert together.win_rate.n == drawn
    assert together.win_rate.value == pytest.approx(quality.win_rate.value)
