"""A rehearsal holds the latency gate open where it missed; it never passes and never fails it."""

from datetime import datetime
from decimal import Decimal

import orjson
import pytest

from app.domain.rehearsal import ObjectiveModel, RehearsalModel, StepKind, StepModel, StepOutcome, TargetModel
from app.domain.words import GateOutcome
from app.pipeline.operation import Bounded
from app.pipeline.under_load import under_load
from tests.unit.pipeline.rehearsal_server import AT

MET, MISSED, INVALID = StepOutcome.MET, StepOutcome.MISSED, StepOutcome.NOT_VALID
PASSES, FAILS, UNKNOWN = GateOutcome.PASSES, GateOutcome.FAILS, GateOutcome.UNKNOWN


def a_rehearsal(
    *steps: tuple[StepOutcome, float], seconds: float = 60.0, kind: StepKind = StepKind.SPEED, at: datetime = AT
) -> RehearsalModel:
    return RehearsalModel(
        id=1,
        target=TargetModel(base_url="http://vllm/v1", model="m", server="vllm", replicas=1, gpus_per_replica=1),
        objective=ObjectiveModel(total_p95_seconds=1.0),
        started_at=at,
        finished_at=at,
        steps=[
            StepModel(kind=kind, outcome=outcome, reason="p95 was 3 s", started_at=at, speed=speed, seconds=seconds)
            for outcome, speed in steps
        ],
    )


@pytest.mark.parametrize(
    ("gate", "steps", "share", "expected"),
    [
        (PASSES, [(MISSED, 1.0)], 1.0, UNKNOWN),
        (PASSES, [(MET, 1.0), (MISSED, 1.5)], 1.0, PASSES),
        (PASSES, [(MISSED, 1.0), (MET, 0.4)], 0.3, PASSES),  # a split needs no more than its share
        (PASSES, [(MISSED, 1.0), (MET, 0.4)], 0.5, PASSES),  # between them: not shown either way
        (PASSES, [(MISSED, 0.5), (MET, 0.4)], 0.6, UNKNOWN),
        (PASSES, [(INVALID, 1.0)], 1.0, PASSES),  # our own doing
        (PASSES, [(MISSED, 1.0), (MET, 1.0)], 1.0, PASSES),
        (FAILS, [(MISSED, 1.0)], 1.0, FAILS),
        (FAILS, [(MET, 2.0)], 1.0, FAILS),
        (UNKNOWN, [(MET, 2.0)], 1.0, UNKNOWN),
        (GateOutcome.NOT_REQUIRED, [(MISSED, 1.0)], 1.0, GateOutcome.NOT_REQUIRED),
    ],
)
def test_the_gate(gate: GateOutcome, steps: list[tuple[StepOutcome, float]], share: float, expected: GateOutcome) -> None:
    found = under_load(Bounded(gate, 0.9, 1.0, "live"), a_rehearsal(*steps), share)
    assert (found.outcome, found.bound, found.threshold) == (expected, 0.9, 1.0)
    assert ("missed the objective" in found.reason) == (expected is not gate)


def test_a_searched_step_that_missed_misses_no_asked_load() -> None:
    """Its window is shorter: at the same speed it offers more than production ever had for so long."""
    asked = a_rehearsal((MET, 0.9))
    searched = a_rehearsal((MISSED, 0.8), (MISSED, 2.0), kind=StepKind.SEARCH)
    both = asked.model_copy(update={"steps": [*asked.steps, *searched.steps]})
    assert not both.misses(1.0)
    assert both.slowest_missed is None


def test_sums_of_money_are_written_in_digits() -> None:
    found = a_rehearsal((MET, 1.0)).model_copy(update={"usd": Decimal("1E-7")})
    assert orjson.loads(found.model_dump_json())["usd"] == "0.000000"
    assert found.steps[0].model_copy(update={"usd": Decimal("2E-5")}).model_dump(mode="json")["usd"] == "0.000020"


def test_no_rehearsal_changes_nothing() -> None:
    gate = Bounded(PASSES, 0.9, 1.0, "live")
    assert under_load(gate, None, 1.0) is gate


@pytest.mark.parametrize(
    ("rehearsal", "expected"),
    [
        (a_rehearsal((MET, 1.0)), True),
        (a_rehearsal((MISSED, 1.0)), True),  # it was tested, and missed
        (a_rehearsal((MET, 0.5), (MET, 1.5)), True),
        (a_rehearsal((MET, 0.9)), False),
        (a_rehearsal((INVALID, 1.0)), False),
        (a_rehearsal((MET, 1.0), seconds=59.0), False),  # shorter than the busiest minute
        (a_rehearsal((MET, 4.0), kind=StepKind.SEARCH), False),
    ],
)
def test_what_counts_as_a_load_test(rehearsal: RehearsalModel, *, expected: bool) -> None:
    assert rehearsal.is_load_test is expected
