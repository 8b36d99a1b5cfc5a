"""What tokens cost: the pilot's own prices first, then the price table that comes with `genai-prices` (offline)."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ClauseEquals, ClauseOr, MatchLogic, ModelInfo, ModelPrice, Provider, TieredPrices

from app.domain.exchange import Usage
from app.domain.judge_table import JudgeTable
from app.domain.toml_table import TokenPrices

MILLION = Decimal(1_000_000)
OWN = "pilot.toml"
_SNAPSHOT_DATE = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2})$")


@dataclass(frozen=True, slots=True)
class PriceTier:
    """Prices of a whole request whose input is longer than `above_input_tokens`."""

    above_input_tokens: int
    input_usd_per_million_tokens: Decimal | None
    cached_input_usd_per_million_tokens: Decimal | None
    output_usd_per_million_tokens: Decimal | None


@dataclass(frozen=True, slots=True)
class Prices:
    """Token prices of one model at one moment, in US dollars per million; `None` = nobody knows it.

    Attributes:
        input_usd_per_million_tokens: For input tokens that did not come from the vendor's cache.
        cached_input_usd_per_million_tokens: For those that did; `None` = as any input.
        output_usd_per_million_tokens: For generated tokens, reasoning included.
        source: Where the numbers come from, for people.
        tiers: Prices of long requests, shortest first.
    """

    input_usd_per_million_tokens: Decimal | None
    cached_input_usd_per_million_tokens: Decimal | None
    output_usd_per_million_tokens: Decimal | None
    source: str
    tiers: tuple[PriceTier, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every reply can be priced."""
        return None not in (self.input_usd_per_million_tokens, self.output_usd_per_million_tokens)


def prices_of(model: str, *, own: TokenPrices | JudgeTable | None, at: datetime, base_url: str | None = None) -> Prices | None:
    """Prices of a model at a moment; `None` where neither the pilot nor the table has any.

    Each price that the pilot gives replaces the table's. The table is asked for exactly this name, or for this name without
    the date of its snapshot where the table itself counts that snapshot as the same model; a similar name is unknown.

    Args:
        model: The model's name as it is sent to the server.
        own: The pilot's table with prices, if it may have some.
        at: Aware time of the call: prices change.
        base_url: Chooses the vendor where the table knows the address; else the vendor is told by the model's name.
    """
    listed = _listed(model, at, base_url)
    given = _given(own)
    if given == (None, None, None):
        return listed
    known = listed or Prices(None, None, None, source="")
    needs_table = listed is not None and (given[0] is None or given[2] is None)
    return Prices(
        input_usd_per_million_tokens=_first(given[0], known.input_usd_per_million_tokens),
        cached_input_usd_per_million_tokens=_first(given[1], _capped(known.cached_input_usd_per_million_tokens, given[0])),
        output_usd_per_million_tokens=_first(given[2], known.output_usd_per_million_tokens),
        source=f"{OWN}, {known.source}" if needs_table else OWN,
    )


def _given(own: TokenPrices | JudgeTable | None) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    if own is None:
        return None, None, None
    cached = own.cached_input_usd_per_million_tokens if isinstance(own, TokenPrices) else None
    return own.input_usd_per_million_tokens, cached, own.output_usd_per_million_tokens


def _first(given: Decimal | None, listed: Decimal | None) -> Decimal | None:
    return given if given is not None else listed


def _capped(listed: Decimal | None, own_input: Decimal | None) -> Decimal | None:
    """An own, lower price of input is also the most that a cached token costs."""
    return listed if listed is None or own_input is None else min(listed, own_input)


def cost_usd(usage: Usage, prices: Prices) -> Decimal | None:
    """What one call cost, in US dollars; `None` where a token count or a price that it needs is unknown.

    Cached tokens are a part of the input tokens and are charged once. A server that says nothing of a cache had none.

    Example:
        >>> from decimal import Decimal
        >>> prices = Prices(Decimal("2.5"), Decimal("1.25"), Decimal(10), source="example")
        >>> cost_usd(Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=300), prices)
        Decimal('0.005')
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    level = _level(prices, usage.input_tokens)
    cached = min(usage.cached_input_tokens or 0, usage.input_tokens)
    cached_price = level.cached_input_usd_per_million_tokens
    parts = (
        (usage.input_tokens - cached, level.input_usd_per_million_tokens),
        (cached, cached_price if cached_price is not None else level.input_usd_per_million_tokens),
        (usage.output_tokens, level.output_usd_per_million_tokens),
    )
    total = Decimal(0)
    for tokens, price in parts:
        if tokens and price is None:
            return None
        total += tokens * (price or Decimal(0))
    return (total / MILLION).normalize()


def _level(prices: Prices, input_tokens: int) -> Prices | PriceTier:
    return next((tier for tier in reversed(prices.tiers) if input_tokens > tier.above_input_tokens), prices)


def _listed(model: str, at: datetime, base_url: str | None) -> Prices | None:
    found = _find(model.strip().lower(), base_url)
    if found is None:
        return None
    provider, entry = found
    return _converted(entry.get_prices(at), f"genai-prices {genai_prices.__version__}: {provider.id}/{entry.id}")


def canonical_model(model: str, base_url: str | None) -> str | None:
    """What the price table calls the model of this name, as `vendor/model`; `None` where it knows none."""
    found = _find(model.strip().lower(), base_url)
    return None if found is None else f"{found[0].id}/{found[1].id}"


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


def without_snapshot(model: str) -> str:
    """A model's name without the date of its snapshot, as in `gpt-5.1-2025-11-13`."""
    return _SNAPSHOT_DATE.sub("", model)


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


def _converted(price: ModelPrice, source: str) -> Prices | None:
    rates = (price.input_mtok, price.cache_read_mtok, price.output_mtok)
    if rates[0] is None and rates[2] is None:
        return None
    starts = sorted({tier.start for rate in rates if isinstance(rate, TieredPrices) for tier in rate.tiers})
    tiers = tuple(PriceTier(start, *(_from(rate, start) for rate in rates)) for start in starts)
    short, cached, output = (_from(rate, None) for rate in rates)
    return Prices(short, cached, output, source, tiers)


def _from(part: Decimal | TieredPrices | None, start: int | None) -> Decimal | None:
    """The price of a request whose input is just longer than `start` (`None`: of a short one)."""
    if not isinstance(part, TieredPrices):
        return part
    reached = [tier.price for tier in part.tiers if start is not None and tier.start <= start]
    return reached[-1] if reached else part.base


def is_vendor(base_url: str) -> bool:
    """Whether the price table knows whose address this is."""
    return any(re.match(provider.api_pattern, base_url) for provider in get_snapshot().providers)
