"""Own prices first, then the table by the exact name; what nobody knows is unknown."""

import doctest
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.costs import price_table
from app.costs import rates as rates_module
from app.costs.prices import Prices, PriceTier, cost_usd, prices_of
from app.domain.exchange import Usage
from app.domain.judge_table import JudgeTable
from app.domain.toml_table import TokenPrices, VendorPrices

AT = datetime(2026, 11, 2, tzinfo=UTC)
FLAT = Prices(Decimal(2), Decimal("0.5"), Decimal(10), source="test")


@pytest.mark.parametrize("module", [rates_module, price_table])
def test_the_examples_in_the_docstrings_run(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert (result.attempted > 0, result.failed) == (True, 0)


@pytest.mark.parametrize("name", ["gpt-5.1-foo", "my-gpt-5.1", "gpt-5.1-2099-01-01", "Qwen/Qwen3.5-27B", "nobody", ""])
def test_a_similar_name_is_unknown(name: str) -> None:
    assert prices_of(name, own=None, at=AT) is None


def test_own_prices_replace_those_of_the_table_one_by_one() -> None:
    own = TokenPrices(output_usd_per_million_tokens=Decimal(7))
    found = prices_of("gpt-5.1", own=own, at=AT)
    assert found is not None
    assert (found.input_usd_per_million_tokens, found.output_usd_per_million_tokens) == (Decimal("1.25"), Decimal(7))
    assert "pilot.toml" in found.source
    assert "genai-prices" in found.source


def test_an_own_price_of_zero_is_a_price() -> None:
    judge = JudgeTable.model_validate(
        {"base_url": "http://x/v1", "model": "gpt-5.1", "input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
    )
    found = prices_of("gpt-5.1", own=judge, at=AT)
    assert found is not None
    assert cost_usd(Usage(input_tokens=1000, cached_input_tokens=900, output_tokens=50), found) == 0


def test_half_an_own_price_without_a_table_leaves_the_other_half_unknown() -> None:
    found = prices_of("nobody", own=TokenPrices(input_usd_per_million_tokens=Decimal(1)), at=AT)
    assert found is not None
    assert not found.is_complete
    assert cost_usd(Usage(input_tokens=10, output_tokens=10), found) is None
    assert cost_usd(Usage(input_tokens=10, output_tokens=0), found) == Decimal("0.00001")


def test_the_address_chooses_the_vendor() -> None:
    at_azure = prices_of("gpt-4o", own=None, at=AT, base_url="https://me.openai.azure.com/openai/v1")
    assert at_azure is not None
    assert at_azure.input_usd_per_million_tokens == Decimal("2.5")
    assert prices_of("gpt-4o", own=None, at=AT, base_url="https://api.anthropic.com/v1") is None


@pytest.mark.parametrize("usage", [Usage(), Usage(input_tokens=3), Usage(output_tokens=3)])
def test_unknown_tokens_have_an_unknown_price(usage: Usage) -> None:
    assert cost_usd(usage, FLAT) is None


def test_cached_tokens_are_part_of_the_input_and_charged_once() -> None:
    usage = Usage(input_tokens=1_000_000, cached_input_tokens=400_000, output_tokens=0)
    assert cost_usd(usage, FLAT) == Decimal("1.4")


def test_without_a_price_for_the_cache_a_cached_token_is_any_token() -> None:
    prices_without = Prices(Decimal(2), None, Decimal(10), source="test")
    assert cost_usd(Usage(input_tokens=1_000_000, cached_input_tokens=400_000, output_tokens=0), prices_without) == 2


def rates(prices: Prices | None) -> tuple[Any, ...]:
    assert prices is not None
    return (
        prices.input_usd_per_million_tokens, prices.cached_input_usd_per_million_tokens, prices.output_usd_per_million_tokens,
        prices.cache_write_usd_per_million_tokens,
    )  # fmt: skip


def a_contract(**keys: Any) -> VendorPrices:
    return VendorPrices.model_validate(keys)


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        (None, ("1.25", "0.125", "10")), ("default", ("1.25", "0.125", "10")), ("auto", ("1.25", "0.125", "10")),
        ("standard", ("1.25", "0.125", "10")), ("flex", ("0.625", "0.0625", "5")), ("Batch", ("0.625", "0.0625", "5")),
        ("priority", ("2.5", "0.25", "20")),
    ],
)  # fmt: skip
def test_a_tier_has_its_own_prices(tier: str | None, expected: tuple[str, ...]) -> None:
    assert rates(prices_of("gpt-5.1", own=None, at=AT, tier=tier))[:3] == tuple(Decimal(price) for price in expected)


