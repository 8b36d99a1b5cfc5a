"""The money part of a scorecard: points with ranges, what never pays is not zero, every input with its source."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.costs.spread import SpendMoments
from app.costs.token_bill import TokenBill
from app.costs.upkeep import Upkeep
from app.domain.hours import HoursEntry
from app.pipeline.money import Money, missing_inputs
from app.pipeline.money_figures import cost_model
from app.pipeline.money_options import options_of
from app.pipeline.money_spread import weekends
from app.pipeline.month_tokens import MonthTokens
from app.pipeline.pilot_spend import evaluation_hours, pilot_spend, pilot_total_usd
from app.store.evidence import PurposeSpend, Spend
from tests.builders import a_configuration
from tests.unit.pipeline.made_case import money

END = datetime(2026, 10, 5, tzinfo=UTC)


def a_money(incumbent_usd: int = 6000, **changes: object) -> Money:
    cost = {"engineer_usd_per_hour": "90", "other_usd_per_month": "500"}
    candidate = {"name": "qwen", "base_url": "http://x/v1", "model": "m", "gpu_usd_per_hour": "2.00", "replicas": 2}
    configuration = a_configuration(candidate=[candidate], cost=cost)
    plain = {
        "configuration": configuration,
        "table": configuration.candidate[0],
        "incumbent": {"a": TokenBill(usd=Decimal(incumbent_usd), replies=Decimal(1000))},
        "upkeep": Upkeep(Decimal(10), Decimal(5), Decimal(20), weeks=4, entries=3, sigma=0.354),
        "one_off_hours": Decimal(48),
        "requests": 1000.0,
        "closed": (1,),
        "first_day": date(2026, 9, 7),
        "moments": {"a": SpendMoments(np.array([300.0**2, 0, 0]), np.array([[incumbent_usd, 0.0]]), 321)},
        "stairs": replace(money().stairs, least=2),
    }
    return replace(money(), **plain | changes)  # type: ignore[arg-type]  # names as of Money


def test_points_have_ranges_and_all_amounts_fit_together() -> None:
    cost = cost_model(a_money(), frozenset())
    candidate = Decimal(2) * 2 * 730 + 900 + 180 + 500
    assert cost.candidate_usd_per_month.value == candidate
    assert cost.saving_usd_per_month.value == 6000 - candidate
    assert sum(part for part in cost.parts.values() if part is not None) == candidate
    for each in (cost.incumbent_usd_per_month, cost.candidate_usd_per_month, cost.saving_usd_per_month):
        assert each.value is not None
        assert each.low is not None
        assert each.high is not None
        assert each.low < each.value < each.high
        assert (each.n, each.method) == (321, "monte_carlo")
    assert float(cost.incumbent_usd_per_month.low or 0) == pytest.approx(6000 - 1.96 * 300, rel=0.01)
    assert cost.saving_p5_usd is not None
    assert cost.saving_p50_usd is not None
    assert cost.saving_p95_usd is not None
    assert cost.saving_p5_usd < cost.saving_p50_usd < cost.saving_p95_usd
    assert cost.probability_saving_positive is not None
    assert 0.95 < cost.probability_saving_positive < 1
    assert (cost.draws, cost.seed) == (100_000, 20261121)
    assert cost.break_even_requests_per_month.value == pytest.approx(1000 * float(candidate) / 6000)
    assert cost.payback_months.value == pytest.approx(48 * 90 / (6000 - float(candidate) + 180))
    assert cost.horizon_months == 24
    assert cost.incumbent_total_usd.value == 144_000
    assert float(cost.candidate_total_usd.value or 0) == pytest.approx(24 * (float(candidate) - 180) + 48 * 90)
    assert {each.name for each in cost.scenarios} >= {"api_price_minus_50", "api_price_minus_80_in_a_year", "gpu_price_plus_30"}
    assert [bar.input for bar in cost.tornado[:2]] == ["requests", "incumbent's price"]
    assert [stair.replicas for stair in cost.stairs] == [2, 2]
    assert cost.saving_of_split_usd_per_month.value is None


def test_what_never_pays_is_unknown_and_not_nothing() -> None:
    cost = cost_model(a_money(incumbent_usd=1000), frozenset())
    assert cost.payback_months.value is None
    assert cost.probability_saving_positive == 0.0
    assert cost.break_even_requests_per_month.value == pytest.approx(1000 * 4500 / 1000)
    free = cost_model(a_money(incumbent_usd=0), frozenset())
    assert (free.break_even_requests_per_month.value, free.break_even_requests_per_month.method) == (None, "none")


def test_without_a_saving_there_is_no_range_and_what_is_missing_is_named() -> None:
    cost = cost_model(a_money(month=None), frozenset())
    assert (cost.draws, cost.scenarios, cost.tornado, cost.stairs) == (0, [], [], [])
    assert cost.probability_saving_positive is None
    assert cost.missing == ["a closed day"]


def test_a_split_has_a_saving_and_a_chance_of_its_own() -> None:
    bills = {name: TokenBill(usd=Decimal(usd), replies=Decimal(500)) for name, usd in (("a", 5000), ("b", 1000))}
    cost = cost_model(a_money(incumbent=bills), frozenset({"a"}))
    assert cost.saving_of_split_usd_per_month.value == 500
    assert cost.saving_usd_per_month.value == 1500
    assert cost.probability_split_saving_positive is not None
    assert cost.probability_split_saving_positive < (cost.probability_saving_positive or 0)
    all_of_it, split = cost.payback_months, cost.payback_of_split_months
    assert split.value is not None
    assert all_of_it.value is not None
    assert split.value == pytest.approx(48 * 90 / (500 + 180)), "the same hours are earned back by less"
    assert split.value > all_of_it.value


def test_every_input_says_where_it_comes_from() -> None:
    by_name = {each.name: each for each in cost_model(a_money(), frozenset()).inputs}
    upkeep = by_name["hours of upkeep"]
    assert (upkeep.value, upkeep.low, upkeep.high, upkeep.source) == (10.0, 5.0, 20.0, "measured")
    assert upkeep.citation == "3 entries of 4 weeks"
    assert by_name["GPU price"].source == "given"
    assert (by_name["hours for upgrades"].source, by_name["hours for upgrades"].value) == ("unknown", None)
    bare = {each.name: each for each in cost_model(a_money(upkeep=None), frozenset()).inputs}
    assert (bare["hours of upkeep"].source, bare["hours of upkeep"].value) == ("unknown", None)
    of_field = bare["upkeep, as guides have it: a scenario only"]
    assert (of_field.value, of_field.low, of_field.high, of_field.source) == (None, 2000.0, 5000.0, "field")
    assert of_field.citation
    assert not any(each.source == "field" for each in by_name.values())


def test_options_are_priced_at_the_measured_tokens_and_say_that_they_are_not_tested() -> None:
    option = {"name": "mini", "kind": "vendor_tier", "model": "house-mini", "input_usd_per_million_tokens": "1",
              "cached_input_usd_per_million_tokens": "0.1", "output_usd_per_million_tokens": "4"}  # fmt: skip
    unpriced = {"name": "mystery", "kind": "managed", "model": "nobody-knows"}
    given = a_money()
    configuration = a_configuration(
        candidate=[given.table.model_dump()], cost={"engineer_usd_per_hour": "90", "other_usd_per_month": "500"},
        option=[option, unpriced],
    )  # fmt: skip
    tokens = MonthTokens(input=500e6, cached=100e6, output=50e6)
    found = {each.name: each for each in options_of(replace(given, configuration=configuration, tokens=tokens, ends_at=END))}
    mini = found["mini"]
    assert mini.usd_per_month.value == 400 + 10 + 200
    assert mini.saving_usd_per_month.value == 6000 - 610
    assert mini.usd_per_month.low is not None
    assert mini.usd_per_month.low < 610
    assert not mini.is_tested
    assert "not tested" in mini.words
    assert found["mystery"].usd_per_month.value is None
    assert options_of(replace(given, configuration=configuration)) == []


def test_the_pilots_own_cost_is_apart_and_unknown_where_a_part_is() -> None:
    configuration = a_money().configuration
    spend = Spend(Decimal(7), (), (PurposeSpend("judge", 10, Decimal(5)), PurposeSpend("replay", 2, Decimal(2))))
    hours = [
        HoursEntry(0, "ann", date(2026, 9, 8), Decimal(3), "evaluation", is_recurring=False),
        HoursEntry(0, "ann", date(2026, 9, 9), Decimal(1), "evaluation", is_recurring=True),
        HoursEntry(0, "bob", date(2026, 9, 8), Decimal(9), "set-up", is_recurring=False),
    ]
    selection, live, imported = three_days(), evidence_on("live", "live", ""), evidence_on("imported", "replay", "live")
    lines = pilot_spend(configuration, spend, live, selection, hours)
    assert [line.usd for line in lines] == [Decimal(5), Decimal(2), Decimal(2 * 2 * 48), Decimal(360)]
    assert [(line.calls, line.hours) for line in lines] == [(10, None), (2, None), (0, 48.0), (0, 4.0)]
    assert pilot_total_usd(lines) == 5 + 2 + 192 + 360
    assert [line.purpose for line in pilot_spend(configuration, spend, imported, selection, [])] == [
        "judge",
        "replay",
        "GPUs of qwen while it was asked",
    ]
    assert evaluation_hours(hours) == 3
    unknown = Spend(Decimal(5), ("m",), (PurposeSpend("judge", 10, None),))
    assert pilot_total_usd(pilot_spend(configuration, unknown, evidence_on("", "", ""), selection, [])) is None


def three_days() -> Any:
    return SimpleNamespace(counted=np.ones(3, dtype=bool), days=np.array([1, 2, 3]))


def evidence_on(*sources: str) -> Any:
    """One exchange a day, its reply from this source; "" = none."""
    replies = SimpleNamespace(is_there=np.array([source != "" for source in sources]), sources=np.array(sources, dtype=object))
    return SimpleNamespace(arms={"qwen": SimpleNamespace(replies=replies)})


def test_weekends_are_those_of_the_calendar() -> None:
    assert weekends((1, 5, 6, 7, 8, 13), date(2026, 9, 7)).tolist() == [False, False, True, True, False, True]


def test_an_invoice_is_asked_for_only_where_it_is_not_there_and_would_help() -> None:
    guess = TokenBill(replies=Decimal(9), output_tokens=Decimal(100), estimated_output_tokens=Decimal(6))
    blind = TokenBill(uncounted=Decimal(9), has_invoice=True)
    ask = ", or import the vendor's invoice of the closed days: where it agrees, estimates count)"
    (missing,) = missing_inputs(a_money(incumbent={"a": guess}))
    assert missing.endswith(f"in streamed requests{ask}")
    (missing,) = missing_inputs(a_money(incumbent={"a": guess}, doubt="invoice and measurement differ by 9 %"))
    assert missing.endswith("in streamed requests; invoice and measurement differ by 9 %)")
    (missing,) = missing_inputs(a_money(incumbent={"a": blind}))
    assert "invoice" not in missing
    (missing,) = missing_inputs(replace(money(gpu_usd=None), candidate={"a": guess}))
    assert "invoice" not in missing  # the candidate's are not imported


@pytest.mark.parametrize(("rate", "is_said"), [("0", False), ("0.2", True)])
def test_the_vendors_other_models_are_at_list_prices_and_say_so_where_there_is_a_discount(rate: str, is_said: bool) -> None:
    prices = {"input_usd_per_million_tokens": "0.1", "output_usd_per_million_tokens": "0.4"}
    given = a_money()
    configuration = a_configuration(
        incumbent={"base_url": "https://api.openai.com/v1", "model": "gpt-5.1", "discount_rate": rate},
        candidate=[given.table.model_dump()],
        cost={"engineer_usd_per_hour": "90", "other_usd_per_month": "500"},
        option=[
            {"name": "listed", "kind": "vendor_tier", "model": "gpt-5-mini"},
            {"name": "own", "kind": "vendor_tier", "model": "gpt-5-mini"} | prices,
            {"name": "elsewhere", "kind": "managed", "model": "gpt-5-mini"},
        ],
    )
    tokens = MonthTokens(input=500e6, cached=100e6, output=50e6)
    found = options_of(replace(given, configuration=configuration, tokens=tokens, ends_at=END))
    assert len(found) > 3
    saying = {each.name for each in found if each.words.startswith("at list prices, without your discount")}
    of_table = {each.name for each in found if each.kind == "vendor_tier" and each.name != "own"}
    assert saying == (of_table if is_said else set())
