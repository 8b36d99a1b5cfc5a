"""Bills of tokens: what is known, what is estimated, and when that is too much."""

import doctest
from decimal import Decimal

import pytest

from app.costs import token_bill
from app.costs.token_bill import TokenBill


def test_the_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(token_bill)
    assert (result.attempted > 0, result.failed) == (True, 0)


@pytest.mark.parametrize(
    ("bill", "total"),
    [
        (TokenBill(), Decimal(0)),
        (TokenBill(usd=Decimal(10), replies=Decimal(10)), Decimal(10)),
        (TokenBill(usd=Decimal(10), replies=Decimal(10), unpriced=frozenset({"x"})), None),
        (TokenBill(uncounted=Decimal(1)), None),
        (TokenBill(absent=Decimal(1)), None),
        (TokenBill(usd=Decimal(10), replies=Decimal(10), absent=Decimal(10)), Decimal(20)),
    ],
)
def test_bills(bill: TokenBill, total: Decimal | None) -> None:
    assert bill.total_usd == total


def test_bills_of_two_segments_add_up() -> None:
    both = TokenBill(usd=Decimal(1), replies=Decimal(2)) + TokenBill(
        usd=Decimal(3), replies=Decimal(2), unpriced=frozenset({"x"})
    )
    assert (both.usd, both.replies, both.unpriced) == (Decimal(4), Decimal(4), frozenset({"x"}))


def estimated(tokens: int, *, has_invoice: bool = False) -> TokenBill:
    return TokenBill(
        usd=Decimal(10), replies=Decimal(10), estimated=Decimal(1), estimated_output_tokens=Decimal(tokens),
        output_tokens=Decimal(1000), has_invoice=has_invoice,
    )  # fmt: skip


@pytest.mark.parametrize(("tokens", "total"), [(0, 10), (50, 10), (51, None), (1000, None)])
def test_above_five_percent_of_estimated_output_the_total_is_unknown(tokens: int, total: int | None) -> None:
    bill = estimated(tokens)
    assert bill.total_usd == total
    assert ("stream_options.include_usage" in bill.lack) is (total is None)
    assert estimated(tokens, has_invoice=True).total_usd == 10


def test_the_share_is_that_of_all_segments_together() -> None:
    assert (estimated(60) + estimated(0)).total_usd == 20
    assert (estimated(60) + estimated(60)).total_usd is None
    assert (estimated(60) + estimated(60, has_invoice=True)).has_invoice


def test_an_invoice_counts_no_reply_that_nobody_could_estimate() -> None:
    assert TokenBill(usd=Decimal(1), replies=Decimal(1), uncounted=Decimal(9), has_invoice=True).total_usd is None
