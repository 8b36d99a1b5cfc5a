"""Figures of any stretch of closed days, from their parts: no row is read that did not change."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from app.domain.day_figures import CandidateFigures, DayFigures, DaysModel, Figures, Percentiles, SideFigures
from app.domain.estimate_models import EstimateModel
from app.pipeline.conversations import HIGH, LOW, VALUE
from app.pipeline.operation import MEASURES, P50, P95, P99
from app.pipeline.parts.closing_parts import close_parts
from app.pipeline.parts.extraction import COVERAGE
from app.pipeline.parts.part import ALL, ArmPart, DayPart, merged
from app.statistics.asymptotic import interval
from app.statistics.sums import Sums
from app.store.pilots import get_pilot
from app.store.session import SessionFactory

UNGRADED = "ungraded/"


def figures_of_days(
    session_factory: SessionFactory,
    pilot_name: str,
    *,
    first: int = 1,
    last: int | None = None,
    now: datetime | None = None,
) -> DaysModel:
    """What the closed days say, one by one and together; days that changed are added up anew first.

    Args:
        session_factory: Where the evidence is.
        pilot_name: Whose.
        first: The first day that is wanted.
        last: The last one; default: the last closed day.
        now: Days that are not over are open; default: the present.

    Raises:
        NotFound: If there is no such pilot.
    """
    with session_factory() as session:
        planned = get_pilot(session, pilot_name).configuration.pilot.planned_conversations
    parts = close_parts(session_factory, pilot_name, now=now or datetime.now(UTC))
    wanted = {day: part for day, part in parts.items() if first <= day and (last is None or day <= last)}
    return DaysModel(
        pilot=pilot_name,
        days=[DayFigures(day=day, **_figures(part, planned / 2)) for day, part in wanted.items()],
        together=Figures(**_figures(merged(wanted.values()), planned / 2)),
    )


def _figures(part: DayPart, n_optimal: float) -> dict[str, Any]:
    # Weights are reciprocals of decimals: 99.99999999 requests are 100.
    peak = math.ceil(round(part.busiest_minute, 6)) if part.busiest_minute else None
    return {
        "exchanges": dict(sorted(part.reasons.items())),
        "requests": part.requests,
        "requests_per_minute_peak": peak,
        "candidates": {name: _candidate(arm, n_optimal) for name, arm in part.arms.items()},
    }


def _candidate(arm: ArmPart, n_optimal: float) -> CandidateFigures:
    segments = sorted({segment for segment, _ in arm.sums} - {ALL})
    return CandidateFigures(
        coverage=_starting(arm, COVERAGE),
        pairs=arm.counts["pairs"],
        ties=arm.counts["ties"],
        flips=arm.counts["flips"],
        ungraded=_starting(arm, UNGRADED),
        win_rate=_win_rate(arm, ALL, n_optimal),
        segments={segment: _win_rate(arm, segment, n_optimal) for segment in segments},
        incumbent=_side(arm, "incumbent"),
        candidate=_side(arm, "candidate"),
    )


def _starting(arm: ArmPart, prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): number for name, number in sorted(arm.counts.items()) if name.startswith(prefix)}


def _win_rate(arm: ArmPart, segment: str, n_optimal: float) -> EstimateModel:
    known, lowest, highest = (arm.sums.get((segment, series), Sums()) for series in (VALUE, LOW, HIGH))
    return EstimateModel.of(interval(sums=known, n_optimal=n_optimal, lowest=lowest, highest=highest))


def _side(arm: ArmPart, side: str) -> SideFigures:
    kinds: dict[str, int] = {}
    for (of_side, _, kind), number in sorted(arm.failures.items()):
        if of_side == side:
            kinds[kind] = kinds.get(kind, 0) + number
    asked = kinds.pop("", 0)
    tokens = [numbers for (of_side, _, _), numbers in sorted(arm.tokens.items()) if of_side == side]
    return SideFigures(
        asked=asked,
        failures=kinds,
        failure_rate=sum(kinds.values()) / asked if asked else None,
        times={measure: _percentiles(arm, side, measure) for measure in MEASURES},
        input_tokens=_sum(numbers[1] for numbers in tokens),
        cached_input_tokens=_sum(numbers[2] for numbers in tokens),
        output_tokens=_sum(numbers[3] for numbers in tokens),
    )


def _percentiles(arm: ArmPart, side: str, measure: str) -> Percentiles:
    found = arm.times_of(side, measure)
    return Percentiles(p50=found.quantile(P50), p95=found.quantile(P95), p99=found.quantile(P99))


def _sum(numbers: Iterable[float]) -> float:
    return float(sum(numbers))
