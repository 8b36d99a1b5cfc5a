"""What several exports say together: they complete each other, and of two that say the same the later one counts."""

from datetime import date
from decimal import Decimal

import pytest

from app.domain.invoices import ALL_MODELS, InvoiceLine
from app.pipeline.invoices import collisions_of, together

DAY, NEXT = date(2026, 11, 2), date(2026, 11, 3)
TOKENS = InvoiceLine(DAY, "gpt-5.1", requests=1, input_tokens=10, facts={"tiers": ["batch"]})
USD = InvoiceLine(DAY, "GPT-5.1", usd=Decimal(2), facts={"usd_by_kind": {"input": "2"}})
WHOLE = InvoiceLine(DAY, "gpt-5.1", requests=3, input_tokens=30, usd=Decimal(9))
ALL = InvoiceLine(DAY, ALL_MODELS, usd=Decimal(5))
OTHER = InvoiceLine(DAY, "o3", usd=Decimal(1))


def test_tokens_of_one_and_dollars_of_another_are_one_line() -> None:
    for files in ([("a", [TOKENS]), ("b", [USD])], [("b", [USD]), ("a", [TOKENS])]):
        (line,) = together(files, str.lower)
        assert (line.input_tokens, line.usd) == (10, Decimal(2))
        assert line.facts == {"tiers": ["batch"], "usd_by_kind": {"input": "2"}}


@pytest.mark.parametrize(
    ("files", "tokens", "usd"),
    [
        ([[USD], [WHOLE]], 30, {"gpt-5.1": 9}),
        ([[WHOLE], [USD]], 30, {"gpt-5.1": 2}),
        ([[WHOLE], [TOKENS]], 10, {"gpt-5.1": 9}),
        ([[USD, OTHER], [ALL]], None, {ALL_MODELS: 5}),
        ([[ALL], [USD]], None, {"gpt-5.1": 2}),
        ([[ALL], [USD], [OTHER]], None, {"gpt-5.1": 2, "o3": 1}),
        ([[ALL, USD]], None, {ALL_MODELS: 5, "gpt-5.1": 2}),
    ],
)
def test_the_later_file_counts_where_both_say_the_same(
    files: list[list[InvoiceLine]], tokens: int | None, usd: dict[str, int]
) -> None:
    found = together([(str(number), lines) for number, lines in enumerate(files)], str.lower)
    assert {line.model.lower(): line.usd for line in found if line.usd is not None} == usd
    assert next((line.input_tokens for line in found if line.has_tokens), None) == tokens


@pytest.mark.parametrize(
    ("new", "there", "collides"),
    [
        (USD, [TOKENS], False),
        (USD, [WHOLE], True),
        (TOKENS, [WHOLE], True),
        (USD, [OTHER], False),
        (USD, [ALL], True),
        (ALL, [OTHER], True),
        (TOKENS, [ALL], False),
        (InvoiceLine(NEXT, "gpt-5.1", usd=Decimal(2)), [WHOLE], False),
    ],
)
def test_files_collide_where_they_say_the_same_of_a_day_and_model(
    new: InvoiceLine, there: list[InvoiceLine], collides: bool
) -> None:
    found = list(collisions_of([new], [("old.csv", there)], str.lower))
    assert [each.file_name for each in found] == (["old.csv"] if collides else [])
