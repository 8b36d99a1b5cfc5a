"""A rehearsal that kept the limit at production's pace and missed it at twice that."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.domain.rehearsal import (
    CoversModel,
    ObjectiveModel,
    RehearsalModel,
    StepKind,
    StepModel,
    StepOutcome,
    TargetModel,
    TimesModel,
)
from app.domain.scorecard import EstimateModel
from app.domain.serving_rate import ServingRate

BEGAN = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)


def a_time(p95: float, n: int) -> TimesModel:
    return TimesModel(
        p50=EstimateModel(value=0.6 * p95, low=0.57 * p95, high=0.63 * p95, n=n),
        p95=EstimateModel(value=p95, low=0.92 * p95, high=1.1 * p95, n=n),
    )


def a_step(kind: StepKind, speed: float, total: float, outcome: StepOutcome) -> StepModel:
    offered = round(212 * speed)
    return StepModel(
        kind=kind,
        outcome=outcome,
        reason="total time: the 95th percentile was above 3 s" if outcome is StepOutcome.MISSED else "",
        started_at=BEGAN,
        speed=speed,
        seconds=60.0,
        offered=offered,
        offered_requests_per_second=offered / 60,
        answered=offered,
        total_seconds=a_time(total, offered),
        ttft_any_seconds=a_time(0.2 * total, offered),
        goodput_requests_per_second=EstimateModel(value=offered / 60, low=offered / 66, high=offered / 55, n=offered),
        within_share=EstimateModel(value=0.97, low=0.95, high=0.99, n=offered),
        concurrency_mean=3.0 * speed,
    )


def a_rehearsal() -> RehearsalModel:
    steps = [
        a_step(StepKind.SPEED, 1.0, 1.4, StepOutcome.MET),
        a_step(StepKind.SPEED, 1.5, 2.2, StepOutcome.MET),
        a_step(StepKind.SPEED, 2.0, 19.5, StepOutcome.MISSED),
        a_step(StepKind.SEARCH, 1.75, 2.9, StepOutcome.MET),
        a_step(StepKind.SEARCH, 1.85, 3.6, StepOutcome.MISSED),
        a_step(StepKind.SATURATION, 2.6, 31.0, StepOutcome.NOT_VALID),
    ]
    return RehearsalModel(
        id=1,
        target=TargetModel(base_url="http://127.0.0.1:8000/v1", model="Qwen", server="vllm", replicas=1, gpus_per_replica=2),
        objective=ObjectiveModel(total_p95_seconds=3.0, ttft_any_p95_seconds=1.0),
        started_at=BEGAN,
        finished_at=BEGAN + timedelta(minutes=10),
        steps=steps,
        covers=CoversModel(production_requests_per_minute_peak=212.0),
        capacity_requests_per_second=EstimateModel(value=6.4, low=6.0, high=6.9, n=640),
        rate=a_rate(),
        usd=Decimal(0),
        notes=["Mirroring was paused while it ran."],
    )


def a_rate() -> ServingRate:
    return ServingRate(
        requests_per_second_per_replica=EstimateModel(value=6.1, low=5.8, high=6.4, n=3),
        slots_per_replica=EstimateModel(value=12.5, low=11.0, high=14.0, n=3),
        service_seconds_p50=1.6,
        service_seconds_p95=2.7,
        replicas=1,
    )
