"""A capacity with everything known."""

from datetime import UTC, datetime
from typing import Any

from app.domain.capacity_figures import ArmLoad, CapacityModel, CapacityStair
from app.domain.estimate_models import EstimateModel


def a_stair(volume: float, replicas: int) -> CapacityStair:
    return CapacityStair(
        volume_factor=volume, requests_per_month=volume * 1e6, replicas=replicas, replicas_with_spare=replicas + 1
    )


def a_capacity(**replaced: Any) -> CapacityModel:
    given: dict[str, Any] = {
        "requests_per_minute_peak": 212,
        "incumbent_concurrency_peak": 31,
        "candidate_concurrency_peak": 40,
        "replicas": 1,
        "requests_per_minute_mean": 40.5,
        "requests_per_minute_p999": 190.0,
        "busiest_minute_at": datetime(2026, 11, 5, 9, 12, tzinfo=UTC),
        "peak_to_mean": 5.23,
        "dispersion": 31.0,
        "dispersion_within_hour": 2.4,
        "weekday_requests_by_hour": [100.0 + 200 * (8 <= hour < 18) for hour in range(24)],
        "weekend_requests_by_hour": [60.0] * 24,
        "incumbent_load": ArmLoad(
            mean_seconds=4.0, mean_counted=2.7, mean_little=2.71, busiest_minute_counted=13.0, busiest_minute_little=14.1,
            requests=3140,
        ),
        "slots_needed": 23,
        "slots_per_replica": EstimateModel(value=12.5, low=11.0, high=14.0, n=3, method="rehearsal"),
        "replicas_needed": 2,
        "replicas_low": 2,
        "replicas_high": 3,
        "spare_replicas": 1,
        "replicas_with_spare": 3,
        "gpus": 6,
        "utilisation_rate": 0.31,
        "utilisation_peak_rate": 1.0,
        "stairs": [a_stair(volume, replicas) for replicas, volume in enumerate((0.45, 1.1, 1.8), start=1)],
        "requests_per_month_per_replica": 450_000.0,
        "rate_source": "a rehearsal: 12.5 requests at once a replica while the objective is kept, measured on 2 together",
        "method": "The pilot's own arrivals are replayed.",
    }  # fmt: skip
    return CapacityModel(**(given | replaced))
