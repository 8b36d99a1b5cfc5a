"""Judges of other families look at a part of what the judge looked at; their word changes no preference."""

from typing import Any

import pytest

from app.domain.exchange import Reply
from app.domain.grading import GradingState
from app.store.session import SessionFactory
from tests.fake_judge import fake_judge, verdict
from tests.integration.test_grading import FREE, decisive, graded, judged_by, rows, seeded
from tests.unit.test_configuration import SMALL, problems_of

A_B, OTHER, X = 'model = "a/b"\n', 'family = "other"\n', 'family = "x"\n'
P = 'name = "p"\n'
JUDGE = '[judge]\nbase_url = "http://judge:1/v1"\nmodel = "some/judge"\nfamily = "other"\n'
PRICE = "input_usd_per_million_tokens = 0\noutput_usd_per_million_tokens = 0\n"


def a_panel(url: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "second-opinion", "base_url": url, "model": "judge-2", **FREE, **more}]


def test_the_panel_sees_its_part_once_and_decides_nothing(session_factory: SessionFactory) -> None:
    with fake_judge() as judge, fake_judge(lambda _: verdict("first")) as other:
        pilot, _ = seeded(session_factory, decisive(30), judge=judged_by(judge, panel_rate=0.5), judge_panel=a_panel(other.url))
        assert graded(session_factory, pilot).state is GradingState.DONE
        found = rows(session_factory, "SELECT rater, exchange_id, value FROM grades WHERE grader = 'judge'")
        theirs = [row for row in found if row.rater == "second-opinion"]
        seen = {row.exchange_id for row in theirs}
        assert 5 <= len(seen) <= 25
        assert len(theirs) == 2 * len(seen) == len(other.calls)
        assert {row.value for row in found if row.rater == "judge-1"} == {1.0}
        assert sorted(row.value for row in theirs) == [0.0] * len(seen) + [1.0] * len(seen)
        graded(session_factory, pilot)
        assert len(other.calls) == len(theirs)
    purposes = rows(session_factory, "SELECT purpose, model, sum(calls) AS calls FROM spend GROUP BY 1, 2 ORDER BY 1")
    assert [(row.purpose, row.model, row.calls) for row in purposes] == [
        ("judge", "judge-1", 60),
        ("panel", "judge-2", len(theirs)),
    ]


@pytest.mark.parametrize(
    ("judge", "panel", "field", "says"),
    [
        ("", P + A_B + X + PRICE, "judge_panel[0]", "needs a [judge]"),
        (JUDGE + PRICE, P + A_B + X, "judge_panel[0]", "nobody knows the price"),
        (JUDGE + PRICE, P + A_B + OTHER + PRICE, "judge_panel[0].model", "of the family of the judge"),
        (JUDGE + PRICE, 'name = "p"\nmodel = "Qwen/Qwen3"\n' + PRICE, "judge_panel[0].model", "the candidate 'qwen'"),
        (JUDGE + PRICE, 'name = "some/judge"\n' + A_B + X + PRICE, "judge_panel[0].name", "another judge's grades"),
    ],
)  # fmt: skip
def test_who_may_sit_on_a_panel(judge: str, panel: str, field: str, says: str) -> None:
    table = f'[[judge_panel]]\nbase_url = "http://panel:1/v1"\n{panel}'
    found = {problem.field: problem.message for problem in problems_of(SMALL + judge + table)}
    assert says in found[field]


def test_a_reply_whose_text_is_gone_is_not_asked_about(session_factory: SessionFactory) -> None:
    with fake_judge() as judge, fake_judge() as other:
        pairs = [*decisive(1)]
        assert isinstance(pairs[0].other, Reply)
        pilot, _ = seeded(session_factory, pairs, judge=judged_by(judge, panel_rate=1.0), judge_panel=a_panel(other.url))
        graded(session_factory, pilot)
        assert len(other.calls) == 2
