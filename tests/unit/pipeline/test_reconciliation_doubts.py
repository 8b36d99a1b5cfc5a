"""Invoices without dollars, or with unknown numbers: what holds the saving back, and what counts as a check."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.invoices import ALL_MODELS, InvoiceLine
from tests.unit.pipeline.test_reconciliation import DAYS, ONE, SILENT, START, USUAL, Reply, bill, bills, reconciled


def all_models(times: float, **changes: Any) -> list[InvoiceLine]:
    given: dict[str, Any] = {"times": times, "usd": 0, "model": ALL_MODELS}
    return bills(**given | changes)


@pytest.mark.parametrize(
    ("lines", "is_unknown", "is_check", "words"),
    [
        (all_models(30), True, False, "measured input tokens differ by 66.7%"),
        (all_models(30, requests=None), True, False, "more volume"),
        (all_models(10, output_tokens=1100), True, False, "measured output tokens differ by 9.1%"),
        (all_models(10, output_tokens=1040), False, True, ""),
        (all_models(10, **SILENT | {"requests": 30}), False, False, ""),
        (all_models(10, **SILENT | {"requests": 30, "input_tokens": 10_000}), False, False, ""),
        (bills(), False, True, ""),
        (bills(times=20), True, False, "US dollars"),
        ([bill(40)], False, False, ""),
    ],
)
def test_without_dollars_the_tokens_decide_and_only_what_agrees_is_a_check(
    lines: list[InvoiceLine], is_unknown: bool, is_check: bool, words: str
) -> None:
    found = reconciled(USUAL, lines)
    assert (found.is_unknown, found.is_check) == (is_unknown, is_check)
    assert words in found.reason


def test_days_and_models_without_dollars_are_not_lost_beside_those_with_some() -> None:
    one_day = [bill(1, times=10), *[bill(day, times=30, usd=0) for day in range(2, DAYS + 1)]]
    found = reconciled(USUAL, one_day)
    assert found.total.usd.invoiced == ONE * 10
    assert found.total.usd.difference_rate == pytest.approx(0)
    assert (found.is_unknown, found.is_check) == (True, False)
    assert "no dollars to compare" in found.reason
    small = [*USUAL, Reply(1, model="o3", inputs=100, output=10, usd=None)]
    lines = [*bills(), bill(1, model="o3", usd=0, input_tokens=300, output_tokens=30)]
    assert not reconciled(small, lines).is_unknown


def test_an_export_that_is_silent_on_cached_tokens_does_not_say_that_there_were_none() -> None:
    found = reconciled(USUAL, bills(usd=0, cached_input_tokens=None))
    assert (found.usd_is_implied, found.is_unknown) == (True, False)
    assert found.total.usd.difference_rate == pytest.approx(0)


def test_days_without_counts_on_the_invoice_are_not_days_without_tokens() -> None:
    found = reconciled(
        USUAL, [*bills(3, usd=0), *[bill(day, times=10, usd=0, **SILENT | {"requests": 10}) for day in (4, 5, 6)]]
    )
    assert (found.usd_is_implied, found.is_unknown, found.is_check) == (True, False, False)
    assert found.total.usd.measured == pytest.approx(ONE * 30)


def test_over_all_models_an_unknown_price_makes_the_dollars_unknown_and_uncounted_calls_are_like_the_others() -> None:
    costs = [InvoiceLine((START + timedelta(days=day)).date(), ALL_MODELS, usd=ONE * 11) for day in range(DAYS)]
    other = Reply(model="o3", usd=None)
    unpriced = reconciled([*USUAL, *[replace(other, day=day) for day in range(1, DAYS + 1)]], costs)
    assert (unpriced.total.usd.measured, unpriced.is_unknown, unpriced.is_check) == (None, False, False)
    silent = replace(other, inputs=None, output=None, cached=None)
    uncounted = reconciled([*USUAL, *[replace(silent, day=day) for day in range(1, DAYS + 1)]], costs)
    assert uncounted.total.usd.difference_rate == pytest.approx(0)


def test_an_unknown_price_among_models_under_no_name_is_not_free() -> None:
    seen = [*USUAL, *[Reply(day, model="o3", usd=None) for day in range(1, 7)], Reply(1, model="o4-mini", usd=0.0001)]
    found = reconciled(seen, bills())
    assert (found.is_unknown, found.unmatched_models) == (True, ["o3", "o4-mini"])


def test_over_all_models_a_day_needs_the_dollars_of_each_model_or_of_all() -> None:
    mixed = [replace(reply, model="gpt-4o" if n % 2 else reply.model) for n, reply in enumerate(USUAL)]
    by_model = [*bills(5, times=5), *bills(5, times=5, usd=0, model="gpt-4o")]
    last = InvoiceLine((START + timedelta(days=5)).date(), ALL_MODELS, usd=ONE * 10)
    found = reconciled(mixed, [*by_model, last])
    assert (found.total.usd.invoiced, found.is_unknown, found.is_check) == (ONE * 10, False, True)
    whole = [replace(last, day=(START + timedelta(days=day)).date()) for day in range(5)]
    dollars_apart = [replace(line, usd=None) for line in by_model]
    assert reconciled(mixed, [*dollars_apart, *whole, last]).total.usd.invoiced == ONE * 60
