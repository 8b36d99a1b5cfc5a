"""What judging cost, as people are shown it."""

from datetime import UTC, date, datetime
from decimal import Decimal

from app.domain.judge_money import JudgeMoneyModel
from app.domain.scorecard import LedgerModel, RegistrationModel, Scorecard, Window
from app.pipeline.judge_spending import judge_money_of
from app.reports.document import Paragraph, Table
from app.reports.judge_money import judge_money_sections, small
from app.store.judge_money import SpendLine
from tests.builders import a_configuration

MONDAY, TUESDAY = date(2026, 10, 5), date(2026, 10, 6)
JUDGE = {"base_url": "http://127.0.0.1:9/v1", "model": "judge-1", "budget_usd": "5", "budget_usd_per_day": "2"}
LINES = [
    SpendLine("anchor", MONDAY, False, 10, Decimal("0.1")),
    SpendLine("judge", MONDAY, False, 100, Decimal("1.2")),
    SpendLine("judge", MONDAY, True, 2, Decimal("0.3")),
    SpendLine("judge", TUESDAY, False, 50, Decimal("0.4")),
]


def test_sums_by_purpose_and_day_and_what_is_left() -> None:
    money = judge_money_of(a_configuration(judge=JUDGE), LINES, grades=100)
    assert money is not None
    assert (money.calls, money.usd, money.uncounted_usd) == (162, Decimal("2.0"), Decimal("0.3"))
    assert (money.budget_usd, money.left_usd, money.budget_usd_per_day) == (Decimal(5), Decimal("3.0"), Decimal(2))
    assert money.usd_per_grade == Decimal("0.02")
    found = [(each.purpose, each.calls, each.usd, each.uncounted_calls, each.uncounted_usd) for each in money.by_purpose]
    assert found == [
        ("anchor", 10, Decimal("0.1"), 0, Decimal(0)),
        ("judge", 152, Decimal("1.9"), 2, Decimal("0.3")),
    ]
    assert [(each.day, each.calls, each.usd) for each in money.by_day] == [
        (MONDAY, 112, Decimal("1.6")),
        (TUESDAY, 50, Decimal("0.4")),
    ]


def test_nobody_asked_costs_nothing_and_no_grade_has_no_price() -> None:
    assert judge_money_of(a_configuration(), []) is None
    assert judge_money_of(a_configuration(judge={"rater": "gpt-4"}), []) is None
    asked = judge_money_of(a_configuration(judge=JUDGE), LINES)
    assert asked is not None
    assert asked.usd_per_grade is None
    spent = judge_money_of(a_configuration(), LINES)
    assert spent is not None
    assert (spent.usd, spent.left_usd) == (Decimal("2.0"), None)


def test_more_spent_than_the_budget_is_now_leaves_nothing() -> None:
    money = judge_money_of(a_configuration(judge=JUDGE | {"budget_usd": "1"}), LINES)
    assert money is not None
    assert money.left_usd == 0


def test_the_report_says_it() -> None:
    money = judge_money_of(a_configuration(judge=JUDGE), LINES, grades=4000, waits_for="today's money is spent")
    (section,) = judge_money_sections(_card(money))
    texts = [block for block in section.blocks if isinstance(block, Paragraph)]
    for part in (
        "162 calls",
        "$2",
        "$0.30 is the most",
        "$0.000500 for each of 4,000",
        "budget of $5, $3 is left",
        "$2 is spent on",
    ):
        assert part in texts[0].text
    assert (texts[1].tone, "today's money is spent" in texts[1].text) == ("warning", True)
    by_purpose, by_day = (block for block in section.blocks if isinstance(block, Table))
    assert [cell.text for cell in by_purpose.rows[1]] == ["Judging pairs", "152", "$1.90", "$0.30"]
    assert [cell.text for cell in by_day.rows[0]] == ["5 Oct 2026", "112", "$1.60"]
    assert judge_money_sections(_card(None)) == ()


def test_parts_of_a_cent_are_shown() -> None:
    assert [small(each) for each in (Decimal("0.000123"), Decimal(0), Decimal("0.5"), None)] == [
        "$0.000123",
        "$0",
        "$0.50",
        "unknown",
    ]


def _card(money: JudgeMoneyModel | None) -> Scorecard:
    coverage = LedgerModel.model_construct(by_reason={})
    return Scorecard(
        pilot="p", as_of=datetime(2026, 10, 6, tzinfo=UTC), day=1, window=Window(), coverage=coverage,
        candidates={}, registration=RegistrationModel.model_construct(), judge_money=money,
    )  # fmt: skip
