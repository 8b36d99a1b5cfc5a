"""Values come back from JSON as they were, and what does not fit its type is refused with its place."""

import json
import math
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import pytest

from app.domain.ledger import LedgerLine, LiveLedger
from app.domain.words import PilotState
from app.pipeline.bundles.exact import NotExact, decode, encode
from app.pipeline.bundles.writing import Numbers
from app.pipeline.scorecard_inputs import Inputs, Stored
from tests.builders import a_configuration

MOMENT = datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=UTC)


class Named(NamedTuple):
    label: str
    pairs: int | None


@dataclass(frozen=True)
class Inner:
    at: datetime
    rate: float = 0.1


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (float, 0.1 + 0.2), (float, math.inf), (float, -0.0), (int, 2**62), (bool, True), (str, "§ “x”"),
        (Decimal, Decimal("12.3400")), (Decimal, Decimal("1E+3")), (datetime, MOMENT), (date, date(2026, 2, 28)),
        (PilotState, PilotState.RUNNING), (Literal["a", "b"], "b"), (int | None, None), (tuple[int, ...], (1, 2)),
        (list[Named], [Named("x", None), Named("", 3)]), (dict[int, tuple[str, ...]], {7: ("a", "b"), 3: ()}),
        (tuple[str, int], ("a", 1)), (Inner, Inner(MOMENT)), (LiveLedger, LiveLedger((LedgerLine(MOMENT, "shed", 3),))),
        (Any, {"a": [1, 0.1, None, {"$decimal": "none"}], "d": Decimal("0.10"), "on": date(2026, 1, 2), "n": math.inf}),
    ],
)  # fmt: skip
def test_a_value_comes_back_as_it_was(kind: Any, value: Any) -> None:
    through = json.loads(json.dumps(encode(value, kind), allow_nan=False))
    found = decode(through, kind)
    assert found == value
    assert repr(found) == repr(value)


def test_a_number_that_is_none_comes_back_as_one() -> None:
    assert math.isnan(decode(json.loads(json.dumps(encode(math.nan, float))), float))


def test_a_configuration_comes_back_as_it_was() -> None:
    made = a_configuration(cost={"engineer_usd_per_hour": "90.10", "other_usd_per_month": 5})
    assert decode(json.loads(json.dumps(encode(made, type(made)))), type(made)) == made


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        (int, True, "must be int"), (int, 1.0, "must be int"), (float, "x", "be a number"), (float, None, "be a number"),
        (Decimal, 1.5, "must be Decimal as text"), (Decimal, "x", "must be Decimal"), (datetime, "today", "must be datetime"),
        (PilotState, "asleep", "must be PilotState"), (tuple[int, ...], "12", "a list"), (tuple[str, int], ["a"], "list of 2"),
        (Inner, {"at": "2026-11-21T00:00:00+00:00"}, "differ from Inner's by rate"), (Inner, [], "must be an object"),
        (Inner, {"at": MOMENT.isoformat(), "rate": 1, "more": 2}, "by more"), (Any, {"$pickle": "x"}, "no mark of this format"),
        (list[Inner], [{"at": 3, "rate": 1}], r"\[0\].at"), (Literal["a"], "c", "one of a"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_place(kind: Any, content: Any, said: str) -> None:
    with pytest.raises(NotExact, match=said):
        decode(content, kind)


@pytest.mark.parametrize(("kind", "value"), [(int, "1"), (Any, object()), (datetime, "2026"), (float, "1"), (Any, {1: 2})])
def test_what_is_not_of_its_type_is_not_written(kind: Any, value: Any) -> None:
    with pytest.raises(NotExact):
        encode(value, kind)


def test_there_is_a_way_to_write_everything_that_a_scorecard_is_made_of() -> None:
    """A new field of `Stored` has to be put into the bundle, or figures that rest on it cannot be computed again."""
    columns = {"evidence", "cuts", "findings", "scores"}
    numbers = {"paid_grades", "confusions", "served"}
    assert {field.name for field in fields(Stored)} - {field.name for field in fields(Inputs)} == columns | numbers
    assert numbers <= {field.name for field in fields(Numbers)}
    for kind in (Inputs, Numbers):
        with pytest.raises(NotExact, match="differ from"):
            decode({}, kind)  # every type that is named has a way to be read
