"""Bills by segment and costs by row say the same; each reply at the price of its model, day and tier."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.costs.arm_prices import incumbent_prices
from app.costs.rates import Prices, PriceTier, cost_usd
from app.costs.token_bill import TokenBill
from app.domain.exchange import Usage
from app.pipeline.closing import EPOCH
from app.pipeline.token_bills import Basis, Bills, row_costs, token_bills
from tests.builders import a_configuration
from tests.unit.pipeline.made_replies import Made, replies

DAY = 20_759  # 2 November 2026
CENT = Decimal("0.005")
NAMES = ["a", "b"]
P = [Decimal(price) for price in ("1.25", "0.125", "10", "1.6", "32", "64")]


def prices(model: str, at: datetime, tier: str) -> Prices | None:
    """Half of it in the tier flex, twice as much from the next day on, and an unknown model."""
    if model == "unknown":
        return None
    factor = (Decimal("0.5") if tier == "flex" else 1) * (2 if (at - EPOCH).days > DAY else 1)
    p = [price * factor for price in P]
    long = PriceTier(2000, 2 * p[0], 2 * p[1], 2 * p[2], 2 * p[3])
    return Prices(p[0], p[1], p[2], "test", (long,), p[3], p[4], p[5])


def basis(
    rows: Sequence[Made], *, weights: Sequence[float] = (), dates: Sequence[int] = (), segments: Sequence[int] = ()
) -> Basis:
    many = len(rows)
    return Basis(
        np.ones(many, dtype=bool),
        np.array(weights or [1.0] * many),
        np.array(dates or [DAY] * many, dtype=np.int64),
        np.array(segments or [0] * many, dtype=np.int64),
        NAMES,
    )


def whole(bills: Bills) -> TokenBill:
    return sum(bills.values(), TokenBill())


def usage(row: Made) -> Usage:
    counts: list[Any] = [row.inputs, row.cached, row.outputs, row.reasoning, row.written, row.heard, row.spoken]
    return Usage(*counts)


COUNT = st.none() | st.integers(0, 5000)
ROWS = st.lists(
    st.tuples(
        st.builds(
            Made, inputs=st.integers(0, 5000), outputs=st.integers(0, 5000), cached=COUNT, written=COUNT, heard=COUNT,
            spoken=COUNT, model=st.sampled_from(["", "m", "unknown"]), tier=st.sampled_from(["", "flex"]),
            failure=st.sampled_from(["", "timeout"]), there=st.booleans(),
        ),
        st.sampled_from([1.0, 2.0, 10.0]), st.integers(DAY, DAY + 2), st.integers(0, 1),
    ),
    min_size=1, max_size=30,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_the_sum_of_all_replies_is_the_bill_to_the_cent(found: list[tuple[Made, float, int, int]]) -> None:
    rows, weights, dates, segments = (list(each) for each in zip(*found, strict=True))
    based = basis(rows, weights=weights, dates=dates, segments=segments)
    bills = token_bills(replies(rows), based, prices, model="own")
    costs = row_costs(replies(rows), based.rows, based.dates, prices, model="own")
    each = [
        cost_usd(usage(row), price) if row.there and (price := _price(row, date)) is not None else None
        for row, date in zip(rows, dates, strict=True)
    ]
    expected = sum((usd * Decimal(weight) for usd, weight in zip(each, weights, strict=True) if usd is not None), Decimal(0))
    assert abs(whole(bills).usd - expected) < Decimal("1e-9")
    assert abs(Decimal(float(np.nansum(costs * based.weights))) - expected) < CENT
    assert [np.isnan(cost) for cost in costs] == [usd is None for usd in each]
    assert set(bills) == {NAMES[segment] for segment in segments}
    for place, name in enumerate(NAMES):
        mine = [(u, w) for u, w, s in zip(each, weights, segments, strict=True) if s == place and u is not None]
        here = sum((usd * Decimal(weight) for usd, weight in mine), Decimal(0))
        assert abs(bills.get(name, TokenBill()).usd - here) < Decimal("1e-9")


def _price(row: Made, date: int) -> Prices | None:
    return prices(row.model, EPOCH + timedelta(days=date), row.tier)


@pytest.mark.parametrize(
    ("row", "date", "usd"),
    [
        (Made(1_000, 0), DAY, "0.00125"),
        (Made(1_000, 0, tier="flex"), DAY, "0.000625"),
        (Made(1_000, 0), DAY + 1, "0.0025"),
        (Made(2_000, 0), DAY, "0.0025"),
        (Made(2_001, 0), DAY, "0.0050025"),  # a long request has another price from its first token on
        (Made(1_000, 0, cached=1_000), DAY, "0.000125"),
        (Made(1_000, 0, written=1_000), DAY, "0.0016"),
        (Made(1_000, 0, heard=1_000), DAY, "0.032"),
        (Made(0, 1_000), DAY, "0.01"),
        (Made(0, 1_000, spoken=1_000), DAY, "0.064"),
        (Made(0, 1_000, reasoning=900), DAY, "0.01"),
        (Made(1_000, 0, failure="empty"), DAY, "0.00125"),  # billed although it was of no use
    ],
)
def test_a_reply_has_the_price_of_its_kinds_of_tokens(row: Made, date: int, usd: str) -> None:
    bills = token_bills(replies([row]), basis([row], dates=[date]), prices, model="own")
    assert bills["a"].usd == Decimal(usd)
    assert bills["a"].sources == {"test"}


def test_an_unknown_price_is_named_with_its_tier_and_never_zero() -> None:
    rows = [Made(model="unknown"), Made(model="unknown", tier="scale"), Made()]
    bill = token_bills(replies(rows), basis(rows), prices, model="own")["a"]
    assert bill.unpriced == {"unknown", "unknown (service tier scale)"}
    assert bill.total_usd is None


def test_a_price_of_part_of_the_day_is_that_of_the_hour() -> None:
    configuration = a_configuration(incumbent={"base_url": "https://api.deepseek.com", "model": "deepseek-v4-flash"})
    hours = np.array([DAY * 24, DAY * 24 + 2], dtype=np.int64)
    rows, of_day = [Made(10**6, 0)] * 2, incumbent_prices(configuration)
    arguments = replies(rows), np.ones(2, dtype=bool), hours // 24, of_day
    by_hour = row_costs(*arguments, model="deepseek-v4-flash", arrived_us=hours * 3_600_000_000)
    assert by_hour[0] * 2 == pytest.approx(by_hour[1])
    assert row_costs(*arguments, model="deepseek-v4-flash")[1] == pytest.approx(by_hour[0])


def test_what_has_no_counts_and_no_estimate_is_uncounted_and_what_was_not_asked_is_absent() -> None:
    rows = [Made(), Made(inputs=None, outputs=None), Made(inputs=None, outputs=None, failure="timeout"), Made(there=False)]
    bill = token_bills(replies(rows), basis(rows, weights=[1, 2, 4, 8]), prices, model="own")["a"]
    assert [bill.replies, bill.uncounted, bill.absent, bill.estimated] == [1, 2, 8, 0]


def test_estimates_are_priced_and_marked_and_too_many_are_too_many() -> None:
    counted, lost = Made(1_000, 100), Made(None, None)
    rows, other = [counted] * 95 + [lost] * 5, [Made(500)] * 100
    bill = token_bills(replies(rows), basis(rows), prices, model="own", other=replies(other))["a"]
    assert [bill.replies, bill.estimated, bill.estimated_output_tokens, bill.output_tokens] == [100, 5, 500, 10_000]
    one = token_bills(replies([counted]), basis([counted]), prices, model="own")["a"].usd
    assert bill.total_usd == one * 100
    rows[0] = lost
    many = token_bills(replies(rows), basis(rows), prices, model="own", other=replies(other))["a"]
    assert many.total_usd is None
    assert "stream_options.include_usage" in many.lack
    held = token_bills(replies(rows), basis(rows), prices, model="own", other=replies(other), has_invoice=True)["a"]
    assert held.total_usd == one * 100


def test_without_any_usage_the_other_arms_counts_and_an_invoice_that_agrees_make_a_total() -> None:
    rows, other = [Made(None, None)] * 100, [Made(1_000)] * 100
    found = {
        held: token_bills(replies(rows), basis(rows), prices, model="own", other=replies(other), has_invoice=held)["a"]
        for held in (False, True)
    }
    assert [found[True].replies, found[True].estimated, found[True].uncounted] == [100, 100, 0]
    assert found[True].total_usd == Decimal("0.225")  # 1,000 tokens at 1.25 a million and 100 at 10, a hundred times
    assert found[True].lack == ""
    assert (found[False].total_usd, found[False].needs_invoice) == (None, True)
    costs = row_costs(replies(rows), np.ones(100, dtype=bool), np.full(100, DAY), prices, model="own", other=replies(other))
    assert costs == pytest.approx(0.00225)


def test_a_bill_is_the_same_whatever_came_on_days_that_do_not_count() -> None:
    rows, other = [Made(1_000, 100), Made(None, None)], [Made(500), Made(500)]
    late = [Made(9_000, 9_000, chars=10)] * 5
    alone = token_bills(replies(rows), basis(rows), prices, model="own", other=replies(other))
    both = rows + late
    based = replace(basis(both), rows=np.array([True] * 2 + [False] * 5))
    assert token_bills(replies(both), based, prices, model="own", other=replies(other + [Made()] * 5)) == alone
    of_rows = row_costs(replies(both), based.rows, based.dates, prices, model="own", other=replies(other + [Made()] * 5))
    assert float(np.nansum(of_rows)) == pytest.approx(float(alone["a"].usd))
