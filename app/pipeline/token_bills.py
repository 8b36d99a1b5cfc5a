"""What the tokens of stored replies cost, by segment: each reply at the price of its model on its day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from app.costs.prices import MILLION, Prices, PriceTier, is_vendor, prices_of, without_snapshot
from app.costs.token_bill import TokenBill
from app.domain.configuration import CandidateTable, PilotConfiguration
from app.domain.evidence import Flags, Floats, Numbers, ReplyColumns, codes, places_by_number
from app.pipeline.closing import EPOCH

PricesOf = Callable[[str, datetime], Prices | None]
Bills = dict[str, TokenBill]


def is_paid_by_token(table: CandidateTable) -> bool:
    """Own token prices, else rent, else the vendor's list prices where the address is a known vendor's."""
    if table.input_usd_per_million_tokens is not None or table.output_usd_per_million_tokens is not None:
        return True
    return table.gpu_usd_per_hour is None and is_vendor(table.base_url)


def candidate_prices(table: CandidateTable) -> PricesOf:
    """The candidate's own prices, by the token."""
    return lambda _, at: prices_of(table.model, own=table, at=at, base_url=table.base_url)


def incumbent_prices(configuration: PilotConfiguration) -> PricesOf:
    """Own prices are those of the whole arm; else each reply's model is looked up."""
    table = configuration.incumbent
    has_both = table.input_usd_per_million_tokens is not None and table.output_usd_per_million_tokens is not None

    def prices(model: str, at: datetime) -> Prices | None:
        if has_both or model == table.model or without_snapshot(model) == table.model:
            return prices_of(table.model, own=table, at=at, base_url=table.base_url)
        return prices_of(model, own=None, at=at, base_url=table.base_url)

    return prices


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Which rows are billed, how much each weighs, on which UTC date it fell and to which segment it belongs."""

    rows: Flags
    weights: Floats
    dates: Numbers
    segments: Numbers
    names: list[str]


def token_bills(replies: ReplyColumns, basis: Basis, prices: PricesOf, *, model: str) -> Bills:
    """The bill of each segment that has rows.

    Args:
        replies: One arm's.
        basis: Which rows are billed.
        prices: The price of a model at a moment.
        model: Of replies that do not name theirs.
    """
    counted = basis.rows & replies.is_there & ~np.isnan(replies.input_tokens) & ~np.isnan(replies.output_tokens)
    uncounted = basis.rows & replies.answered & ~counted
    absent = basis.rows & ~replies.is_there
    models, names = codes(replies.models)
    bills = {}
    for segment, name in enumerate(basis.names):
        here = basis.segments == segment
        if not (basis.rows & here).any():
            continue
        bill = TokenBill(uncounted=_weight(basis.weights[uncounted & here]), absent=_weight(basis.weights[absent & here]))
        groups = np.stack([models, basis.dates])[:, counted & here]
        for number, date in sorted(set(zip(*groups.tolist(), strict=True))):
            chosen = counted & here & (models == number) & (basis.dates == date)
            named = names[number] or model
            bill = bill + _bill(replies, chosen, basis.weights, named, prices(named, EPOCH + timedelta(days=date)))
        bills[name] = bill
    return bills


def row_costs(replies: ReplyColumns, rows: Flags, dates: Numbers, prices: PricesOf, *, model: str) -> Floats:
    """What each row's reply costs, in US dollars and unweighted; NaN where nobody knows it, and in rows that are not asked for.

    Weighted and summed it is what `token_bills` says, to the cent.

    Args:
        replies: One arm's.
        rows: Which rows are priced.
        dates: UTC days since 1970 on which they fell.
        prices: The price of a model at a moment.
        model: Of replies that do not name theirs.
    """
    costs = np.full(len(rows), np.nan)
    at = np.flatnonzero(rows & replies.is_there & ~np.isnan(replies.input_tokens) & ~np.isnan(replies.output_tokens))
    models, names = codes(replies.models)
    for number, places in places_by_number(models[at] + dates[at] * len(names)):
        date, code = divmod(number, len(names))
        named = names[code] or model
        found, chosen = prices(named, EPOCH + timedelta(days=date)), at[places]
        if found is not None and found.is_complete:
            costs[chosen] = _row_usd(replies, chosen, found)
    return costs


def _row_usd(replies: ReplyColumns, chosen: Numbers, prices: Prices) -> Floats:
    levels: tuple[Prices | PriceTier, ...] = (prices, *prices.tiers)
    rates = np.array([_rates(rate) for rate in levels], dtype=np.float64)
    inputs, outputs = replies.input_tokens[chosen], replies.output_tokens[chosen]
    cached = np.minimum(np.nan_to_num(replies.cached_input_tokens[chosen]), inputs)
    level = np.searchsorted([tier.above_input_tokens for tier in prices.tiers], inputs, side="left")
    usd = (inputs - cached) * rates[level, 0] + cached * rates[level, 1] + outputs * rates[level, 2]
    return np.asarray(usd / float(MILLION), dtype=np.float64)


def _rates(rate: Prices | PriceTier) -> tuple[Decimal, Decimal, Decimal]:
    whole = rate.input_usd_per_million_tokens or Decimal(0)
    cached = rate.cached_input_usd_per_million_tokens
    return whole, whole if cached is None else cached, rate.output_usd_per_million_tokens or Decimal(0)


def _bill(replies: ReplyColumns, chosen: Flags, weights: Floats, model: str, prices: Prices | None) -> TokenBill:
    if prices is None or not prices.is_complete:
        return TokenBill(unpriced=frozenset({model}))
    starts = np.array([tier.above_input_tokens for tier in prices.tiers])
    level = np.searchsorted(starts, replies.input_tokens, side="left")  # how many starts lie below the input
    rates: tuple[Prices | PriceTier, ...] = (prices, *prices.tiers)
    usd = sum((_usd(replies, chosen & (level == number), weights, rate) for number, rate in enumerate(rates)), Decimal(0))
    return TokenBill(usd=usd, replies=_weight(weights[chosen]))


def _usd(replies: ReplyColumns, rows: Flags, weights: Floats, rate: Prices | PriceTier) -> Decimal:
    inputs, weight = replies.input_tokens[rows], weights[rows]
    cached = np.minimum(np.nan_to_num(replies.cached_input_tokens[rows]), inputs)
    cached_price = rate.cached_input_usd_per_million_tokens
    parts = (
        (inputs - cached, rate.input_usd_per_million_tokens),
        (cached, cached_price if cached_price is not None else rate.input_usd_per_million_tokens),
        (replies.output_tokens[rows], rate.output_usd_per_million_tokens),
    )
    return sum((_weight(tokens * weight) * (price or Decimal(0)) for tokens, price in parts), Decimal(0)) / MILLION


def _weight(values: Floats) -> Decimal:
    return Decimal(repr(float(values.sum())))
