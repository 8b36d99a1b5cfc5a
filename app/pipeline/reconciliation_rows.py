"""Rows of a reconciliation: sums of pairs of both sides, and by how much they differ."""

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from app.domain.invoices import TOKENS
from app.domain.reconciliation import ReconciledCount, ReconciledMoney, ReconciledRow
from app.pipeline.reconciliation_sides import Side

WIDE = 1.96
# What was measured of a day and model, and what was invoiced.
Pair: TypeAlias = tuple[Side, Side]


def row_of(pairs: Sequence[Pair], *, is_sampled: bool, day: date | None = None, model: str | None = None) -> ReconciledRow:
    """The sum of pairs, each number over the pairs in which both sides know it."""
    counts = {name: _count(pairs, name) for name in TOKENS}
    number = sum(measured.n for measured, _ in pairs)
    return ReconciledRow(day=day, model=model, n=number, usd=money_of(pairs, is_sampled=is_sampled), **counts)


def money_of(pairs: Sequence[Pair], *, is_sampled: bool) -> ReconciledMoney:
    """Dollars of the pairs in which both sides have some; with the range of a sample."""
    both = [(ours, theirs) for ours, theirs in pairs if ours.usd is not None and theirs.usd is not None]
    if not both:
        known = [ours.usd for ours, _ in pairs if ours.usd is not None]
        return ReconciledMoney(measured=sum(known, Decimal(0)) if len(known) == len(pairs) and known else None)
    ours = sum((side.usd or Decimal(0) for side, _ in both), Decimal(0))
    theirs = sum((side.usd or Decimal(0) for _, side in both), Decimal(0))
    spread = Decimal(repr(WIDE * math.sqrt(sum(side.usd_variance for side, _ in both))))
    low, high = (ours - spread, ours + spread) if is_sampled else (None, None)
    rate = difference_rate(float(ours), float(theirs))
    return ReconciledMoney(measured=ours, invoiced=theirs, difference_rate=rate, measured_low=low, measured_high=high)


def largest_rate(row: ReconciledRow) -> float | None:
    """By how much more was measured: of the dollars, else of the tokens, else of the requests."""
    known = [count.difference_rate for count in (row.usd, row.input_tokens, row.requests) if count.difference_rate is not None]
    return known[0] if known else None


def difference_rate(measured: float, invoiced: float) -> float:
    """Measured / invoiced - 1; something measured where nothing was invoiced is a difference of the whole."""
    if invoiced > 0:
        return measured / invoiced - 1
    return 0.0 if measured == invoiced else 1.0


def _count(pairs: Sequence[Pair], name: str) -> ReconciledCount:
    both = [(getattr(ours, name), getattr(theirs, name)) for ours, theirs in pairs]
    known = [(ours, theirs) for ours, theirs in both if ours is not None and theirs is not None]
    if not known:
        ours = [value for value, _ in both if value is not None]
        return ReconciledCount(measured=sum(ours) if ours else None)
    measured, invoiced = (float(sum(side)) for side in zip(*known, strict=True))
    return ReconciledCount(measured=measured, invoiced=invoiced, difference_rate=difference_rate(measured, invoiced))
