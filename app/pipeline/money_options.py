"""Other ways out at the measured tokens: the vendor's cheaper models, open weights that somebody else serves, own options."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from app.costs.alternatives import Alternative, cheaper_tiers, managed_hosts
from app.costs.month_draws import range_of
from app.costs.prices import OWN, cost_usd, prices_of
from app.domain.cost_figures import OptionModel
from app.domain.estimate_models import MoneyEstimate
from app.domain.exchange import Usage
from app.domain.money_table import OptionTable
from app.pipeline.money import Money, incumbent_usd
from app.pipeline.month_tokens import MonthTokens
from app.pipeline.saving import factors_of, spread_in

UNTESTED = "its quality is not tested: only a pilot can say whether it is good enough"
SAME_TOKENS = "at the incumbent's token counts: another model counts and writes its own"
# A contract on the vendor's list may hold for its other models too; nobody said so.
LISTED = "at list prices, without your discount"
METHOD = "monte_carlo"
# A host that is asked for a few models is enough to see what "cheaper without operations" would cost.
MOST = 4
# An option that is not at least this much cheaper is none.
WORTH_SAYING = Decimal("0.99")


def options_of(money: Money) -> list[OptionModel]:
    """The pilot's own options and those that the price table knows, each at the incumbent's measured tokens."""
    stays, tokens, at = incumbent_usd(money, None), money.tokens, money.ends_at
    if tokens is None or at is None:
        return []
    found = [*_own(money, tokens, at), *_listed(money, tokens, at, stays)]
    ends = range_of(factors_of(spread_in(money, None)).incumbent)
    n = sum(each.conversations for each in money.moments.values())
    asked = {table.model for table in money.configuration.candidate}
    return [
        option.model_copy(update=_ranged(option, stays, ends, n) | ({"is_tested": True} if option.name in asked else {}))
        for option in found
    ]


def _own(money: Money, tokens: MonthTokens, at: datetime) -> Iterator[OptionModel]:
    for table in money.configuration.option:
        usd, source = _priced(table, tokens, at)
        words = _words(money, table.kind, source) if usd is not None else "nobody knows its price: give its token prices"
        yield OptionModel(name=table.name, kind=table.kind, usd_per_month=MoneyEstimate(value=usd), source=source, words=words)


def _priced(table: OptionTable, tokens: MonthTokens, at: datetime) -> tuple[Decimal | None, str]:
    prices = prices_of(table.model, own=table, at=at, base_url=table.base_url)
    if prices is None or not prices.is_complete:
        return None, ""
    usage = Usage(round(tokens.input), round(tokens.cached or 0), round(tokens.output))
    # Without the prices of long requests: a month's tokens are many requests, not one.
    return cost_usd(usage, replace(prices, tiers=())), prices.source


def _listed(money: Money, tokens: MonthTokens, at: datetime, stays: Decimal | None) -> Iterator[OptionModel]:
    incumbent, table = money.configuration.incumbent, money.table
    asked: dict[str, Any] = {
        "input_tokens": tokens.input, "cached_input_tokens": tokens.cached or 0.0, "output_tokens": tokens.output
    }  # fmt: skip
    own = {option.model for option in money.configuration.option}
    tiers = cheaper_tiers(incumbent.model, incumbent.base_url, at, most=MOST, than_usd=stays, **asked)
    hosts = managed_hosts(table.model, at, most=MOST, **asked)
    for found in (*tiers, *hosts):
        is_cheaper = stays is None or found.usd < stays * WORTH_SAYING
        if found.model not in own and is_cheaper:
            yield _option(money, found, found.kind)


def _words(money: Money, kind: str, source: str) -> str:
    is_listed = kind == "vendor_tier" and source != OWN and money.configuration.incumbent.discount_rate > 0
    return "; ".join((*([LISTED] if is_listed else []), SAME_TOKENS, UNTESTED))


def _option(money: Money, found: Alternative, kind: Literal["vendor_tier", "managed"]) -> OptionModel:
    return OptionModel(
        name=found.model if kind == "vendor_tier" else f"{found.model} at {found.vendor}",
        kind=kind,
        usd_per_month=MoneyEstimate(value=found.usd),
        source=found.source,
        words=_words(money, kind, found.source),
    )


def _ranged(option: OptionModel, stays: Decimal | None, ends: tuple[float, float], n: int) -> dict[str, MoneyEstimate]:
    """Its month and what it saves, both as sure as the incumbent's tokens are."""
    usd = option.usd_per_month.value
    if usd is None:
        return {}
    return {
        "usd_per_month": _estimate(usd, ends, n),
        "saving_usd_per_month": _estimate(stays - usd, ends, n) if stays is not None else MoneyEstimate(),
    }


def _estimate(usd: Decimal, ends: tuple[float, float], n: int) -> MoneyEstimate:
    low, high = sorted(float(usd) * end for end in ends)
    return MoneyEstimate(value=usd, low=Decimal(repr(round(low, 6))), high=Decimal(repr(round(high, 6))), n=n, method=METHOD)
