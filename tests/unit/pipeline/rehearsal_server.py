"""A server of known capacity in numbers alone: no clock, no socket."""

import heapq
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from app.domain.rehearsal import ObjectiveModel, RehearsalTerms, StepModel
from app.pipeline.rehearsal_figures import Call, Offer, figures_of, has_times
from app.pipeline.rehearsal_schedule import Arrivals, schedule, speed_for
from app.pipeline.rehearsal_search import next_step

AT = datetime(2026, 11, 2, tzinfo=UTC)


def served(due: Sequence[float], *, slots: int, service: float, until: float) -> list[Call]:
    """What becomes of requests: `slots` at once, each for the same time; what is in flight at `until` is ended."""
    free = [0.0] * slots
    calls = []
    for moment in due:
        begins = max(moment, heapq.heappop(free))
        heapq.heappush(free, begins + service)
        is_late = begins + service > until
        ended = until if is_late else begins + service
        calls.append(Call(moment, moment, ended, None if is_late else begins + service / 4, is_unfinished=is_late))
    return calls


def rehearsed(
    arrivals: Arrivals, terms: RehearsalTerms, objective: ObjectiveModel, *, slots: int, service: float
) -> list[StepModel]:
    """All steps against such a server."""
    steps: list[StepModel] = []
    while (coming := next_step(terms, steps, has_objective=has_times(objective))) is not None:
        generator = np.random.default_rng(len(steps))
        speed = coming.speed or speed_for(arrivals, rate=coming.rate or 0.0, seconds=coming.seconds)
        planned = schedule(arrivals, speed=speed, seconds=coming.seconds, generator=generator)
        patience = 2 * (objective.total_p95_seconds or 30.0)
        calls = served(planned.due_seconds.tolist(), slots=slots, service=service, until=coming.seconds + patience)
        figures = figures_of(calls, Offer(coming.seconds), objective)
        begun = {"kind": coming.kind, "started_at": AT, "speed": speed, "seconds": coming.seconds}
        steps.append(StepModel.model_validate(begun | figures))
        assert len(steps) < 30
    return steps


def poisson(rate: float, seconds: float, seed: int = 3) -> Arrivals:
    moments = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, int(rate * seconds)))
    return Arrivals(np.arange(len(moments)), (moments * 1e6).astype(np.int64), np.ones(len(moments)))
