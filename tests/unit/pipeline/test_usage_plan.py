"""A plan from an export: volume and spend, where it is, the best case, and what to do."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.costs.catalogue.entries import catalogue
from app.domain.usage_plan import UsagePlan
from app.errors import InvalidInput
from app.pipeline.usage_plan import plan_usage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST = date(2026, 10, 1)
COLUMNS = "day,model,requests,input_tokens,cached_input_tokens,output_tokens,usd"
# 730 / (24 x 30)
MONTH = 730 / 720


def export(rows: Sequence[str], columns: str = COLUMNS) -> bytes:
    return "\n".join([columns, *rows]).encode()


def days(row: str, many: int = 30, first: date = FIRST) -> list[str]:
    return [f"{first + timedelta(days=number)},{row}" for number in range(many)]


def plan(rows: Sequence[str], **more: Any) -> UsagePlan:
    return plan_usage(export(rows), now=NOW, **more)


LARGE = "gpt-5.1,10000,20000000,4000000,5000000,"


def test_a_month_is_reckoned_from_the_days_of_the_export() -> None:
    found = plan(days("gpt-5.1,100,1000000,200000,50000,3.00"))
    assert (found.first_day, found.last_day, found.days) == (FIRST, date(2026, 10, 30), 30)
    assert found.month.requests == pytest.approx(3000 * MONTH)
    assert found.month.input_tokens == pytest.approx(30e6 * MONTH)
    assert found.month.tokens == pytest.approx(31.5e6 * MONTH)
    assert float(found.month.usd or 0) == pytest.approx(90 * MONTH)
    assert [(each.period, each.days) for each in found.by_month] == [("2026-10", 30)]
    assert len(found.by_day) == 30


def test_without_dollars_tokens_cost_list_prices_and_cached_ones_are_charged_once() -> None:
    found = plan(days("gpt-5.1,1,1000000,400000,100000,"))
    each = 0.6 * 1.25 + 0.4 * 0.125 + 0.1 * 10
    assert float(found.month.usd or 0) == pytest.approx(30 * each * MONTH)
    assert found.by_model[0].usd_source == "price table"
    shares = {kind.kind: kind.share_rate for kind in found.by_kind}
    assert shares == pytest.approx({"input": 0.75 / each, "cached input": 0.05 / each, "output": 1 / each})
    assert any("list prices" in note for note in found.notes)


def test_the_exports_dollars_are_split_like_list_prices() -> None:
    found = plan(days("gpt-5.1,1,1000000,400000,100000,0.9"))
    assert sum(kind.usd for kind in found.by_kind) == pytest.approx(found.month.usd or Decimal(0))
    assert {kind.kind: kind.share_rate for kind in found.by_kind}["output"] == pytest.approx(1 / 1.8)
    assert (found.by_model[0].usd_source, found.notes) == ("export", [])


def test_kinds_that_the_export_names_are_taken_as_they_are() -> None:
    items = [("input", 1), ("cached input", 2), ("output", 5), ("image input", 0.5)]
    rows = [f'1759276800,1759363200,{usd},usd,"gpt-5.1-2025-11-13, {item}"' for item, usd in items]
    found = plan_usage(export(rows, "start_time,end_time,amount_value,amount_currency,line_item"), now=NOW)
    assert {kind.kind: float(kind.usd) for kind in found.by_kind} == pytest.approx(
        {kind: usd * 730 / 24 for kind, usd in (("input", 1.5), ("cached input", 2), ("output", 5))}
    )
    assert (found.month.tokens, found.month.requests) == (None, None)


def test_models_are_sorted_by_what_they_cost_and_add_up() -> None:
    found = plan([*days("cheap,1,1,0,1,1"), *days("dear,1,1,0,1,9")])
    assert [(each.model, each.share_rate) for each in found.by_model] == [("dear", 0.9), ("cheap", 0.1)]
    assert sum(each.usd or 0 for each in found.by_model) == found.month.usd


def test_an_unknown_price_makes_the_spend_unknown_and_is_named() -> None:
    found = plan([*days("gpt-5.1,1,20000000,0,1000000,"), *days("nobody-knows,1,20000000,0,1000000,")])
    assert (found.month.usd, found.advice, found.unpriced_models) == (None, "unknown", ["nobody-knows"])
    assert found.best_case.saving_at_most_usd is None


ADVICE: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("few tokens", "gpt-5.1,10,100000,0,10000,900", {}, "stay", "5,000,000"),
    ("few tokens that may not leave", "gpt-5.1,10,100000,0,10000,900", {"has_privacy_constraint": True}, "pilot", "privacy"),
    ("many tokens for little", "gpt-4.1-nano,10,9000000,0,900000,1.2", {}, "stay", "nothing to save"),
    ("a tier that is much cheaper", LARGE + "200", {}, "cheaper_tier_first", "same vendor"),
    ("a spend beside which a GPU is small", "nobody-knows,10000,2000000000,0,200000000,5000", {}, "pilot", "lies between"),
]


@pytest.mark.parametrize(("about", "row", "more", "advice", "words"), ADVICE, ids=[case[0] for case in ADVICE])
def test_the_first_rule_that_holds_decides(about: str, row: str, more: dict[str, Any], advice: str, words: str) -> None:
    found = plan(days(row), **more)
    assert found.advice == advice
    assert words in found.reasons[0]


def test_the_limit_of_tokens_is_the_guides() -> None:
    just = 5_000_000 / MONTH / 30
    assert plan(days(f"m,1,{int(just) - 1000},0,900,900")).advice == "stay"
    assert plan(days(f"m,1,{int(just) + 1000},0,900,900")).advice == "pilot"


def test_the_best_case_is_the_cheapest_gpu_and_the_least_upkeep() -> None:
    ends = [price.usd_per_month for price in catalogue().prices if price.gpus == 1]
    least, dearest = min(low for low, _ in ends), max(high for _, high in ends)
    best = plan(days(LARGE + "200")).best_case
    assert best.least_usd == least + 2000
    assert best.saving_at_most_usd == pytest.approx(Decimal(6000) * Decimal(730) / 720 - best.least_usd)
    assert best.dear_usd == dearest + 5000
    assert best.sources


def test_spend_at_the_best_case_saves_nothing_and_a_dollar_more_does() -> None:
    least = plan(days(LARGE + "200")).best_case.least_usd
    a_day = least / Decimal(repr(MONTH)) / 30
    assert plan(days(f"nobody-knows,1,90000000,0,1,{a_day - 1:.4f}")).advice == "stay"
    assert plan(days(f"nobody-knows,1,90000000,0,1,{a_day + 1:.4f}")).advice == "pilot"


def test_cheaper_models_are_of_the_vendor_and_marked_untested() -> None:
    found = plan(days(LARGE + "200"))
    tiers = [option for option in found.options if option.kind == "vendor_tier"]
    managed = [option for option in found.options if option.kind == "managed"]
    assert 0 < len(tiers) <= 5
    assert 0 < len(managed) <= 6
    assert {option.vendor for option in tiers} == {"openai"}
    assert all(option.saving_usd_per_month > 0 and option.words == "quality not tested" for option in found.options)
    assert [option.usd_per_month for option in tiers] == sorted(option.usd_per_month for option in tiers)


def test_the_trend_is_the_last_week_over_the_one_before() -> None:
    row = "gpt-5.1,1,1000000,0,1000,{usd}"
    grown = [*days(row.format(usd=1), 21), *days(row.format(usd=1.5), 7, FIRST + timedelta(days=21))]
    assert plan(grown).trend_rate == pytest.approx(0.5)
    assert plan(days(row.format(usd=1), 3)).trend_rate is None
    short = [*days(row.format(usd=1), 3), *days(row.format(usd=3), 3, FIRST + timedelta(days=3))]
    assert plan(short).trend_rate == pytest.approx(2)


def test_days_that_are_not_over_are_left_out_and_silent_days_count() -> None:
    rows = [
        *days("gpt-5.1,1,1000000,0,1000,1", 2, date(2026, 11, 10)),
        *days("gpt-5.1,1,1000000,0,1000,1", 2, date(2026, 11, 20)),
    ]
    found = plan(rows)
    assert (found.last_day, found.days) == (date(2026, 11, 20), 11)
    assert float(found.month.usd or 0) == pytest.approx(3 * 730 / 24 / 11)
    assert [note for note in found.notes if "not over" in note or "no line" in note] == [
        "days that are not over are left out (1 of their lines)",
        "8 of the 11 days from 2026-11-10 to 2026-11-20 have no line and count as days without usage",
    ]
    with pytest.raises(InvalidInput, match="no day of the export is over"):
        plan(days("gpt-5.1,1,1,0,1,1", 1, date(2026, 11, 21)))


def test_rules_of_thumb_stand_beside() -> None:
    found = plan(days(LARGE + "200"))
    assert {rule.key: rule.standing for rule in found.rules}["tokens_a_month"] == "pays"
    assert {rule.key: rule.value for rule in found.rules}["api_spend_a_month"] == pytest.approx(6000 * MONTH)


SILENT_ON_TOKENS: list[tuple[str, str, str, list[str]]] = [
    ("dollars", "gpt-5.1,,,,,1000", "gpt-5.1", ["input_tokens", "output_tokens", "requests"]),
    ("requests", "gpt-5.1,50,,,,", "gpt-5.1", ["input_tokens", "output_tokens"]),
    ("input alone", "gpt-5.1,50,1000000,0,,1000", "gpt-5.1", ["output_tokens"]),
]


@pytest.mark.parametrize(("about", "row", "name", "unknown"), SILENT_ON_TOKENS, ids=[case[0] for case in SILENT_ON_TOKENS])
def test_usage_without_token_counts_is_not_without_tokens(about: str, row: str, name: str, unknown: list[str]) -> None:
    found = plan([*days(row), *days("gpt-4o-mini,1,20000,0,5000,0.01")])
    month = found.month.model_dump()
    assert [key for key in ("input_tokens", "output_tokens", "requests") if month[key] is None] == unknown
    assert (found.month.tokens, found.by_day[0].tokens) == (None, None)
    least = 30 * MONTH * (25_000 + (1e6 if about == "input alone" else 0))
    assert found.tokens_at_least == pytest.approx(least)
    assert any(f"at least {least:,.0f}" in note and f"lines of {name} have" in note for note in found.notes)
    assert {rule.key: rule.standing for rule in found.rules}["tokens_a_month"] == "unknown"
    assert found.advice == ("unknown" if about == "requests" else "pilot")


def test_credits_and_lines_of_nothing_have_no_tokens_to_be_counted() -> None:
    found = plan([*days("gpt-5.1,1,1000000,0,50000,3"), *days("credit,,,,,-1"), *days("idle,0,,,,0")])
    assert found.month.tokens == pytest.approx(31.5e6 * MONTH)
    assert found.tokens_at_least is None


def test_cache_writes_cost_their_own_list_price() -> None:
    row = "2026-10-01,claude-sonnet-4-20250514,k,,standard,x,1000000,500000,0,200000,100000,0"
    columns = (
        "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,"
        "usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,"
        "usage_output_tokens,web_search_count"
    )
    found = plan_usage(export([row], columns), now=NOW)
    assert {kind.kind: float(kind.usd) / (730 / 24) for kind in found.by_kind} == pytest.approx(
        {"input": 3, "cached input": 0.06, "cache writes": 1.875, "output": 1.5}
    )


def test_an_export_that_is_silent_on_cached_tokens_is_said_to_be() -> None:
    assert any("how much of the input is cached" in note for note in plan(days("gpt-5.1,1,1000000,,100000,")).notes)
    assert not any("cached" in note for note in plan(days("gpt-5.1,1,1000000,0,100000,")).notes)
