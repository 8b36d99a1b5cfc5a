"""What tokens cost: the pilot's own prices first, then the price table, less what a contract takes off it."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from app.costs.price_table import canonical_model, is_vendor, listed_prices, tier_of, without_snapshot
from app.costs.rates import MILLION, Prices, PriceTier, cost_usd
from app.domain.judge_table import JudgeTable
from app.domain.toml_table import TokenPrices, VendorPrices

__all__ = [
    "MILLION",
    "OWN",
    "PriceTier",
    "Prices",
    "canonical_model",
    "cost_usd",
    "is_vendor",
    "prices_of",
    "tier_of",
    "without_snapshot",
]
OWN = "pilot.toml"
_Given: TypeAlias = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]
_RATES = tuple(name for name in Prices.__slots__ if name.endswith("_usd_per_million_tokens"))


def prices_of(
    model: str,
    *,
    own: TokenPrices | JudgeTable | None,
    at: datetime,
    base_url: str | None = None,
    tier: str | None = None,
    discount_rate: Decimal | None = None,
) -> Prices | None:
    """Prices of a model at a moment; `None` where neither the pilot nor the table has any.

    Each price that the pilot gives replaces the table's, in every service tier. The table is asked for exactly this name, or
    for this name without the date of its snapshot where the table itself counts that snapshot as the same model; a similar
    name is unknown, and so is a tier that the table does not know for the model.

    Args:
        model: The model's name as it is sent to the server.
        own: The pilot's table with prices, if it may have some.
        at: Aware time of the call: prices change.
        base_url: Chooses the vendor where the table knows the address; else the vendor is told by the model's name.
        tier: The service tier as the reply names it; default: what `own` says, else the ordinary one.
        discount_rate: What a contract takes off the table's prices; default: what `own` says, else nothing.
    """
    contract = own if isinstance(own, VendorPrices) else VendorPrices()
    rate = contract.discount_rate if discount_rate is None else discount_rate
    listed = listed_prices(model, at, base_url, tier_of(tier, contract.service_tier))
    listed = _less(listed, rate) if listed is not None and rate else listed
    given = _given(own)
    if given == (None, None, None, None):
        return listed
    return _merged(given, listed)


def _merged(given: _Given, listed: Prices | None) -> Prices:
    """Own prices, completed by the table's."""
    known = listed or Prices(None, None, None, source="")
    needs_table = listed is not None and (given[0] is None or given[3] is None)
    if not needs_table:
        return replace(known, **_level(given, known), source=OWN, tiers=(), varies_by_hour=False)
    tiers = tuple(replace(level, **_level(given, level)) for level in known.tiers)
    return replace(known, **_level(given, known), source=f"{OWN}, {known.source}", tiers=tiers)


def _level(given: _Given, known: Prices | PriceTier) -> dict[str, Any]:
    """A cached token costs no more than the own input; what is written and audio as many times an own price as the table's."""
    own_input, own_cached, own_write, own_output = given
    whole, out = known.input_usd_per_million_tokens, known.output_usd_per_million_tokens
    return {
        "input_usd_per_million_tokens": _first(own_input, whole),
        "cached_input_usd_per_million_tokens": _first(
            own_cached, _capped(known.cached_input_usd_per_million_tokens, own_input)
        ),
        "output_usd_per_million_tokens": _first(own_output, out),
        "cache_write_usd_per_million_tokens": _first(
            own_write, _scaled(known.cache_write_usd_per_million_tokens, own_input, whole)
        ),
        "audio_input_usd_per_million_tokens": _scaled(known.audio_input_usd_per_million_tokens, own_input, whole),
        "audio_output_usd_per_million_tokens": _scaled(known.audio_output_usd_per_million_tokens, own_output, out),
    }


def _less(listed: Prices, rate: Decimal) -> Prices:
    """The table's prices less a discount."""
    part = 1 - rate

    def cheaper(level: Prices | PriceTier) -> dict[str, Any]:
        return {name: None if getattr(level, name) is None else getattr(level, name) * part for name in _RATES}

    tiers = tuple(replace(level, **cheaper(level)) for level in listed.tiers)
    source = f"{listed.source}, less {(100 * rate).normalize():f} %"
    return replace(listed, **cheaper(listed), tiers=tiers, source=source)


def _given(own: TokenPrices | JudgeTable | None) -> _Given:
    if own is None:
        return None, None, None, None
    table = own if isinstance(own, TokenPrices) else TokenPrices()
    cached, written = table.cached_input_usd_per_million_tokens, table.cache_write_usd_per_million_tokens
    return own.input_usd_per_million_tokens, cached, written, own.output_usd_per_million_tokens


def _first(given: Decimal | None, listed: Decimal | None) -> Decimal | None:
    return given if given is not None else listed


def _capped(listed: Decimal | None, own_input: Decimal | None) -> Decimal | None:
    """An own, lower price of input is also the most that a cached token costs."""
    return listed if listed is None or own_input is None else min(listed, own_input)


def _scaled(listed: Decimal | None, own: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """A listed price as high beside the own price as it is beside the table's."""
    if listed is None or own is None:
        return listed
    return listed * own / whole if whole else None
