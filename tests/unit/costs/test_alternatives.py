"""Other ways to buy the same tokens: exact names, real prices of the table, cheaper only, cheapest first."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot

from app.costs.alternatives import cheaper_tiers, managed_hosts
from app.costs.prices import cost_usd, prices_of
from app.domain.exchange import Usage

AT = datetime(2026, 11, 2, tzinfo=UTC)
# Counts below the first price step, so that one call of cost_usd says the same.
MIX: dict[str, Any] = {"input_tokens": 20_000, "cached_input_tokens": 5_000, "output_tokens": 5_000}
USAGE = Usage(input_tokens=20_000, cached_input_tokens=5_000, output_tokens=5_000)


def usd_of(model: str) -> Decimal:
    prices = prices_of(model, own=None, at=AT)
    assert prices is not None
    usd = cost_usd(USAGE, prices)
    assert usd is not None
    return usd


@pytest.mark.parametrize("model", ["gpt-5.1", "gpt-4o", "claude-opus-4-5", "gemini-2.5-pro"])
def test_every_tier_is_cheaper_and_priced_as_the_table_prices_it(model: str) -> None:
    found = cheaper_tiers(model, None, AT, **MIX, most=50)
    assert found
    assert [one.usd for one in found] == sorted(one.usd for one in found)
    for one in found:
        assert one.usd == usd_of(one.model) < usd_of(model)
        assert (one.kind, one.model != model) == ("vendor_tier", True)


def test_more_than_asked_are_picked_evenly_with_both_ends() -> None:
    every = cheaper_tiers("gpt-5.1", None, AT, **MIX, most=50)
    picked = cheaper_tiers("gpt-5.1", None, AT, **MIX, most=3)
    assert len(every) > len(picked) == 3
    assert (picked[0], picked[-1]) == (every[0], every[-1])
    assert [len(cheaper_tiers("gpt-5.1", None, AT, **MIX, most=most)) for most in (0, 1, 2)] == [0, 1, 2]


def test_a_tier_is_a_chat_model_of_the_same_family_and_no_older_generation() -> None:
    names = {one.model for one in cheaper_tiers("gpt-5.1", None, AT, **MIX, most=50)}
    assert "gpt-5-mini" in names
    assert not [name for name in names if name.startswith(("gpt-4", "gpt-3", "text-", "gpt-oss")) or "audio" in name]
    assert not [one for one in cheaper_tiers("gemini-2.5-pro", None, AT, **MIX, most=50) if "claude" in one.model]


def test_the_address_decides_whose_models_they_are() -> None:
    azure = cheaper_tiers("gpt-5.1", "https://some.openai.azure.com/openai/v1", AT, **MIX)
    assert azure
    assert {one.vendor for one in azure} <= {"azure", "openai"}


def test_an_own_price_is_the_limit_where_it_is_given() -> None:
    mini = usd_of("gpt-5-mini")
    found = cheaper_tiers("gpt-5.1", None, AT, **MIX, most=50, than_usd=mini)
    assert found
    assert all(one.usd < mini for one in found)


def test_the_model_itself_is_no_alternative_even_below_an_own_dearer_price() -> None:
    found = cheaper_tiers("gpt-5.1", None, AT, **MIX, most=50, than_usd=usd_of("gpt-5.1") * 3)
    assert "gpt-5.1" not in {one.model for one in found}
    assert "gpt-5.2" in {one.model for one in found}


@pytest.mark.parametrize("name", ["gpt-5.1-foo", "my-gpt-5.1", "Qwen/Qwen3.5-27B", "nobody", ""])
def test_a_similar_name_has_no_tiers(name: str) -> None:
    assert cheaper_tiers(name, None, AT, **MIX) == []


def test_hosts_are_found_by_the_exact_name_whatever_the_organisation_and_the_case() -> None:
    found = managed_hosts("openai/GPT-OSS-120B", AT, **MIX, most=50)
    assert {"fireworks", "groq"} <= {one.vendor for one in found}
    assert {one.model.lower().rpartition("/")[2] for one in found} == {"gpt-oss-120b", "openai.gpt-oss-120b-1:0"}
    assert [one.usd for one in found] == sorted(one.usd for one in found)
    assert len({one.vendor for one in found}) == len(found)
    assert all(one.usd > 0 and one.kind == "managed" for one in found)


def test_a_router_is_no_host_and_does_not_repeat_one() -> None:
    vendors = {one.vendor for one in managed_hosts("openai/gpt-oss-120b", AT, **MIX, most=50)}
    assert not vendors & {"openrouter", "huggingface_groq", "huggingface_fireworks-ai"}


@pytest.mark.parametrize("name", ["gpt-oss", "gpt-oss-120", "oss-120b", "gpt-oss-120b-mine", "nobody", ""])
def test_a_similar_name_has_no_hosts(name: str) -> None:
    assert managed_hosts(name, AT, **MIX) == []


def test_the_catalogues_names_of_the_same_weights_find_hosts_too() -> None:
    found = {one.vendor: one.model for one in managed_hosts("meta-llama/Llama-3.1-70B-Instruct", AT, **MIX, most=50)}
    assert found["together"] == "meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo"
    assert found["aws"] == "meta.llama3-1-70b-instruct-v1:0"


def test_other_exact_names_find_more_hosts() -> None:
    alone = managed_hosts("our/own-llama", AT, **MIX, most=50)
    more = managed_hosts("our/own-llama", AT, **MIX, most=50, also=["Meta-Llama-3.1-70B-Instruct-Turbo"])
    assert (alone, {one.vendor for one in more}) == ([], {"together"})


def test_cached_tokens_are_a_part_of_the_input() -> None:
    none_cached = managed_hosts("gpt-oss-120b", AT, input_tokens=10**6, cached_input_tokens=0, output_tokens=0, most=50)
    for one in none_cached:
        assert one.usd == one.input_usd_per_million_tokens
    with pytest.raises(ValueError, match="a part of the input"):
        managed_hosts("gpt-oss-120b", AT, input_tokens=1, cached_input_tokens=2, output_tokens=0)


def test_what_a_host_gives_up_is_no_alternative() -> None:
    given_up = [
        (provider.id, entry.id)
        for provider in get_snapshot().providers
        for entry in provider.models
        if entry.deprecated and provider.id not in ("cursor", "github-copilot", "openai", "openrouter")
    ]
    assert len(given_up) > 5
    for vendor, model in given_up[::5]:
        assert (vendor, model) not in {(one.vendor, one.model) for one in managed_hosts(model, AT, **MIX, most=50)}
