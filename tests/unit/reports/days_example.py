"""A scorecard whose days are known: failures of both arms and the ledger, day by day."""

import math

from app.domain.operation_models import DayEstimate
from app.domain.scorecard import DayCoverage, EstimateModel, Scorecard
from app.statistics.fixed_sample import wilson
from tests.unit.reports.examples import a_ledger, hybrid
from tests.unit.reports.verdict_examples import with_people

DAYS = 28
BAD_DAY = 9


def failing(rate: float, wave: float, n: int = 112) -> list[DayEstimate]:
    """Failures that come and go; one day is bad."""
    found = []
    for day in range(1, DAYS + 1):
        failed = round(n * (rate + wave * (1 + math.sin(day)) + (0.05 if day == BAD_DAY and wave > 0.002 else 0)))
        low, high = wilson(successes=failed, trials=n)
        found.append(DayEstimate(day=day, estimate=EstimateModel(value=failed / n, low=low, high=high, n=n, method="wilson")))
    return found


def with_days() -> Scorecard:
    """The hybrid example with people, and all that is known by day."""
    card = with_people(hybrid(), passed_on=21)
    candidate = card.candidates["qwen"]
    reliability = candidate.reliability.model_copy(
        update={"by_day": failing(0.004, 0.005), "incumbent_by_day": failing(0.002, 0.001)}
    )
    quality = candidate.quality.model_copy(update={"graded": 3022})
    candidate = candidate.model_copy(update={"reliability": reliability, "quality": quality})
    by_day = [
        DayCoverage(day=day, production_requests=128, captured=112 if day != BAD_DAY else 90, lost=0 if day != BAD_DAY else 22)
        for day in range(1, DAYS + 1)
    ]
    reasons = {"captured": 3140, "not_sampled": 388, "client_error": 22, "client_cancelled": 9, "lost": 22}
    ledger = a_ledger(**reasons).model_copy(update={"by_day": by_day, "unknown_seconds": 41.0})
    return card.model_copy(update={"candidates": {"qwen": candidate}, "coverage": ledger})
