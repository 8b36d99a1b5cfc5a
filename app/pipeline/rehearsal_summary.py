"""What the steps of a rehearsal say together: the capacity, what a replica serves in time, and how much of the peak it was."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from scipy.stats import t

from app.domain.configuration import PilotConfiguration
from app.domain.estimate_models import EstimateModel
from app.domain.pilot import Pilot
from app.domain.rehearsal import (
    CoversModel,
    ObjectiveModel,
    Rehearsal,
    RehearsalModel,
    RehearsalTerms,
    StepKind,
    StepModel,
    StepOutcome,
)
from app.domain.serving_rate import ServingRate
from app.pipeline.rehearsal_figures import has_times
from app.pipeline.rehearsal_notes import notes_of
from app.pipeline.rehearsal_present import objective_of, target_of
from app.pipeline.rehearsal_schedule import SECOND_US, Arrivals, busiest, peak_per_minute
from app.pipeline.rehearsal_search import bracket, is_saturated, offered_rate, speed_seconds

REPEATS_METHOD = "mean_of_repeats"
AT_LEAST_METHOD = "at_least"
# What was kept and what was missed so close to each other enclose what the server carries.
NEAR = 1.1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def summarize(pilot: Pilot, rehearsal: Rehearsal, steps: Sequence[StepModel], arrivals: Arrivals) -> RehearsalModel:
    """The whole result.

    Args:
        pilot: As it is now.
        rehearsal: Whose terms count.
        steps: All that were made, also those that are lost.
        arrivals: Production's.
    """
    table = pilot.configuration.candidate_named(rehearsal.arm_name)
    valid, objective = [step for step in steps if step.is_valid], objective_of(pilot.configuration)
    rate = rate_of(valid, table.replicas)
    return RehearsalModel(
        id=rehearsal.id,
        target=target_of(table),
        objective=objective,
        started_at=rehearsal.started_at or rehearsal.created_at,
        finished_at=datetime.now(UTC),
        steps=list(steps),
        covers=_covers(rehearsal.terms, valid, arrivals, objective),
        capacity_requests_per_second=capacity_of(valid),
        rate=rate,
        usd=sum((step.usd for step in steps), Decimal(0)),
        unpriced=sum(step.unpriced for step in steps),
        live_requests=sum(step.live_requests for step in steps),
        notes=[*notes_of(steps, objective), *([] if rate is not None else at_least(valid, table.replicas))],
    )


def subject_of(configuration: PilotConfiguration, name: str) -> str:
    """What must stay the same while a rehearsal is made: the candidate's address, model and size, and the objective."""
    parts = (target_of(configuration.candidate_named(name)), objective_of(configuration))
    return hashlib.sha256("".join(part.model_dump_json() for part in parts).encode()).hexdigest()


def capacity_of(valid: Sequence[StepModel]) -> EstimateModel:
    """The most answers a second: with too much offered, unless a smaller load was answered faster beyond chance.

    Where nothing offered was too much, only `low` is known.
    """
    found = [step.answered_requests_per_second for step in valid if step.answered_requests_per_second.value is not None]
    most = max(found, key=lambda rate: rate.value or 0.0, default=EstimateModel())
    saturated = [step for step in valid if step.kind is StepKind.SATURATION and is_saturated(step)]
    if not saturated:
        return EstimateModel(low=most.value, n=most.n, method=AT_LEAST_METHOD) if most.value else EstimateModel()
    last = saturated[-1].answered_requests_per_second
    faster = [rate for rate in found if rate.low is not None and last.high is not None and rate.low > last.high]
    return max(faster, key=lambda rate: rate.value or 0.0, default=last)


