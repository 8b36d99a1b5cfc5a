"""The days behind times and failures: which was the worst, and how failures come together.

Each needs of a day only what can be kept of it: its times, sorted; its requests and failures by kind; when those failed.
"""

from collections.abc import Iterator

import numpy as np

from app.domain.evidence import Flags, Floats, Numbers, ReplyColumns, places_by_number
from app.domain.operation_models import DayEstimate, OutagesModel
from app.domain.scorecard import EstimateModel
from app.statistics.fixed_sample import WILSON_METHOD, wilson
from app.statistics.outages import design_effect_by_day, effective_counts, episodes
from app.statistics.quantiles import prior_weight, quantile_estimate, quantile_of

P95 = 0.95
# Fewer say nothing of the slowest twentieth, and little of failures.
ENOUGH = 20


def p95_by_day(times: Floats, days: Numbers) -> list[DayEstimate]:
    """The 95th percentile of each day, of known times and their days."""
    found = []
    for day, ordered in _times_by_day(times, days):
        weight = prior_weight(planned=len(ordered))
        estimate = quantile_estimate(ordered=ordered, probability=P95, weight=weight)
        found.append(DayEstimate(day=day, estimate=EstimateModel.of(estimate)))
    return found


def worst_p95(times: Floats, days: Numbers) -> tuple[int, float, int] | None:
    """The day with the highest 95th percentile among those with enough times, its value and its n."""
    found = [
        (quantile_of(ordered=ordered, probability=P95) or 0.0, -day, len(ordered))
        for day, ordered in _times_by_day(times, days)
        if len(ordered) >= ENOUGH
    ]
    value, day, n = max(found, default=(0.0, 0, 0))
    return (-day, value, n) if n else None


def _times_by_day(times: Floats, days: Numbers) -> Iterator[tuple[int, Floats]]:
    """Each day's times, ascending."""
    yield from ((day, np.sort(times[on_day])) for day, on_day in places_by_number(days))


def failures_by_day(failed: Flags, asked: Flags, days: Numbers) -> list[DayEstimate]:
    """The failure rate of each day that has requests."""
    events, trials = counts_by_day(failed, asked, days)
    return [_rate_of_day(day, int(events[day]), int(trials[day])) for day in np.flatnonzero(trials).tolist()]


def counts_by_day(failed: Flags, asked: Flags, days: Numbers) -> tuple[Numbers, Numbers]:
    """Failures and requests by the day's number."""
    size = int(days[asked].max()) + 1 if asked.any() else 1
    return np.bincount(days[asked & failed], minlength=size), np.bincount(days[asked], minlength=size)


def worst_of(by_day: list[DayEstimate]) -> DayEstimate | None:
    """The day with the highest value among those with enough exchanges; the first of equal ones."""
    enough = [each for each in by_day if each.estimate.n >= ENOUGH and each.estimate.value is not None]
    return max(enough, key=lambda each: (each.estimate.value or 0.0, -each.day)) if enough else None


def outages_of(replies: ReplyColumns, asked: Flags, days: Numbers, arrived_us: Numbers) -> OutagesModel:
    """How an arm's failures come together."""
    events, trials = counts_by_day(replies.failed, asked, days)
    effect = design_effect_by_day(events=events, trials=trials)
    failures, worth = effective_counts(events=int(events.sum()), trials=int(trials.sum()), design_effect=effect)
    return OutagesModel(
        episodes=episodes(failed_us=arrived_us[asked & replies.failed]),
        design_effect=effect,
        effective_trials=worth,
        effective_failures=failures,
    )


def _rate_of_day(day: int, events: int, trials: int) -> DayEstimate:
    low, high = wilson(successes=events, trials=trials)
    return DayEstimate(
        day=day, estimate=EstimateModel(value=events / trials, low=low, high=high, n=trials, method=WILSON_METHOD)
    )
