"""What the tokens of stored replies cost, by segment and by row: each reply at the price of its model, day and tier."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.costs.arm_prices import (
    SLOT,
    PricesOf,
    candidate_prices,
    incumbent_prices,
    is_paid_by_token,
    priced_name,
)
from app.costs.rates import MILLION, Prices, PriceTier, rates_of
from app.costs.token_bill import TokenBill, TokenRate
from app.domain.evidence import Flags, Floats, Numbers, ReplyColumns, codes, places_by_number
from app.pipeline.closing import EPOCH
from app.pipeline.estimated_usage import Estimated, with_estimates

__all__ = ["Basis", "Bills", "PricesOf", "candidate_prices", "incumbent_prices", "is_paid_by_token", "row_costs", "token_bills"]
Bills: TypeAlias = dict[str, TokenBill]
_SLOT_US = int(SLOT.total_seconds() * 1_000_000)


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Which rows are billed, how much each weighs, on which UTC date it fell and to which segment it belongs.

    `arrived_us`: when it arrived, for vendors whose price changes within the day; without it such days begin at midnight's.
    """

    rows: Flags
    weights: Floats
    dates: Numbers
    segments: Numbers
    names: list[str]
    arrived_us: Numbers | None = None


def token_bills(
    replies: ReplyColumns,
    basis: Basis,
    prices: PricesOf,
    *,
    model: str,
    other: ReplyColumns | None = None,
    has_invoice: bool = False,
) -> Bills:
    """The bill of each segment that has rows.

    Args:
        replies: One arm's.
        basis: Which rows are billed.
        prices: The price of a model at a moment, in a service tier.
        model: Of replies that do not name theirs.
        other: Another arm's replies to the same requests: where a reply's input was not counted, theirs tells it.
        has_invoice: The vendor's own bill was imported.
    """
    found = with_estimates(replies, basis.rows, other)
    tally = _tally(found, basis, has_invoice=has_invoice)
    groups = _priced(found.replies, basis.rows, basis.dates, prices, model, basis.arrived_us)
    kinds = _kinds(found.replies)
    for group in groups:
        for segment, places in places_by_number(basis.segments[group.rows]):
            rows = group.rows[places]
            name = basis.names[segment]
            tally[name] = tally[name] + _bill(kinds[:, rows], basis.weights[rows], group, found.is_guess[rows])
    return tally


