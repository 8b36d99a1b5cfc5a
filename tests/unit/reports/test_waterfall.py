"""From the bill to the saving: every example adds up to the cent, and what is unknown has no picture."""

from decimal import Decimal

import pytest

from app.reports.context import Subject
from app.reports.money import money_section
from app.reports.waterfall import REST, Step, waterfall_steps
from tests.unit.reports.examples import SCORECARDS, a_full_configuration
from tests.unit.reports.money_example import a_cost
from tests.unit.reports.test_money_report import a_full_cost, between


def assert_adds_up(steps: list[Step], saving: Decimal) -> None:
    assert sum(step.usd for step in steps[:-1]) == steps[-1].usd == saving.quantize(Decimal("0.01"))
    assert [step.start for step in steps[1:-1]] == [step.end for step in steps[:-2]]
    assert steps[-2].end == steps[-1].end
    assert all(step.end - step.start == step.usd for step in steps)


@pytest.mark.parametrize("example", SCORECARDS)
def test_the_parts_of_every_example_add_up_to_the_cent(example: str) -> None:
    for card in SCORECARDS[example]().candidates.values():
        steps, saving = waterfall_steps(card.cost, "gpt-5.1"), card.cost.saving_usd_per_month.value
        assert (steps == []) == (saving is None)
        if saving is not None:
            assert_adds_up(steps, saving)


def test_what_rounding_leaves_goes_into_the_largest_part() -> None:
    parts = {"gpus": Decimal("2190.004"), "engineering hours": Decimal("1440.004"), "other": Decimal("500.004")}
    cost = a_cost(parts=parts, saving_usd_per_month=between(0, 0, 0).model_copy(update={"value": Decimal("5282.298")}))
    steps = waterfall_steps(cost, "gpt-5.1")
    assert_adds_up(steps, Decimal("5282.30"))
    assert [step.usd for step in steps[1:4]] == [Decimal("-2190.01"), Decimal("-1440.00"), Decimal("-500.00")]


def test_what_the_parts_leave_out_is_shown_as_such() -> None:
    steps = waterfall_steps(a_cost(parts={"gpus": Decimal(2190)}), "gpt-5.1")
    assert [step.label for step in steps[1:-1]] == ["GPUs", REST]
    assert_adds_up(steps, Decimal("5282.31"))
    assert waterfall_steps(a_cost(parts={"gpus": None}), "gpt-5.1") == []


def test_the_section_tells_the_story_in_order() -> None:
    scorecard = SCORECARDS["hybrid"]()
    card = scorecard.candidates["qwen"].model_copy(update={"cost": a_full_cost()})
    section = money_section(Subject("qwen", 1, card, scorecard, a_full_configuration()))
    assert [getattr(block, "title", block.kind) for block in section.blocks] == [
        "paragraph",
        "facts",
        "Cost per month if all of it moved",
        "From the bill to the saving, US dollars per month",
        "table",
    ]
    assert [inner.title for inner in section.sections] == [
        "From which volume it pays",
        "What would change the saving",
        "Other ways out",
        "What the money rests on",
        "What the pilot itself cost",
    ]
