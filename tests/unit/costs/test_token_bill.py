"""Bills of tokens: what is known, what is estimated, and when that is too much."""

import doctest
from dataclasses import replace
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


def a_bill(factor: int, name: str, *, has_invoice: bool) -> TokenBill:
    n = [Decimal(factor * number) for number in range(1, 8)]
    return TokenBill(n[0], n[1], n[2], n[3], frozenset(name), n[4], n[5], n[6], has_invoice, frozenset(name.upper()))


def test_every_part_of_two_bills_adds_up() -> None:
    both = a_bill(1, "a", has_invoice=False) + a_bill(10, "b", has_invoice=True)
    assert both == replace(a_bill(11, "ab", has_invoice=True), unpriced=frozenset("ab"), sources=frozenset("AB"))


NOTHING = "and nothing to estimate them from: set stream_options.include_usage"


@pytest.mark.parametrize(
    ("bill", "needs"),
    [
        (TokenBill(replies=Decimal(10)), False),
        (estimated(60), True),
        (estimated(60, has_invoice=True), False),
        (estimated(60) + TokenBill(uncounted=Decimal(9)), False),
        (TokenBill(uncounted=Decimal(9)), False),
        (TokenBill(absent=Decimal(9)), False),
    ],
)
def test_an_invoice_is_asked_for_only_where_it_would_help(bill: TokenBill, needs: bool) -> None:
    assert bill.needs_invoice is needs
    assert "invoice" not in bill.lack


@pytest.mark.parametrize(
    ("bill", "words"),
    [
        (TokenBill(replies=Decimal(95), uncounted=Decimal(5)), ""),
        (TokenBill(replies=Decimal(10), uncounted=Decimal(1)), f"1 replies have none, {NOTHING}"),
        (
            TokenBill(uncounted=Decimal(1200), output_tokens=Decimal(9)),
            f"1,200 replies have none, {NOTHING}",
        ),
        (TokenBill(absent=Decimal(3)), "the arm was never asked"),
        (estimated(60), "6 % of its output tokens are of estimated replies, more than 5 %: set stream_options.include_usage"),
    ],
)
def test_what_is_lacking_is_said(bill: TokenBill, words: str) -> None:
    assert bill.lack.partition(" = true")[0] == words


def test_few_uncounted_beside_many_estimates_are_not_the_reason() -> None:
    bill = estimated(60) + TokenBill(replies=Decimal(85), uncounted=Decimal(5))
    assert bill.lack.startswith("6 %")
