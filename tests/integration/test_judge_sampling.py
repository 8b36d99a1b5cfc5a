"""A budget that covers a part: whole conversations are drawn, the rest is left out and weighted for."""

from decimal import Decimal

from sqlalchemy import text

from app.domain.exchange import Reply
from app.domain.judge_sample import judging_point
from app.store.session import SessionFactory, session_scope
from tests.fake_judge import fake_judge, verdict
from tests.integration.test_grading import graded, judged_by, rows, seeded
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
        assert shares(session_factory) == {"small": 1.0}
