"""Whether a candidate grows slower with the age of its server's process, or with the calls that it answers at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Evidence, Flags, Floats, Numbers, ReplyColumns
from app.domain.serving import HourReadings, ServerProcess, ServingBucket, ServingTrend
from app.domain.words import Source
from app.pipeline.operation import on_time, queue_lag_of, times_of
from app.statistics.clustered import clustered_quantile, clustered_slope, difference_of_quantiles

MEASURES = ("total_seconds", "ttft_any_seconds")
P95 = 0.95
AGE_EDGES_HOURS = (0.0, 1.0, 6.0, 24.0, 72.0, 168.0)
LOAD_EDGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
# A quarter of fewer answers says nothing of their slowest twentieth.
ENOUGH_IN_A_QUARTER = 80
# A process that was not seen for so long may have been another one since.
SEEN_FOR_SECONDS = 600.0
HOUR_SECONDS, DAY_SECONDS = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """Live calls of one arm, one row an exchange.

    Attributes:
        chosen: Rows whose times count.
        sent_seconds: When each call began, in seconds since 1970 (UTC).
        at_once: Calls of the arm under way when each began, itself included; NaN = not known.
    """

    chosen: Flags
    sent_seconds: Floats
    at_once: Floats

    @property
    def hours(self) -> Numbers:
        """The clock hour of each call: what happens within one belongs together."""
        return np.asarray(self.sent_seconds // HOUR_SECONDS, dtype=np.int64)


def calls_of(evidence: Evidence, name: str, counted: Flags) -> Calls:
    """The arm's live calls on closed days; only calls that the mirror made itself have a server's age and load."""
    replies = evidence.arms[name].replies
    lag = queue_lag_of(evidence, name)
    waited = np.nan_to_num(lag) if lag is not None else 0.0
    sent = evidence.exchanges.arrived_us / 1e6 + waited
    live = np.asarray(replies.is_there & (replies.sources == Source.LIVE.value), dtype=bool)
    chosen = counted & live & replies.answered & on_time(replies) & ~np.isnan(replies.total_seconds)
    return Calls(np.asarray(chosen, dtype=bool), sent, _at_once(sent, replies, live))


def _at_once(sent: Floats, replies: ReplyColumns, live: Flags) -> Floats:
    took = live & ~np.isnan(replies.total_seconds)
    begins = np.sort(sent[took])
    ends = np.sort((sent + np.nan_to_num(replies.total_seconds))[took])
    found = np.full(len(sent), np.nan)
    found[took] = np.searchsorted(begins, sent[took], side="right") - np.searchsorted(ends, sent[took], side="right")
    return np.asarray(np.maximum(found, 1.0))  # a call that took no time is over as it begins


def processes_at_once(processes: Sequence[ServerProcess]) -> int:
    """How many processes were seen by turns: above 1, several replicas answer at one address."""
    begins = np.sort(np.array([each.first_at.timestamp() for each in processes]))
    ends = np.sort(np.array([each.last_at.timestamp() for each in processes]))
    if not len(begins):
        return 0
    return int((np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="left")).max())


def ages_hours(moments: Floats, processes: Sequence[ServerProcess]) -> Floats:
    """How long the server's process had run at each moment; NaN where nobody knows which process it was."""
    if processes_at_once(processes) != 1:
        return np.full(len(moments), np.nan)
    ordered = sorted(processes, key=lambda each: each.started_at)
    starts = np.array([each.started_at.timestamp() for each in ordered])
    seen_until = np.array([each.last_at.timestamp() for each in ordered]) + SEEN_FOR_SECONDS
    place = np.searchsorted(starts, moments, side="right") - 1
    is_known = (place >= 0) & (moments <= seen_until[np.maximum(place, 0)])
    return np.where(is_known, (moments - starts[np.maximum(place, 0)]) / HOUR_SECONDS, np.nan)


