"""The price table that comes with `genai-prices` (offline): asked for exactly a model's name, by moment and service tier."""

import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    Provider,
    TieredPrices,
    TimeOfDateConstraint,
)

from app.costs.rates import Prices, PriceTier

DEFAULT_TIER = "default"
# How servers call the price class that is nothing special.
_DEFAULT_WORDS = frozenset({"", "default", "auto", "standard", "on_demand", "standard_only"})
_SNAPSHOT_DATE = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2})$")
_KEYS = {
    "input_usd_per_million_tokens": "input_mtok",
    "cached_input_usd_per_million_tokens": "cache_read_mtok",
    "output_usd_per_million_tokens": "output_mtok",
    "cache_write_usd_per_million_tokens": "cache_write_mtok",
    "audio_input_usd_per_million_tokens": "input_audio_mtok",
    "audio_output_usd_per_million_tokens": "output_audio_mtok",
}
Rate: TypeAlias = Decimal | TieredPrices | None


def tier_of(*said: str | None) -> str:
    """The price class: the first word that is said of it, in one spelling.

    Example:
        >>> tier_of("standard"), tier_of(None, "batch"), tier_of("Flex", "batch"), tier_of(None)
        ('default', 'batch', 'flex', 'default')
    """
    word = next((word for word in said if word), DEFAULT_TIER).lower()
    return DEFAULT_TIER if word in _DEFAULT_WORDS else word


def listed_prices(model: str, at: datetime, base_url: str | None, tier: str = DEFAULT_TIER) -> Prices | None:
    """What the table says; `None` where it knows no such model, or no price of it in this tier at that moment."""
    found = _find(model.strip().lower(), base_url)
    if found is None:
        return None
    provider, entry = found
    context = None if tier == DEFAULT_TIER else {"processing": "batch"} if tier == "batch" else {"service_tier": tier}
    if context is not None and not _has_variant(entry, context, at):
        return None
    source = f"genai-prices {genai_prices.__version__}: {provider.id}/{entry.id}"
    source += f", {tier}" if context is not None else ""
    return _converted(entry.get_prices(at, context), source, varies_by_hour=_varies_by_hour(entry))


def canonical_model(model: str, base_url: str | None) -> str | None:
    """What the price table calls the model of this name, as `vendor/model`; `None` where it knows none."""
    found = _find(model.strip().lower(), base_url)
    return None if found is None else f"{found[0].id}/{found[1].id}"


def is_vendor(base_url: str) -> bool:
    """Whether the price table knows whose address this is."""
    return any(re.match(provider.api_pattern, base_url) for provider in get_snapshot().providers)


def without_snapshot(model: str) -> str:
    """A model's name without the date of its snapshot, as in `gpt-5.1-2025-11-13`."""
    return _SNAPSHOT_DATE.sub("", model)


def _has_variant(entry: ModelInfo, context: dict[str, str], at: datetime) -> bool:
    variants = entry.price_variants or ()
    return any(
        variant.when.items() <= context.items() and (variant.constraint is None or variant.constraint.active(at))
        for variant in variants
    )


def _varies_by_hour(entry: ModelInfo) -> bool:
    prices = entry.prices if isinstance(entry.prices, list) else []
    return any(isinstance(each.constraint, TimeOfDateConstraint) for each in (*prices, *(entry.price_variants or ())))


@lru_cache(maxsize=4096)
def _find(model: str, base_url: str | None) -> tuple[Provider, ModelInfo] | None:
    for provider in _providers(model, base_url):
        for entry in provider.models:
            if _is_exactly(entry, model):
                return provider, entry
    return None


def _providers(model: str, base_url: str | None) -> list[Provider]:
    """The vendor of an address the table knows, else the vendor whose models have such names; then those it resells."""
    every = get_snapshot().providers
    chosen = [p for p in every if base_url is not None and re.match(p.api_pattern, base_url)]
    chosen = chosen or [p for p in every if p.model_match is not None and p.model_match.is_match(model)]
    resold = [name for p in chosen for name in p.fallback_model_providers or ()]
    return chosen + [p for name in resold for p in every if p.id == name]


def _is_exactly(entry: ModelInfo, model: str) -> bool:
    names = _exact_names(entry)
    if model in names:
        return True
    stem = without_snapshot(model)
    return stem != model and bool({stem, f"{stem}-latest"} & names) and entry.is_match(model)


def _exact_names(entry: ModelInfo) -> set[str]:
    return {entry.id.lower()} | {name.lower() for name in _equals(entry.match)}


def _equals(match: MatchLogic) -> list[str]:
    if isinstance(match, ClauseEquals):
        return [match.equals]
    return [name for part in match.or_ for name in _equals(part)] if isinstance(match, ClauseOr) else []


def _converted(price: ModelPrice, source: str, *, varies_by_hour: bool) -> Prices | None:
    rates: dict[str, Rate] = {ours: getattr(price, theirs) for ours, theirs in _KEYS.items()}
    if rates["input_usd_per_million_tokens"] is None and rates["output_usd_per_million_tokens"] is None:
        return None
    starts = sorted({tier.start for rate in rates.values() if isinstance(rate, TieredPrices) for tier in rate.tiers})
    tiers = tuple(PriceTier(start, **{name: _from(rate, start) for name, rate in rates.items()}) for start in starts)
    short = {name: _from(rate, None) for name, rate in rates.items()}
    return Prices(**short, source=source, tiers=tiers, varies_by_hour=varies_by_hour)


def _from(part: Rate, start: int | None) -> Decimal | None:
    """The price of a request whose input is just longer than `start` (`None`: of a short one)."""
    if not isinstance(part, TieredPrices):
        return part
    reached = [tier.price for tier in part.tiers if start is not None and tier.start <= start]
    return reached[-1] if reached else part.base
