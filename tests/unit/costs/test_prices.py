"""Own prices first, then the table by the exact name; what nobody knows is unknown."""

import doctest
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType

import pytest

from app.costs import price_table, rates
from app.costs.prices import Prices, cost_usd, prices_of
from app.domain.exchange import Usage
from app.domain.judge_table import JudgeTable
from app.domain.toml_table import TokenPrices

AT = datetime(2026, 11, 2, tzinfo=UTC)
FLAT = Prices(Decimal(2), Decimal("0.5"), Decimal(10), source="test")


@pytest.mark.parametrize("module", [rates, price_table])
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
