"""What a plan of models takes from a pilot: its tokens, and what has to be answered at once."""

import pytest

from app.domain.capacity_figures import CapacityModel
from app.domain.cost_figures import INPUT_TOKENS, OUTPUT_TOKENS, CostInput
from app.pipeline.measured_volume import read_volume
from tests.unit.reports.examples import hybrid
from tests.unit.reports.money_example import a_cost


@pytest.mark.parametrize(("needed", "at_once"), [(61, 61), (None, 5000)])
def test_a_thin_samples_weights_do_not_blow_up_what_is_answered_at_once(needed: int | None, at_once: int) -> None:
    inputs = [CostInput(name=name, unit="tokens", value=9.0, source="measured") for name in (INPUT_TOKENS, OUTPUT_TOKENS)]
    capacity = CapacityModel(slots_needed=needed, incumbent_concurrency_peak=5000)
    scorecard = hybrid()
    card = scorecard.candidates["qwen"].model_copy(update={"capacity": capacity, "cost": a_cost(inputs=inputs)})
    found = read_volume(scorecard.model_copy(update={"candidates": {"qwen": card}}))
    assert found.concurrency_peak == at_once
    assert (found.input_tokens, found.output_tokens, found.cached_input_tokens) == (9.0, 9.0, None)
    assert found.requests == card.cost.requests_per_month


def test_a_scorecard_without_candidates_measured_nothing() -> None:
    found = read_volume(hybrid().model_copy(update={"candidates": {}}))
    assert (found.requests, found.concurrency_peak) == (None, None)
