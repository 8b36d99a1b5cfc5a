"""What servers say of tokens becomes the same counts, and the same cost as `genai-prices` and LiteLLM's map reckon."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import Provider

from app.costs.price_table import tier_of
from app.costs.prices import Prices, cost_usd, prices_of
from app.domain.exchange import Usage
from app.providers.reading import draft_of
from tests.contract.litellm_prices import litellm_map, litellm_usd
from tests.contract.usage_shapes import LITELLM, SHAPES, Shape

AT = datetime(2026, 11, 2, tzinfo=UTC)
CENT = Decimal("0.01")
# Costs are compared as those of so many equal calls, so that a cent is a difference.
CALLS = 100_000
COUNTED = [shape for shape in SHAPES if shape.counts != Usage()]


def read(shape: Shape) -> Usage:
    draft = draft_of(shape.path)
    if shape.is_stream:
        for chunk in shape.documents:
            draft.add_chunk(chunk)
    else:
        draft.add_whole(shape.documents[0])
    return draft.usage


def priced(shape: Shape) -> Prices:
    found = prices_of(shape.model, own=None, at=AT, tier=shape.counts.service_tier)
    assert found is not None
    return found


def ours(shape: Shape) -> Decimal:
    usd = cost_usd(read(shape), priced(shape))
    assert usd is not None
    return usd * CALLS


def theirs(shape: Shape) -> Decimal | None:
    """What `genai-prices` makes of the last document; `None` where its extractor finds nothing."""
    vendor = next(each for each in get_snapshot().providers if each.id == shape.vendor[0])
    try:
        _, usage = vendor.extract_usage(shape.documents[-1], api_flavor=shape.vendor[1])
    except ValueError:
        return None
    home = vendor if any(m.is_match(shape.model) for m in vendor.models) else _home_of(shape.model)
    model = home.find_model(shape.model)
    assert model is not None
    tier = tier_of(shape.counts.service_tier)
    context = {"processing": tier} if tier == "batch" else {"service_tier": tier}
    return model.calc_price(usage, home, genai_request_timestamp=AT, price_context=context).total_price * CALLS


def _home_of(model: str) -> Provider:
    return next(each for each in get_snapshot().providers if each.model_match and each.model_match.is_match(model))


def by_name(shape: Shape) -> str:
    return shape.name


@pytest.mark.parametrize("shape", SHAPES, ids=by_name)
def test_the_counts_of_a_server_are_read(shape: Shape) -> None:
    assert replace(read(shape), raw=None) == shape.counts


@pytest.mark.parametrize("shape", COUNTED, ids=by_name)
def test_its_cost_is_that_of_genai_prices_or_the_difference_has_a_reason(shape: Shape) -> None:
    said = theirs(shape)
    is_equal = said is not None and abs(ours(shape) - said) < CENT
    assert is_equal is (shape.differs == ""), (ours(shape), said, shape.differs)


@pytest.mark.parametrize("shape", COUNTED, ids=by_name)
def test_a_wrong_reading_of_the_cache_or_the_reasoning_would_show(shape: Shape) -> None:
    """Each bug of the field moves the cost by more than a cent in 100,000 calls, so the rows above can tell."""
    usage, prices = shape.counts, priced(shape)
    cached, reasoning = usage.cached_input_tokens or 0, usage.reasoning_tokens or 0
    wrong = {
        "cached lost": replace(usage, cached_input_tokens=None) if cached else None,
        "cached billed twice": replace(usage, input_tokens=(usage.input_tokens or 0) + cached) if cached else None,
        "reasoning on top": replace(usage, output_tokens=(usage.output_tokens or 0) + reasoning) if reasoning else None,
    }
    for name, bug in wrong.items():
        if bug is not None:
            usd = cost_usd(bug, prices)
            assert usd is not None, name
            assert abs(usd * CALLS - ours(shape)) > CENT, name


def test_its_cost_is_that_of_litellms_map_or_the_difference_has_a_reason() -> None:
    prices = litellm_map()
    wrong = {}
    for shape in COUNTED:
        said = litellm_usd(prices[LITELLM.get(shape.model, shape.model)], shape.counts) * CALLS
        if (abs(ours(shape) - said) < CENT) is not (shape.differs_at_litellm == ""):
            wrong[shape.name] = (ours(shape), said, shape.differs_at_litellm)
    assert wrong == {}