@pytest.mark.parametrize(("model", "tier"), [("gpt-5.1", "scale"), ("gpt-4o", "flex"), ("claude-sonnet-4-5", "priority")])
def test_a_tier_that_the_table_does_not_know_has_no_price(model: str, tier: str) -> None:
    assert prices_of(model, own=None, at=AT) is not None
    assert prices_of(model, own=None, at=AT, tier=tier) is None


def test_a_tier_has_no_price_before_the_day_from_which_it_is_known() -> None:
    known_from = datetime(2026, 10, 12, tzinfo=UTC)
    assert prices_of("gpt-5.1", own=None, at=known_from, tier="flex") is not None
    assert prices_of("gpt-5.1", own=None, at=known_from - timedelta(days=1), tier="flex") is None


def test_the_tier_of_the_contract_holds_where_the_reply_names_none() -> None:
    own = a_contract(service_tier="flex")
    assert rates(prices_of("gpt-5.1", own=own, at=AT))[0] == Decimal("0.625")
    assert rates(prices_of("gpt-5.1", own=own, at=AT, tier="default"))[0] == Decimal("1.25")


def test_own_prices_hold_in_every_tier() -> None:
    own = a_contract(input_usd_per_million_tokens=3, output_usd_per_million_tokens=4, discount_rate=Decimal("0.5"))
    for tier in (None, "flex", "scale"):
        found = prices_of("gpt-5.1", own=own, at=AT, tier=tier)
        assert found is not None
        assert (found.source, found.tiers) == ("pilot.toml", ())
        assert rates(found)[::2] == (3, 4)


def test_a_discount_lowers_every_price_of_the_table_and_none_of_the_own() -> None:
    whole, less = (prices_of("gemini-2.5-pro", own=a_contract(discount_rate=rate), at=AT) for rate in (0, Decimal("0.2")))
    assert whole is not None
    assert less is not None
    usages = [Usage(input_tokens=n, cached_input_tokens=n // 3, output_tokens=n // 5) for n in (1000, 300_000)]
    for usage in usages:
        full, paid = cost_usd(usage, whole), cost_usd(usage, less)
        assert full is not None
        assert paid == full * Decimal("0.8")
    assert less.source.endswith("less 20 %")
    mixed = prices_of("gpt-5.1", own=a_contract(discount_rate=Decimal("0.2"), output_usd_per_million_tokens=7), at=AT)
    assert rates(mixed)[:3] == (1, Decimal("0.1"), 7)


def test_what_is_written_to_the_cache_has_its_own_price() -> None:
    listed = prices_of("claude-sonnet-4-5", own=None, at=AT)
    assert rates(listed) == (3, Decimal("0.3"), 15, Decimal("3.75"))
    own = prices_of("claude-sonnet-4-5", own=a_contract(cache_write_usd_per_million_tokens=5), at=AT)
    assert rates(own)[3] == 5
    assert own is not None
    assert own.tiers == () or own.tiers[0].cache_write_usd_per_million_tokens == 5
    half = prices_of("claude-sonnet-4-5", own=a_contract(input_usd_per_million_tokens=Decimal("1.5")), at=AT)
    assert rates(half)[3] == Decimal("1.875")
    usage = Usage(input_tokens=100_000, cached_input_tokens=30_000, cache_write_tokens=60_000, output_tokens=0)
    assert listed is not None
    assert cost_usd(usage, listed) == Decimal("0.264")  # 0.01 x 3 + 0.03 x 0.3 + 0.06 x 3.75


def test_own_prices_of_one_kind_keep_the_tables_prices_of_long_requests() -> None:
    own = prices_of("gemini-2.5-pro", own=a_contract(cached_input_usd_per_million_tokens=0), at=AT)
    assert own is not None
    assert cost_usd(Usage(input_tokens=1_000_000, cached_input_tokens=500_000, output_tokens=0), own) == Decimal("1.25")


def test_audio_has_its_own_price_and_is_a_part_of_its_side() -> None:
    prices = prices_of("gpt-audio", own=None, at=AT)
    assert prices is not None
    usage = Usage(input_tokens=1_000_000, audio_input_tokens=400_000, output_tokens=1_000_000, audio_output_tokens=500_000)
    assert cost_usd(usage, prices) == Decimal("1.5") + Decimal("12.8") + 5 + 32


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(1_000_000, 400_000, 0), "1.4"),  # lost: 2, twice: 2.2 or 1.8
        (Usage(1_000_000, 1_000_000, 0), "0.5"),
        (Usage(1_000_000, 2_000_000, 0), "0.5"),  # more cached than there is
        (Usage(0, 0, 1_000_000, 900_000), "10"),  # reasoning on top: 19
        (Usage(1_000_000, 600_000, 0, None, 600_000), "1.1"),  # written and cached overlap: 0.6 x 0.5 + 0.4 x 2
    ],
)
def test_each_token_is_charged_once(usage: Usage, usd: str) -> None:
    assert cost_usd(usage, FLAT) == Decimal(usd)


