"""The form of what-if: what an address asks for, what is not taken, and the address that keeps it."""

import pytest

from app.costs.what_if import levers_of
from app.dashboard.money_form import asked_of, query_of
from tests.unit.reports.money_example import made_inputs

LEVERS = levers_of(made_inputs())


def test_only_what_differs_from_what_was_measured_is_chosen() -> None:
    asked = asked_of(LEVERS, {"volume": "1284000", "gpu_price": "2.5", "hours": "", "utm": "x"})
    assert asked.chosen == {"gpu_price": 2.5}
    assert asked.problems == ()
    assert query_of("qwen", asked.levers, asked.chosen) == "candidate=qwen&gpu_price=2.5"
    assert query_of("qwen", asked.levers, {}) == ""
    again = asked_of(LEVERS, {"gpu_price": "2.5"})
    assert again.chosen == asked.chosen


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("volume", "-1", "Volume must be a number from 0 to 6,500,000 (requests a month), not '-1'."),
        ("volume", "nan", "not 'nan'"),
        ("gpu_price", "1e9", "from 0.00 to 9.00"),
        ("api_price", "half", "not 'half'"),
        ("replicas", "2.5", "Replicas must be a whole number from 1 to 10"),
        ("hours", "9" * 40, f"not '{'9' * 19}…'"),
    ],
)
def test_what_is_not_taken_is_named_with_what_is_allowed(name: str, text: str, said: str) -> None:
    asked = asked_of(LEVERS, {name: text})
    (problem,) = asked.problems
    assert problem.field == name
    assert said in problem.message
    (view,) = (view for view in asked.levers if view.problem)
    assert (view.lever.name, view.value) == (name, text)
    assert name not in asked.chosen
