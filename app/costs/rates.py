"""Token prices of one model at one moment, and what one call costs at them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from app.domain.exchange import Usage

MILLION = Decimal(1_000_000)
# Kinds of tokens that have a price of their own: plain, cached, cache-write and audio input, plain and audio output.
Rates: TypeAlias = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None, Decimal | None, Decimal | None]


@dataclass(frozen=True, slots=True)
class PriceTier:
    """Prices of a whole request whose input is longer than `above_input_tokens`."""

    above_input_tokens: int
    input_usd_per_million_tokens: Decimal | None
    cached_input_usd_per_million_tokens: Decimal | None
    output_usd_per_million_tokens: Decimal | None
    cache_write_usd_per_million_tokens: Decimal | None = None
    audio_input_usd_per_million_tokens: Decimal | None = None
    audio_output_usd_per_million_tokens: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """Token prices of one model at one moment, in US dollars per million; `None` = nobody knows it.

    Attributes:
        input_usd_per_million_tokens: For input tokens that have no price of their own.
        cached_input_usd_per_million_tokens: For those from the vendor's cache; `None` = as any input.
        output_usd_per_million_tokens: For generated tokens, reasoning included.
        source: Where the numbers come from, for people.
        tiers: Prices of long requests, shortest first.
        cache_write_usd_per_million_tokens: For input written to the vendor's cache; `None` = as any input.
        audio_input_usd_per_million_tokens: For audio that was heard; `None` = as any input.
        audio_output_usd_per_million_tokens: For audio that was spoken; `None` = as any output.
        varies_by_hour: The vendor's price changes within the day.
    """

    input_usd_per_million_tokens: Decimal | None
    cached_input_usd_per_million_tokens: Decimal | None
    output_usd_per_million_tokens: Decimal | None
    source: str
    tiers: tuple[PriceTier, ...] = ()
    cache_write_usd_per_million_tokens: Decimal | None = None
    audio_input_usd_per_million_tokens: Decimal | None = None
    audio_output_usd_per_million_tokens: Decimal | None = None
    varies_by_hour: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether every reply can be priced."""
        return None not in (self.input_usd_per_million_tokens, self.output_usd_per_million_tokens)

    @property
    def version(self) -> str:
        """What is stored beside a cost: the source with the prices that it was reckoned by."""
        said = (self.input_usd_per_million_tokens, self.cached_input_usd_per_million_tokens, self.output_usd_per_million_tokens)
        return f"{self.source} ({'/'.join('-' if price is None else f'{price.normalize():f}' for price in said)})"


def rates_of(level: Prices | PriceTier) -> Rates:
    """The price of each kind of token; what has none of its own costs as any input or output."""
    whole, out = level.input_usd_per_million_tokens, level.output_usd_per_million_tokens
    cached, written = level.cached_input_usd_per_million_tokens, level.cache_write_usd_per_million_tokens
    heard, spoken = level.audio_input_usd_per_million_tokens, level.audio_output_usd_per_million_tokens
    return whole, _or(cached, whole), _or(written, whole), _or(heard, whole), out, _or(spoken, out)


def cost_usd(usage: Usage, prices: Prices) -> Decimal | None:
    """What one call cost, in US dollars; `None` where a token count or a price that it needs is unknown.

    Cached, written and audio tokens are parts of the input tokens and are charged once; reasoning is a part of the output. A
    server that says nothing of a cache had none.

    Example:
        >>> from decimal import Decimal
        >>> prices = Prices(Decimal("2.5"), Decimal("1.25"), Decimal(10), source="example")
        >>> cost_usd(Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=300), prices)
        Decimal('0.005')
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    total = Decimal(0)
    for tokens, price in zip(_kinds(usage), rates_of(_level(prices, usage.input_tokens)), strict=True):
        if tokens and price is None:
            return None
        total += tokens * (price or Decimal(0))
    return (total / MILLION).normalize()


def _kinds(usage: Usage) -> tuple[int, ...]:
    """The tokens of each kind of `Rates`; audio that was also cached counts as cached."""
    inputs, outputs = usage.input_tokens or 0, usage.output_tokens or 0
    cached = min(usage.cached_input_tokens or 0, inputs)
    written = min(usage.cache_write_tokens or 0, inputs - cached)
    heard = min(usage.audio_input_tokens or 0, inputs - cached - written)
    spoken = min(usage.audio_output_tokens or 0, outputs)
    return inputs - cached - written - heard, cached, written, heard, outputs - spoken, spoken


def _level(prices: Prices, input_tokens: int) -> Prices | PriceTier:
    return next((tier for tier in reversed(prices.tiers) if input_tokens > tier.above_input_tokens), prices)


def _or(own: Decimal | None, other: Decimal | None) -> Decimal | None:
    return own if own is not None else other
