"""Times by the hour of the day and by the load of the moment: whether, and when, latency grows."""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np

from app.costs.queue_replay import stream_of
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Flags, Floats, Numbers, ReplyColumns, places_by_number
from app.domain.operation_models import GroupTimes, HourTimes, LoadTimes
from app.pipeline.closing import EPOCH
from app.statistics.clustered import QUANTILE_METHOD, clustered_quantile

P50, P95 = 0.5, 0.95
HOURS = 24
# Fewer say nothing of the slowest twentieth.
ENOUGH = 20
# Bins end at these quantiles of an arm's own load: the busiest twentieth apart.
LOAD_SHARES = (0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
_SECOND_US = 1_000_000
_HOUR_US = 3600 * _SECOND_US
# The finest difference between zones.
_QUARTER = timedelta(minutes=15)
_QUARTER_US = _HOUR_US // 4


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """One arm's known times of one kind.

    Attributes:
        times: In seconds, shape (n,).
        arrived_us: When each request arrived, in microseconds since 1970.
        at_once: The arm's requests under way as each arrived, itself counted; 0 = not known.
    """

    times: Floats
    arrived_us: Numbers
    at_once: Numbers

    def group(self, rows: Numbers) -> GroupTimes:
        """Quantiles of some rows; answers of one clock hour resemble each other and count as a cluster."""
        n = len(rows)
        if n < ENOUGH:
            nothing = EstimateModel(n=n, method=QUANTILE_METHOD)
            return GroupTimes(p50=nothing, p95=nothing)
        times, clusters = self.times[rows], self.arrived_us[rows] // _HOUR_US
        p50, p95 = (clustered_quantile(values=times, clusters=clusters, probability=p) for p in (P50, P95))
        return GroupTimes(p50=EstimateModel.of(p50), p95=EstimateModel.of(p95))


def hours_of(incumbent: Known, candidate: Known, timezone: str) -> list[HourTimes]:
    """Each hour of the day in a zone, by when requests arrived; no row where no time is known at all."""
    if not len(incumbent.times) and not len(candidate.times):
        return []
    both = [dict(places_by_number(local_hours(arm.arrived_us, timezone))) for arm in (incumbent, candidate)]
    none = np.empty(0, dtype=np.int64)
    return [
        HourTimes(
            hour=hour,
            incumbent=incumbent.group(both[0].get(hour, none)),
            candidate=candidate.group(both[1].get(hour, none)),
        )
        for hour in range(HOURS)
    ]


def local_hours(arrived_us: Numbers, timezone: str) -> Numbers:
    """The hour of the day (0 to 23) in a zone of moments in microseconds since 1970."""
    if not len(arrived_us):
        return np.empty(0, dtype=np.int64)
    zone, quarters = ZoneInfo(timezone), arrived_us // _QUARTER_US
    first = int(quarters.min())
    there = np.flatnonzero(np.bincount(quarters - first))
    hours = np.zeros(int(there[-1]) + 1, dtype=np.int64)
    hours[there] = [(EPOCH + (first + place) * _QUARTER).astimezone(zone).hour for place in there.tolist()]
    return hours[quarters - first]


def loads_of(arm: Known) -> list[LoadTimes]:
    """An arm's times in bins of its own load."""
    there = np.flatnonzero(arm.at_once > 0)
    if not len(there):
        return []
    load = arm.at_once[there]
    upto = np.cumsum(np.bincount(load))
    ends = np.unique(np.searchsorted(upto, np.ceil(np.round(np.array(LOAD_SHARES) * len(load), 6))))
    bins = np.searchsorted(ends, np.arange(len(upto)))
    return [_bin(arm, there[rows], load[rows]) for _, rows in places_by_number(bins[load])]


def _bin(arm: Known, rows: Numbers, load: Numbers) -> LoadTimes:
    return LoadTimes(
        at_once_from=int(load.min()), at_once_to=int(load.max()), at_once_mean=float(load.mean()), times=arm.group(rows)
    )


def at_once_of(replies: ReplyColumns, sources: Flags, arrived_us: Numbers, waited_seconds: Floats | None) -> Numbers:
    """An arm's requests under way as each of them reached it, itself counted; 0 = nobody knows.

    Failures take a server's time too; what was replayed came at another pace.

    Args:
        replies: The arm's.
        sources: Which rows came at production's own pace.
        arrived_us: When each request arrived.
        waited_seconds: How long after that it was sent to the arm; `None` = at once.
    """
    rows = np.flatnonzero(replies.is_there & sources & (replies.total_seconds >= 0))
    begins = arrived_us[rows]
    if waited_seconds is not None:
        begins = begins + np.round(np.nan_to_num(waited_seconds[rows]) * _SECOND_US).astype(np.int64)
    stream = stream_of(begins, replies.total_seconds[rows])
    found = np.zeros(len(arrived_us), dtype=np.int64)
    found[rows[stream.rows]] = stream.at_once
    return found
