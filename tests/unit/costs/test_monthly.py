"""A month's money from parts; what is unknown stays unknown."""

import doctest
from decimal import Decimal

import pytest

from app.costs import monthly
from app.costs.monthly import CandidateInputs, candidate_month, month_factor


def test_the_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(monthly)
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_a_month_of_730_hours() -> None:
    assert month_factor(closed_days=28) == Decimal(730) / Decimal(672)
    assert month_factor(closed_days=0) is None
    with pytest.raises(ValueError, match="-1"):
        month_factor(closed_days=-1)


def inputs(**changes: Decimal | int | None) -> CandidateInputs:
    known: dict[str, Decimal | int | None] = {
        "gpu_usd_per_hour": Decimal(3),
        "gpus": 2,
        "tokens_usd_per_month": None,
        "recurring_hours_per_month": Decimal(10),
        "engineer_usd_per_hour": Decimal(90),
        "other_usd_per_month": Decimal(500),
    }
    return CandidateInputs(**known | changes)  # type: ignore[arg-type]  # names and types as above


def test_rented_gpus_cost_every_hour_of_the_month() -> None:
    month = candidate_month(inputs())
    assert month.usd == 3 * 2 * 730 + 900 + 500
    assert month.parts == {"gpus": 4380, "engineering hours": 900, "other": 500}


def test_a_managed_model_costs_its_tokens() -> None:
    month = candidate_month(inputs(gpu_usd_per_hour=None, tokens_usd_per_month=Decimal(70)))
    assert (month.usd, month.parts["tokens"]) == (Decimal(1470), Decimal(70))


@pytest.mark.parametrize(
    "missing", ["gpu_usd_per_hour", "recurring_hours_per_month", "engineer_usd_per_hour", "other_usd_per_month"]
)
def test_without_a_part_there_is_no_sum(missing: str) -> None:
    assert candidate_month(inputs(**{missing: None})).usd is None


def test_a_guides_example_of_100000_queries_a_day() -> None:
    # "Self-hosted LLMs in 2026": $22,500 for the API against $5,000 for GPUs and $2,000 of engineering.
    month = candidate_month(
        inputs(gpu_usd_per_hour=Decimal(5000) / 730, gpus=1, recurring_hours_per_month=Decimal(20),
               engineer_usd_per_hour=Decimal(100), other_usd_per_month=Decimal(0))
    )  # fmt: skip
    assert month.usd == pytest.approx(Decimal(7000))
