"""What several files say together: the same model under two names is one, and lines of one file add up."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.domain.invoices import ALL_MODELS, InvoiceLine
from app.pipeline.invoices import collisions_of, together
from app.pipeline.reconciliation_sides import key_of

DAY = date(2026, 11, 2)
SAME = key_of("https://api.openai.com/v1")


def line(model: str = "gpt-5.1", **numbers: Any) -> InvoiceLine:
    return InvoiceLine(DAY, model, **numbers)


TOKENS = {"requests": 10, "input_tokens": 1000, "output_tokens": 100}
USD = Decimal("1.5")


@pytest.mark.parametrize(
    ("before", "after", "is_the_same"),
    [
        (line("gpt-5.1-2025-11-13", **TOKENS), line("gpt-5.1", **TOKENS, usd=USD), True),
        (line("GPT-5.1", usd=USD), line("gpt-5.1-2025-11-13", usd=USD), True),
        (line("Our-Model", usd=USD), line("our-model", usd=USD), True),
        (line(ALL_MODELS, usd=USD), line("gpt-5.1-2025-11-13", usd=USD), True),
        (line("gpt-5.1-2025-11-13", **TOKENS), line("gpt-5.1", usd=USD), False),
        (line("gpt-5.1", usd=USD), line("gpt-5.1-mini", usd=USD), False),
    ],
)
def test_two_names_of_one_model_are_a_collision_and_never_add_up(
    before: InvoiceLine, after: InvoiceLine, is_the_same: bool
) -> None:
    files = [("before.csv", [before]), ("after.csv", [after])]
    found = [(each.model, each.file_name) for each in collisions_of([after], files[:1], SAME)]
    assert found == ([(after.model, "before.csv")] if is_the_same else [])
    both = together(files, SAME)
    for name in ("input_tokens", "usd"):
        known = [getattr(each, name) for each in (before, after) if getattr(each, name) is not None]
        told = [getattr(each, name) for each in both if getattr(each, name) is not None]
        assert sum(told) == sum(known[-1:] if is_the_same else known)


def test_snapshots_in_one_file_are_apart_and_both_count() -> None:
    lines = [line("gpt-5.1", **TOKENS), line("gpt-5.1-2025-11-13", **TOKENS)]
    assert together([("usage.csv", lines)], SAME) == tuple(lines)


def test_lines_of_one_file_in_two_letter_cases_add_up() -> None:
    lines = [line("gpt-4o", usd=Decimal("0.3"), facts={"tiers": ["batch"]}), line("GPT-4o", usd=Decimal(5), output_tokens=7)]
    (found,) = together([("costs.csv", lines)], SAME)
    assert (found.usd, found.output_tokens, found.input_tokens) == (Decimal("5.3"), 7, None)
    assert found.facts == {"tiers": ["batch"]}