def trends_by_age(calls: Calls, replies: ReplyColumns, processes: Sequence[ServerProcess]) -> dict[str, ServingTrend]:
    """Each time against the age of the process; the slope is per day, at equal load."""
    ages = ages_hours(calls.sent_seconds, processes)
    return {
        measure: trend
        for measure in MEASURES
        if (trend := _trend(calls, times_of(replies, measure), ages, AGE_EDGES_HOURS, beside=calls.at_once, per=24.0))
        is not None
    }


def trends_by_load(calls: Calls, replies: ReplyColumns) -> dict[str, ServingTrend]:
    """Each time against the calls under way at once; the slope is per call."""
    return {
        measure: trend
        for measure in MEASURES
        if (trend := _trend(calls, times_of(replies, measure), calls.at_once, LOAD_EDGES, beside=None, per=1.0)) is not None
    }


def _trend(
    calls: Calls, times: Floats, along: Floats, edges: Sequence[float], *, beside: Floats | None, per: float
) -> ServingTrend | None:
    """A time along something; `None` where nothing is known."""
    rows = calls.chosen & ~np.isnan(times) & ~np.isnan(along)
    if not rows.any():
        return None
    values, x, hours, at_once = times[rows], along[rows], calls.hours[rows], calls.at_once[rows]
    columns = np.column_stack([x / per] if beside is None else [x / per, beside[rows]])
    if beside is not None and np.ptp(beside[rows]) == 0:
        columns = columns[:, :1]  # the load never varied
    last_minus_first = _last_minus_first(values, x, hours)
    return ServingTrend(
        buckets=list(_buckets(values, x, hours, at_once, edges)),
        slope=EstimateModel.of(clustered_slope(columns=columns, response=values, clusters=hours)),
        last_minus_first=last_minus_first,
        grows=last_minus_first.low > 0 if last_minus_first.low is not None else None,
    )


def _buckets(values: Floats, x: Floats, hours: Numbers, at_once: Floats, edges: Sequence[float]) -> list[ServingBucket]:
    place = np.digitize(x, edges) - 1
    found = []
    for number, begin in enumerate(edges):
        inside = place == number
        if inside.any():
            estimate = clustered_quantile(values=values[inside], clusters=hours[inside], probability=P95)
            to = edges[number + 1] if number + 1 < len(edges) else None
            mean = float(at_once[inside].mean())
            found.append(ServingBucket(from_=begin, to=to, p95=EstimateModel.of(estimate), at_once_mean=mean))
    return found


def _last_minus_first(values: Floats, x: Floats, hours: Numbers) -> EstimateModel:
    """The slowest twentieth of the quarter with the highest x, less that of the quarter with the lowest."""
    low, high = np.quantile(x, [0.25, 0.75])
    first, last = x <= low, x >= high
    if low == high or min(int(first.sum()), int(last.sum())) < ENOUGH_IN_A_QUARTER:
        return EstimateModel()
    both = [clustered_quantile(values=values[rows], clusters=hours[rows], probability=P95) for rows in (last, first)]
    return EstimateModel.of(difference_of_quantiles(last=both[0], first=both[1]))


def kv_cache_per_day(hours: Sequence[HourReadings], processes: Sequence[ServerProcess]) -> EstimateModel:
    """How much the share of the KV cache in use grows for each day of the process's age, at equally many running requests."""
    known = [hour for hour in hours if hour.kv_cache_mean is not None and hour.running_mean is not None]
    if not known:
        return EstimateModel()
    middle = np.array([hour.hour.timestamp() for hour in known]) + HOUR_SECONDS / 2
    ages = ages_hours(middle, processes) / 24.0
    running = np.array([hour.running_mean for hour in known], dtype=np.float64)
    used = np.array([hour.kv_cache_mean for hour in known], dtype=np.float64)
    rows = ~np.isnan(ages)
    columns = np.column_stack([ages, running] if np.ptp(running) else [ages])
    days = (middle // DAY_SECONDS).astype(np.int64)
    return EstimateModel.of(clustered_slope(columns=columns[rows], response=used[rows], clusters=days[rows]))