def test_a_model_that_nobody_knows_is_not_free() -> None:
    assert prices_of("gpt-5.1-turbo", own=None, at=AT) is None
    assert prices_of("openai/gpt-5.1", own=None, at=AT, base_url="https://api.openai.com/v1") is None


def test_a_version_names_the_prices() -> None:
    own = prices_of(
        "nobody", own=a_contract(input_usd_per_million_tokens=Decimal("1.50"), output_usd_per_million_tokens=2), at=AT
    )
    assert own is not None
    assert own.version == "pilot.toml (1.5/-/2)"
    listed = prices_of("gpt-5.1", own=None, at=AT, tier="flex")
    assert listed is not None
    assert re.fullmatch(r"genai-prices [\d.]+: openai/gpt-5\.1, flex \(0\.625/0\.0625/5\)", listed.version)


@given(
    inputs=st.integers(0, 10**7), cached=st.integers(0, 10**7), written=st.integers(0, 10**7), heard=st.integers(0, 10**7),
    outputs=st.integers(0, 10**7), spoken=st.integers(0, 10**7),
)  # fmt: skip
def test_equal_prices_of_all_kinds_cost_what_the_sum_of_tokens_does(
    inputs: int, cached: int, written: int, heard: int, outputs: int, spoken: int
) -> None:
    one = Decimal(1)
    flat = Prices(one, one, one, "test", (), one, one, one)
    usage = Usage(inputs, cached, outputs, None, written, heard, spoken)
    assert cost_usd(usage, flat) == Decimal(inputs + outputs) / 1_000_000


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(1000, 600, 0, None, 600), "0.0046"),  # 600 cached, the 400 that are left written
        (Usage(1000, 600, 0, None, 100, 900), "0.0079"),  # 600 cached, 100 written, 300 of the audio left
        (Usage(1000, 200, 0, None, 300, 100), "0.0061"),  # 400 x 2 + 200 + 300 x 10 + 100 x 21
        (Usage(2000, 0, 0), "0.004"),  # not longer than 2,000
        (Usage(2001, 0, 0), "0.04002"),
    ],
)
def test_parts_of_the_input_never_overlap_and_a_tier_begins_above_its_length(usage: Usage, usd: str) -> None:
    p = [Decimal(price) for price in ("2", "1", "10", "10", "20")]
    whole = Prices(p[0], p[1], p[2], "test", (PriceTier(2000, p[4], p[4], p[4]),), p[3], Decimal(21))
    assert cost_usd(usage, whole) == Decimal(usd)
