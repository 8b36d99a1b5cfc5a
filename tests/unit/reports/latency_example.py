"""Times of both arms with their distribution, their hours and their load: slower by day, and under load."""

from datetime import datetime
from functools import cache
from typing import Any

import numpy as np

from app.domain.evidence import Floats, Numbers
from app.domain.operation_models import AgainstIncumbent, ArmsByLoad, DayEstimate
from app.domain.scorecard import EstimateModel, LatencyModel
from app.pipeline.latency_curve import curve_of
from app.pipeline.latency_groups import Known, hours_of, loads_of, local_hours

N = 3140
DAY_SECONDS, SECOND_US = 86_400, 1_000_000


def with_pictures(latency: LatencyModel, starts: datetime, zone: str = "Europe/Berlin") -> LatencyModel:
    """The same times with the figures behind the pictures."""
    return latency.model_copy(update=_figures(starts, zone))


@cache
def _figures(starts: datetime, zone: str) -> dict[str, Any]:
    chance = np.random.default_rng(7)
    arrived = _arrivals(chance, starts, zone)
    found: dict[str, Any] = {"curve": {}, "by_hour": {}, "by_load": {}}
    for measure, medians in (("total_seconds", (1.31, 1.02)), ("ttft_any_seconds", (0.38, 0.21))):
        one, two = (_known(chance, arrived, zone, median, arm) for arm, median in enumerate(medians))
        found["curve"][measure] = curve_of(np.sort(one.times), np.sort(two.times), weight=350.0)
        found["by_hour"][measure] = hours_of(one, two, zone)
        found["by_load"][measure] = ArmsByLoad(incumbent=loads_of(one), candidate=loads_of(two))
    values = [2.3 + 0.3 * np.cos(day) + (0.9 if day == 9 else 0.0) for day in range(1, 29)]
    days = [
        DayEstimate(day=day, estimate=EstimateModel(value=value, low=0.85 * value, high=1.25 * value, n=112))
        for day, value in enumerate(values, start=1)
    ]
    return found | {
        "p95_by_day": {"total_seconds": days},
        "worst_day": {"total_seconds": days[8]},
        "against_incumbent": {"total_seconds": AgainstIncumbent(reason="the arms are measured from different places")},
        "left_out_for_lag": 17,
    }


def _arrivals(chance: np.random.Generator, starts: datetime, zone: str) -> Numbers:
    """Four weeks of requests; few of them come at night."""
    drawn = int(starts.timestamp()) * SECOND_US + chance.integers(0, 28 * DAY_SECONDS * SECOND_US, 6 * N)
    hours = local_hours(drawn, zone)
    kept = chance.random(len(drawn)) < np.where((hours >= 8) & (hours < 20), 0.5, 0.02)
    return np.sort(chance.permutation(drawn[kept])[:N])


def _known(chance: np.random.Generator, arrived: Numbers, zone: str, median: float, arm: int) -> Known:
    busy = (np.abs(local_hours(arrived, zone) - 11) < 4).astype(np.float64)
    at_once = 1 + chance.poisson(1 + (3 - arm) * busy)
    slow: Floats = 1 + (0.25 + 0.4 * arm) * busy * at_once / 4
    return Known(median * slow * chance.lognormal(sigma=0.32, size=len(arrived)), arrived, at_once.astype(np.int64))
