"""Our price of a call is the one that `genai-prices` computes from its own table."""

from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest

from app.costs.prices import cost_usd, prices_of
from app.domain.exchange import Usage

AT = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize("model", ["gpt-5.1", "gpt-4o", "gpt-4o-2024-08-06", "o3", "gemini-2.5-pro", "claude-sonnet-4-5"])
@pytest.mark.parametrize(
    ("input_tokens", "cached", "output_tokens"),
    [(1000, 400, 300), (1020, 0, 129), (0, 0, 0), (50, 50, 1), (199_999, 1, 7), (200_001, 150_000, 7)],
)
def test_a_call_costs_what_the_library_says(model: str, input_tokens: int, cached: int, output_tokens: int) -> None:
    prices = prices_of(model, own=None, at=AT)
    assert prices is not None
    usage = Usage(input_tokens=input_tokens, cached_input_tokens=cached, output_tokens=output_tokens)
    theirs = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=input_tokens, cache_read_tokens=cached, output_tokens=output_tokens),
        model_ref=model,
        genai_request_timestamp=AT,
    )
    assert cost_usd(usage, prices) == theirs.total_price


def test_the_documented_example_holds() -> None:
    prices = prices_of("gpt-4o", own=None, at=AT)
    assert prices is not None
    assert cost_usd(Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=300), prices) == Decimal("0.0050")


def test_a_price_is_that_of_the_day_of_the_call() -> None:
    before = prices_of("o3", own=None, at=datetime(2025, 6, 9, tzinfo=UTC))
    after = prices_of("o3", own=None, at=datetime(2025, 6, 10, tzinfo=UTC))
    assert before is not None
    assert after is not None
    assert (before.input_usd_per_million_tokens, after.input_usd_per_million_tokens) == (Decimal(10), Decimal(2))