def row_costs(
    replies: ReplyColumns,
    rows: Flags,
    dates: Numbers,
    prices: PricesOf,
    *,
    model: str,
    other: ReplyColumns | None = None,
    arrived_us: Numbers | None = None,
) -> Floats:
    """What each row's reply costs, in US dollars and unweighted; NaN where nobody knows it, and in rows that are not asked for.

    Weighted and summed it is the `usd` of `token_bills`, to the cent.

    Args:
        replies: One arm's.
        rows: Which rows are priced.
        dates: UTC days since 1970 on which they fell.
        prices: The price of a model at a moment, in a service tier.
        model: Of replies that do not name theirs.
        other: As for `token_bills`.
        arrived_us: As of `Basis`.
    """
    found = with_estimates(replies, rows, other).replies
    costs, kinds = np.full(len(rows), np.nan), _kinds(found)
    for group in _priced(found, rows, dates, prices, model, arrived_us):
        if group.prices is not None:
            table = np.array([[float(rate or 0) for rate in rates_of(level)] for level in _levels(group.prices)])
            usd = (kinds[:, group.rows] * table[_level(kinds[:, group.rows], group.prices)].T).sum(axis=0)
            costs[group.rows] = usd / float(MILLION)
    return costs


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Rows of one model, day and tier; `prices` None = nobody knows them."""

    rows: Numbers
    name: str
    prices: Prices | None
    tier: str = ""


def _priced(
    replies: ReplyColumns, rows: Flags, dates: Numbers, prices: PricesOf, model: str, arrived_us: Numbers | None
) -> Iterator[_Group]:
    """The rows that have counts, by what decides their price."""
    at = np.flatnonzero(rows & replies.is_there & ~np.isnan(replies.input_tokens) & ~np.isnan(replies.output_tokens))
    models, names = codes(replies.models)
    tiers, words = codes(replies.service_tiers)
    key = (dates[at] * len(names) + models[at]) * len(words) + tiers[at]
    for number, places in places_by_number(key):
        rest, tier = divmod(number, len(words))
        date, code = divmod(rest, len(names))
        named, said = names[code] or model, words[tier]
        found = prices(named, EPOCH + timedelta(days=date), said)
        if found is None or not found.is_complete:
            yield _Group(at[places], priced_name(named, said), None)
        elif found.varies_by_hour and arrived_us is not None:
            for slot, inner in places_by_number(arrived_us[at[places]] // _SLOT_US):
                yield _Group(at[places][inner], named, prices(named, EPOCH + slot * SLOT, said), said)
        else:
            yield _Group(at[places], named, found, said)


def _kinds(replies: ReplyColumns) -> NDArray[np.float64]:
    """Tokens of each kind that has a price (`Rates`), one column a row; audio that was also cached counts as cached."""
    inputs, outputs = replies.input_tokens, replies.output_tokens
    cached = np.minimum(np.nan_to_num(replies.cached_input_tokens), inputs)
    written = np.minimum(np.nan_to_num(replies.cache_write_tokens), inputs - cached)
    heard = np.minimum(np.nan_to_num(replies.audio_input_tokens), inputs - cached - written)
    spoken = np.minimum(np.nan_to_num(replies.audio_output_tokens), outputs)
    return np.stack([inputs - cached - written - heard, cached, written, heard, outputs - spoken, spoken])


def _levels(prices: Prices) -> tuple[Prices | PriceTier, ...]:
    return prices, *prices.tiers


def _level(kinds: NDArray[np.float64], prices: Prices) -> Numbers:
    """Which prices a request of such a length has: how many starts of tiers lie below its input."""
    starts = np.array([tier.above_input_tokens for tier in prices.tiers], dtype=np.float64)
    return np.asarray(np.searchsorted(starts, kinds[:4].sum(axis=0), side="left"), dtype=np.int64)


def _bill(kinds: NDArray[np.float64], weights: Floats, group: _Group, is_guess: Flags) -> TokenBill:
    prices = group.prices
    if prices is None:
        tokens = _tokens(kinds, weights, group, (None,) * len(kinds), 0)
        return TokenBill(unpriced=frozenset({group.name}), tokens=tokens, unpriced_replies=_weight(weights))
    level, tokens = _level(kinds, prices), {}
    for number, each in enumerate(_levels(prices)):
        chosen = level == number
        above = each.above_input_tokens if isinstance(each, PriceTier) else 0
        tokens |= _tokens(kinds[:, chosen], weights[chosen], group, rates_of(each), above)
    usd = sum((many * (rate.usd_per_million_tokens or Decimal(0)) for rate, many in tokens.items()), Decimal(0))
    return TokenBill(
        usd=usd / MILLION,
        replies=_weight(weights),
        estimated=_weight(weights[is_guess]),
        sources=frozenset({prices.source}),
        tokens=tokens,
    )


def _tokens(
    kinds: NDArray[np.float64], weights: Floats, group: _Group, rates: tuple[Decimal | None, ...], above: int
) -> dict[TokenRate, Decimal]:
    """Tokens by kind, weighted, at the prices of one length of requests; kinds of which there are none are left out."""
    source = group.prices.source if group.prices is not None else ""
    sums = (kinds * weights).sum(axis=1)
    return {
        TokenRate(group.name, group.tier, above, kind, rate, source): _exact(many)
        for kind, (many, rate) in enumerate(zip(sums, rates, strict=True))
        if many
    }


def _tally(found: Estimated, basis: Basis, *, has_invoice: bool) -> Bills:
    """Of each segment that has rows, what is not a matter of price."""
    replies, outputs = found.replies, np.nan_to_num(found.replies.output_tokens) * basis.weights
    is_counted = replies.is_there & ~np.isnan(replies.input_tokens) & ~np.isnan(replies.output_tokens)
    bills = {}
    for segment, places in places_by_number(basis.segments):
        here = places[basis.rows[places]]
        if len(here):
            bills[basis.names[segment]] = TokenBill(
                uncounted=_weight(basis.weights[here[(replies.answered & ~is_counted)[here]]]),
                absent=_weight(basis.weights[here[~replies.is_there[here]]]),
                estimated_output_tokens=_weight(outputs[here[found.is_guess[here]]]),
                output_tokens=_weight(outputs[here]),
                has_invoice=has_invoice,
            )
    return bills


def _weight(values: Floats) -> Decimal:
    return _exact(values.sum())


def _exact(value: np.float64) -> Decimal:
    return Decimal(repr(float(value)))
