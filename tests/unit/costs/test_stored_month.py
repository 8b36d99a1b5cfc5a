"""The month computed again from what a scorecard keeps, and what-if: the same formula, nothing made up."""

import doctest
from decimal import Decimal
from typing import Any

import pytest

from app.costs import stored_month
from app.costs.month_draws import draw_factors, saving_range
from app.costs.month_model import Factors, month_of
from app.costs.stored_month import model_of, points_of, spread_of_inputs
from app.costs.what_if import levers_of, what_if
from app.domain.cost_figures import CostModel
from app.domain.month_inputs import MonthInputs
from tests.unit.reports.examples import SCORECARDS
from tests.unit.reports.money_example import STEPS, made_inputs, token_lines

CENT = Decimal("0.01")
FEW = draw_factors(spread_of_inputs(made_inputs()), draws=2000)


def test_the_examples_in_the_docstrings_run() -> None:
    assert doctest.testmod(stored_month).failed == 0


@pytest.mark.parametrize("example", SCORECARDS)
def test_the_stored_inputs_give_the_stored_points_to_the_cent(example: str) -> None:
    for card in SCORECARDS[example]().candidates.values():
        cost = CostModel.model_validate_json(card.cost.model_dump_json())
        if cost.model is None:
            assert example == "nothing_imported"
            continue
        points = points_of(cost.model)
        assert points.incumbent_usd == cost.incumbent_usd_per_month.value
        assert points.candidate.usd == cost.candidate_usd_per_month.value
        assert points.saving_usd == cost.saving_usd_per_month.value


@pytest.mark.parametrize(
    "changes",
    [
        {"gpu_usd_per_hour": None},
        {"incumbent_tokens": [token_lines()[0].model_copy(update={"usd_per_million_tokens": None})]},
        {"incumbent_lack": "nobody counted"},
        {"engineer_usd_per_hour": None},
        {"other_usd_per_month": None},
        {"upkeep_hours_per_month": None},
        {"is_paid_by_token": True, "candidate_lack": "nobody counted"},
    ],
)
def test_what_nobody_knows_keeps_the_saving_unknown(changes: dict[str, Any]) -> None:
    inputs = made_inputs(**changes)
    assert points_of(inputs).saving_usd is None
    assert model_of(inputs) is None
    assert levers_of(inputs) == []
    with pytest.raises(ValueError, match="not known"):
        what_if(inputs, {}, Factors())


def test_numbers_and_decimals_of_stored_inputs_say_the_same() -> None:
    for inputs in (
        made_inputs(steps=STEPS, gpus_per_replica=2, upgrade_hours_per_month=Decimal(2), one_off_hours=Decimal("48.5")),
        made_inputs(is_paid_by_token=True, gpu_usd_per_hour=None, candidate_tokens=token_lines(1_000_000)),
    ):
        model, points = model_of(inputs), points_of(inputs)
        assert model is not None
        assert points.saving_usd is not None
        assert abs(Decimal(float(month_of(model).saving_usd)) - points.saving_usd) < CENT


@pytest.mark.parametrize(
    ("chosen", "incumbent", "candidate"),
    [
        ({}, 9412.31, 4130.0),
        ({"volume": 642_000.0}, 4706.155, 4130.0),
        ({"api_price": 50.0}, 4706.155, 4130.0),
        ({"gpu_price": 6.0}, 9412.31, 6320.0),
        ({"hours": 0.0}, 9412.31, 2690.0),
        ({"replicas": 3.0}, 9412.31, 8510.0),
        ({"volume": 0.0}, 0.0, 4130.0),
    ],
)
def test_each_lever_moves_what_it_says(chosen: dict[str, float], incumbent: float, candidate: float) -> None:
    found = what_if(made_inputs(), chosen, FEW)
    assert float(found.month.incumbent_usd) == pytest.approx(incumbent)
    assert float(found.month.candidate_usd) == pytest.approx(candidate)
    low, high = found.saving.low, found.saving.high
    assert low <= incumbent - candidate <= high


def test_a_measured_staircase_moves_with_volume_and_with_what_a_replica_carries() -> None:
    inputs = made_inputs(steps=STEPS)
    names = [lever.name for lever in levers_of(inputs)]
    assert names == ["volume", "api_price", "gpu_price", "carrying", "hours"]
    for chosen, replicas in (({}, 3), ({"volume": 1_284_000 * 2.0}, 4), ({"carrying": 50.0}, 4), ({"carrying": 200.0}, 2)):
        assert float(what_if(inputs, chosen, FEW).month.replicas) == replicas


def test_levers_are_those_that_the_candidate_has() -> None:
    by_token = made_inputs(is_paid_by_token=True, gpu_usd_per_hour=None, candidate_tokens=token_lines())
    assert [lever.name for lever in levers_of(by_token)] == ["volume", "api_price", "hours"]
    for lever in levers_of(made_inputs()):
        assert lever.low <= lever.start <= lever.high
        assert lever.step > 0


def test_nothing_moved_gives_the_draws_of_the_saving() -> None:
    inputs = made_inputs()
    model = model_of(inputs)
    assert model is not None
    assert what_if(inputs, {}, FEW).saving == saving_range(month_of(model, FEW))


def test_a_scorecard_without_inputs_reads_as_before() -> None:
    assert CostModel.model_validate({}).model is None
    assert MonthInputs.model_validate_json(made_inputs().model_dump_json()) == made_inputs()
