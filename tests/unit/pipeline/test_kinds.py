"""What turns and lengths cost: weighted, scaled to what was not counted, a month of it; and what is suggested."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.costs.token_bill import TokenBill
from app.costs.upkeep import Upkeep
from app.domain.groups import GroupModel
from app.domain.split import KindModel
from app.pipeline.constraints import UpkeepHours
from app.pipeline.gates import upkeep_of
from app.pipeline.groups import Groups
from app.pipeline.kinds import kinds_of, suggestion
from tests.builders import a_configuration
from tests.unit.pipeline.made_case import money

NAN = float("nan")


def priced(
    before: list[float],
    after: list[float] | None,
    *,
    answered: list[bool] | None = None,
    asked: int | None = None,
    **bills: Any,
) -> Any:
    """Six exchanges, the first three of turn 1, the others of turns 2-3; each stands for two requests, a month is ten times."""
    rows = len(before)
    flags = np.array(answered if answered is not None else [True] * rows)
    there = np.arange(rows) < (asked if asked is not None else rows)
    arm = SimpleNamespace(replies=SimpleNamespace(is_there=there, answered=there))
    evidence: Any = SimpleNamespace(
        arms={"qwen": arm}, incumbent=SimpleNamespace(is_there=np.ones(rows, dtype=bool), answered=flags)
    )
    groups = Groups(
        (GroupModel(name="1", holds=True), GroupModel(name="2-3")), (), (np.repeat([0, 1], 3), np.zeros(rows, dtype=np.int64))
    )
    selection: Any = SimpleNamespace(counted=np.ones(rows, dtype=bool))
    costs = (np.array(before), np.array(after) if after is not None else None)
    of_month = replace(money(), month=Decimal(10), usd_by_row=costs, **bills)
    found = kinds_of(groups, of_month, evidence, "qwen", selection, np.full(rows, 2.0))
    return [(kind.incumbent_usd_per_month.value, kind.saving_tokens_usd_per_month.value) for kind in found.by_turn]


@pytest.mark.parametrize(
    ("before", "after", "more", "expected"),
    [
        ([1, 2, 3, 4, 5, 6], None, {}, [(120, 120), (300, 300)]),
        ([1, 2, 3, 4, 5, 6], [1, 1, 1, 5, 5, 6], {}, [(120, 60), (300, -20)]),
        # A failure bills nothing; a reply that nobody counted leaves too few of three.
        ([1, 2, NAN, 4, 5, 6], None, {"answered": [True, True, False, True, True, True]}, [(60, 60), (300, 300)]),
        ([1, 2, NAN, 4, 5, 6], None, {}, [(None, None), (300, 300)]),
        # What the candidate was not asked counts as what it was asked.
        ([1, 2, 3, 4, 5, 6], [1, 1, 1, 2, NAN, NAN], {"asked": 4}, [(120, 60), (300, 180)]),
        ([1, 2, 3, 4, 5, 6], [1, 1, 1, NAN, NAN, NAN], {"asked": 3}, [(120, 60), (300, None)]),
    ],
)  # fmt: skip
def test_the_bill_of_each_kind(
    before: list[float], after: list[float] | None, more: dict[str, Any], expected: list[Any]
) -> None:
    assert priced(before, after, **more) == expected


def test_what_is_estimated_too_much_for_the_whole_is_for_each_kind() -> None:
    guess = TokenBill(replies=Decimal(6), output_tokens=Decimal(100), estimated_output_tokens=Decimal(6))
    ones, twos = [1.0] * 6, [2.0] * 6
    assert priced(twos, ones, incumbent={"a": guess}) == [(None, None)] * 2
    assert priced(twos, ones, candidate={"a": guess}) == [(120, None)] * 2
    assert priced(twos, ones, incumbent={"a": guess + TokenBill(has_invoice=True)}) == [(120, 60)] * 2


def test_a_suggestion_is_made_where_some_hold_and_some_do_not() -> None:
    def kinds(*holds: bool, unknown: bool = False) -> list[KindModel]:
        found = [KindModel(name=str(number), holds=held) for number, held in enumerate(holds)]
        return [*found, *([KindModel(name="unknown", holds=True)] if unknown else [])]

    assert "holds at 0 and 2 and is not shown to hold at the rest" in suggestion("turns", kinds(True, False, True))
    assert "US dollars" not in suggestion("turns", kinds(True, False))
    for silent in (kinds(True, True), kinds(False, False), kinds(False, unknown=True), []):
        assert suggestion("turns", silent) == ""


def test_hours_of_upkeep_are_those_logged_else_those_reckoned() -> None:
    logged = Upkeep(Decimal(17), Decimal(6), Decimal(53), weeks=3, entries=3, sigma=0.5)
    known = replace(money(), upkeep=logged)
    assert upkeep_of(known) == UpkeepHours(17.0, 6.0, 53.0, 3)
    reckoned = a_configuration(cost={"upkeep_hours_per_month": 12.5})
    assert upkeep_of(replace(money(), upkeep=None, configuration=reckoned)) == UpkeepHours(12.5)
    assert upkeep_of(replace(money(), upkeep=None, configuration=a_configuration())) is None
