"""A stored rehearsal becomes replicas in the scorecard, and replicas become money."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.capacity_figures import CapacityModel
from app.domain.estimate_models import EstimateModel
from app.domain.pilot import Pilot
from app.domain.rehearsal import ObjectiveModel, RehearsalModel, StepKind, StepModel, StepOutcome
from app.domain.scorecard import CandidateModel
from app.domain.serving_rate import ServingRate
from app.pipeline.rehearsal_present import target_of
from app.store.money_tables import RehearsalRow
from tests.integration.scorecard_pilots import TOKENS, qwen_of, started
from tests.integration.scorecard_rows import DAY, START, Row, both


def four_at_a_time() -> list[Row]:
    """280 requests over 28 days, four at the same moment, five seconds each."""
    return [
        Row(START + (number // 4) * 28 * DAY / 70, name=f"r-{number:04d}", said=both(0.5),
            incumbent=TOKENS | {"total_seconds": 1.0}, candidate=TOKENS | {"total_seconds": 5.0})
        for number in range(280)
    ]  # fmt: skip


def rehearsed(session: Session, pilot: Pilot, *, slots: float, at: datetime) -> None:
    target = target_of(pilot.configuration.candidate_named("qwen"))
    each = EstimateModel(value=slots, low=1.0, high=2.0, n=3, method="rehearsal")
    rate = ServingRate(
        replicas=1,
        slots_per_replica=each,
        requests_per_second_per_replica=EstimateModel(value=slots / 5),
        service_seconds_p50=5.0,
        service_seconds_p95=5.0,
    )
    step = StepModel(kind=StepKind.SPEED, outcome=StepOutcome.MET, started_at=at, speed=1.0, seconds=60.0)
    result = RehearsalModel(
        id=1, target=target, objective=ObjectiveModel(), started_at=at, finished_at=at, steps=[step], rate=rate
    )
    session.add(
        RehearsalRow(
            pilot_id=pilot.id, arm_id=pilot.candidates[0].id, terms={}, state="done", by="test", finished_at=at,
            result=result.model_dump(mode="json"),
        )
    )  # fmt: skip
    session.flush()


def gpus_usd(card: CandidateModel) -> float:
    return float(card.cost.parts["gpus"] or 0)


def replicas_of(capacity: CapacityModel) -> tuple[int | None, ...]:
    return (
        capacity.replicas_needed,
        capacity.replicas_low,
        capacity.replicas_high,
        capacity.replicas_with_spare,
        capacity.gpus,
    )


def test_replicas_come_from_the_latest_rehearsal_and_are_paid_for(session: Session) -> None:
    pilot = started(session, four_at_a_time())
    before = qwen_of(session, pilot)
    assert before.capacity.slots_needed == 4
    assert replicas_of(before.capacity) == (None,) * 5
    rehearsed(session, pilot, slots=9.0, at=START + DAY)
    rehearsed(session, pilot, slots=1.5, at=START + DAY + timedelta(hours=1))
    after = qwen_of(session, pilot)
    assert replicas_of(after.capacity) == (3, 2, 4, 4, 4)
    assert after.capacity.missing == []
    assert gpus_usd(before) > 0
    assert round(gpus_usd(after) / gpus_usd(before), 6) == 4
    earlier = qwen_of(session, pilot, as_of=START + DAY)
    assert earlier.capacity.slots_per_replica.value == 9.0