def rate_of(valid: Sequence[StepModel], replicas: int) -> ServingRate | None:
    """What one replica serves within the objective, with an interval over its repeats; `None` = at best a lower bound."""
    served = _served(valid)
    if not served:
        return None
    slots = [step.concurrency_littles / replicas for step in served if step.concurrency_littles is not None]
    rates = [_in_time(step) for step in served]
    p50, p95 = ([getattr(step.total_seconds, name).value for step in served] for name in ("p50", "p95"))
    known = [[value for value in column if value is not None] for column in (rates, p50, p95)]
    if not slots or not all(known):
        return None
    return ServingRate(
        replicas=replicas,
        slots_per_replica=_over_repeats(slots),
        requests_per_second_per_replica=_over_repeats([rate / replicas for rate in known[0]]),
        service_seconds_p50=float(np.mean(known[1])),
        service_seconds_p95=float(np.mean(known[2])),
    )


def at_least(valid: Sequence[StepModel], replicas: int) -> list[str]:
    """What is said where `rate_of` gives none, though something was kept."""
    met = bracket(valid).met
    if met is None:
        return []
    return [
        f"At {offered_rate(met):.3g} requests a second the objective was kept, and nothing close above it was missed: one "
        f"replica carries at least {offered_rate(met) / replicas:.3g}. No number of replicas is reckoned from that; "
        "--find-capacity, with more --minutes, looks for the most."
    ]


def _in_time(step: StepModel) -> float | None:
    """Answers a second within the objective that can go on: not those that only the beginning of a queue let in."""
    good, answered = step.goodput_requests_per_second.value, step.answered_requests_per_second.value
    return good if good is None or answered is None else min(good, answered)


def _served(valid: Sequence[StepModel]) -> list[StepModel]:
    """The repeats, if most of them met the objective; else the fastest single step below them that did.

    None of them where no step close above missed it: the server may carry many times more.
    """
    repeats = [step for step in valid if step.kind is StepKind.REPEAT]
    met = [step for step in repeats if step.outcome is StepOutcome.MET]
    is_sure = bool(met) and 2 * len(met) > len(repeats)
    below = min((offered_rate(step) for step in repeats if not is_sure), default=float("inf"))
    single = bracket([step for step in valid if offered_rate(step) < below]).met
    served = met if is_sure else [single] if single is not None else []
    return served if _is_enclosed(served, valid) else []


def _is_enclosed(served: Sequence[StepModel], valid: Sequence[StepModel]) -> bool:
    """Whether some step with nearly as much offered missed the objective."""
    most = max(map(offered_rate, served), default=0.0)
    missed = [offered_rate(step) for step in valid if step.outcome is StepOutcome.MISSED]
    return any(most / NEAR <= rate <= NEAR * most for rate in missed)


def _over_repeats(values: Sequence[float]) -> EstimateModel:
    """Their mean with Student's t; one value has no interval."""
    n, mean = len(values), float(np.mean(values))
    if n == 1:
        return EstimateModel(value=mean, n=1, method=REPEATS_METHOD)
    half = float(t.isf(0.025, n - 1)) * float(np.std(values, ddof=1)) / n**0.5
    return EstimateModel(value=mean, low=max(0.0, mean - half), high=mean + half, n=n, method=REPEATS_METHOD)


def _covers(
    terms: RehearsalTerms, valid: Sequence[StepModel], arrivals: Arrivals, objective: ObjectiveModel
) -> CoversModel:  # fmt: skip
    peak = peak_per_minute(arrivals)
    offered = [step.offered_requests_per_second for step in valid if step.offered_requests_per_second is not None]
    length = speed_seconds(terms, has_objective=has_times(objective)) * terms.speeds[0] * SECOND_US
    begins = (
        int(arrivals.arrived_us[busiest(arrivals, length)[0]]) if length <= arrivals.span_us else int(arrivals.arrived_us[0])
    )
    until = min(begins + int(length), int(arrivals.arrived_us[-1]))
    return CoversModel(
        production_requests_per_minute_peak=peak,
        recorded_from=_moment(begins),
        recorded_until=_moment(until),
        largest_share=max(offered) * 60 / peak if offered and peak else None,
    )


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
