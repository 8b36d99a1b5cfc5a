"""What traffic asks of servers: requests a minute, requests at once, how bursty it is, and when it comes."""

import math
from dataclasses import dataclass

import numpy as np

from app.costs.queue_replay import MICROSECONDS, Flags, Floats, Numbers

MINUTE_US = 60 * MICROSECONDS
_MINUTES_PER_HOUR = 60
RARE = 0.999


@dataclass(frozen=True, slots=True)
class PerMinute:
    """Requests by UTC clock minute.

    Attributes:
        mean: Over all minutes, empty ones too.
        p999: The 99.9th percentile of all minutes, empty ones too: the least number that at least this share does not exceed.
        peak: Of the busiest minute.
        peak_at_us: When that minute begins, the first of equal ones, in microseconds since 1970.
        dispersion: Variance over mean of the minutes of a whole window: 1 = Poisson arrivals at one constant rate.
        dispersion_within_hour: The same around each UTC hour's own mean: 1 = Poisson arrivals whose rate changes by the hour.
    """

    mean: float
    p999: float
    peak: float
    peak_at_us: int
    dispersion: float | None
    dispersion_within_hour: float | None


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Requests at once, by direct count.

    Attributes:
        peak: The most, each weighted by the requests it stands for.
        peak_at_us: When that is first so, in microseconds since 1970.
        busy_seconds: Sum of the time of all requests, weighted.
        requests: How many that is, weighted.
    """

    peak: float
    peak_at_us: int
    busy_seconds: float
    requests: float

    @property
    def mean_seconds(self) -> float:
        """Mean time of a request: W of Little's law."""
        return self.busy_seconds / self.requests


def minute_counts(arrived_us: Numbers, weights: Floats) -> tuple[Numbers, Floats]:
    """Requests of each UTC clock minute that has some.

    Args:
        arrived_us: When each arrived, in microseconds since 1970, shape (n,).
        weights: How many production requests each stands for, shape (n,).

    Returns:
        When the minutes begin, in microseconds since 1970, ascending, and how many requests each has.

    Example:
        >>> [found.tolist() for found in minute_counts(np.array([0, 59_999_999, 60_000_000]), np.ones(3))]
        [[0, 60000000], [2.0, 1.0]]
    """
    minutes, place = np.unique(arrived_us // MINUTE_US, return_inverse=True)
    return minutes * MINUTE_US, np.bincount(place, weights=weights).astype(np.float64)


def per_minute(arrived_us: Numbers, weights: Floats, *, minutes: int | None = None) -> PerMinute | None:
    """Mean, rare and busiest minutes, and how bursty they are.

    Thinned traffic looks more like Poisson than it is: the dispersion `D` of a sample with mean weight `w` stands for
    `1 + w (D - 1)`.

    Args:
        arrived_us: When each arrived, in microseconds since 1970, shape (n,).
        weights: How many production requests each stands for, shape (n,).
        minutes: How many minutes were watched, those without a request too; default: from the first arrival to the last.

    Returns:
        `None` without a request.

    Source: why Poisson arrivals at the mean rate under-provision: ServeGen, arXiv 2505.09999.
    """
    if not len(arrived_us):
        return None
    at, counts = minute_counts(arrived_us, weights)
    _, seen = minute_counts(arrived_us, np.ones(len(arrived_us)))
    spanned = int((at[-1] - at[0]) // MINUTE_US) + 1
    watched = max(minutes or spanned, len(counts))
    rank = math.ceil(RARE * watched - 1e-9) - 1 - (watched - len(counts))
    weight = float(weights.sum()) / len(weights)
    return PerMinute(
        mean=float(counts.sum()) / watched,
        p999=float(np.sort(counts)[rank]) if rank >= 0 else 0.0,
        peak=float(counts.max()),
        peak_at_us=int(at[int(counts.argmax())]),
        dispersion=_unthinned(_dispersion(seen, watched), weight),
        dispersion_within_hour=_unthinned(_dispersion_within_hour(at, seen), weight),
    )


def _unthinned(dispersion: float | None, weight: float) -> float | None:
    return None if dispersion is None else max(0.0, 1 + weight * (dispersion - 1))


def _dispersion(counts: Floats, minutes: int) -> float | None:
    """Variance over mean, empty minutes counted; `None` with a single minute."""
    if minutes < 2:  # noqa: PLR2004 - a variance needs two
        return None
    mean = float(counts.sum()) / minutes
    variance = (float((counts**2).sum()) - minutes * mean**2) / (minutes - 1)
    return variance / mean


def _dispersion_within_hour(at: Numbers, counts: Floats) -> float | None:
    """Squared distances from each hour's mean over the requests; hours without a request, or at an edge, say nothing."""
    _, hour = np.unique(at // (_MINUTES_PER_HOUR * MINUTE_US), return_inverse=True)
    sums, squares = np.bincount(hour, weights=counts), np.bincount(hour, weights=counts**2)
    whole = slice(1, -1)
    sums, squares = sums[whole], squares[whole]
    if not len(sums):
        return None
    spread = squares - sums**2 / _MINUTES_PER_HOUR
    return float(spread.sum()) * _MINUTES_PER_HOUR / (_MINUTES_PER_HOUR - 1) / float(sums.sum())


def at_once(arrived_us: Numbers, total_seconds: Floats, weights: Floats) -> AtOnce | None:
    """Requests between arrival and arrival + total time, counted; one that ends when another begins makes room.

    Args:
        arrived_us: When each arrived, in microseconds since 1970, shape (n,).
        total_seconds: How long each took, in seconds, shape (n,).
        weights: How many production requests each stands for, shape (n,).

    Returns:
        `None` without a request.

    Example:
        >>> at_once(np.array([0, 5_000_000, 10_000_000]), np.array([10.0, 5.0, 1.0]), np.ones(3)).peak
        2.0
    """
    if not len(arrived_us):
        return None
    moments, running, _ = _running(arrived_us, total_seconds, weights)
    top = int(running.argmax())
    return AtOnce(float(running[top]), int(moments[top]), float((total_seconds * weights).sum()), float(weights.sum()))


def at_once_by_minute(arrived_us: Numbers, total_seconds: Floats, weights: Floats) -> tuple[Numbers, Floats]:
    """The most requests at once within each UTC clock minute, from the first arrival's to the last end's.

    Returns:
        When the minutes begin, in microseconds since 1970, and the most requests at once in each; those that arrived earlier
        and are still being answered count.

    Example:
        >>> [found.tolist() for found in at_once_by_minute(np.array([0, 1_000_000]), np.array([90.0, 2.0]), np.ones(2))]
        [[0, 60000000], [2.0, 1.0]]
    """
    if not len(arrived_us):
        return np.empty(0, dtype=np.int64), np.empty(0)
    moments, running, is_begin = _running(arrived_us, total_seconds, weights)
    minutes = np.arange(moments[0] // MINUTE_US, moments[-1] // MINUTE_US + 1) * MINUTE_US
    # At a minute's begin as many run as after the last event up to then.
    last = np.searchsorted(moments, minutes, side="right") - 1
    begins = np.where(last >= 0, running[np.maximum(last, 0)], 0.0)
    most = begins.copy()
    # More run only after a begin; between ends of the same moment a count stands for no time at all.
    np.maximum.at(most, (moments[is_begin] - minutes[0]) // MINUTE_US, running[is_begin])
    return minutes, most


def _running(arrived_us: Numbers, total_seconds: Floats, weights: Floats) -> tuple[Numbers, Floats, Flags]:
    """Each begin and end in order, ends first, how many requests run after it, and whether it is a begin."""
    ends = arrived_us + np.round(total_seconds * MICROSECONDS).astype(np.int64)
    moments = np.concatenate([ends, arrived_us])
    change = np.concatenate([-weights, weights])
    is_begin = np.repeat([False, True], len(arrived_us))
    order = np.lexsort((is_begin, moments))
    return moments[order], np.cumsum(change[order]), is_begin[order]


def little(*, requests: float, seconds: float, mean_seconds: float) -> float:
    """Requests at once on average by Little's law, `L = lambda W`.

    Args:
        requests: How many arrive.
        seconds: Within how long, above 0.
        mean_seconds: How long each takes.

    Raises:
        ValueError: If `seconds` is not above 0.

    Source: Little, "A proof for the queuing formula L = lambda W", Operations Research 9 (1961).

    Example:
        >>> little(requests=120, seconds=60, mean_seconds=3.5)
        7.0
    """
    if not seconds > 0:
        message = f"seconds must be above 0, not {seconds}"
        raise ValueError(message)
    return requests / seconds * mean_seconds


def mean_at_once(arrived_us: Numbers, total_seconds: Floats, weights: Floats, *, begin_us: int, end_us: int) -> float:
    """Requests at once averaged over a stretch of time, by direct count: what of each request's time lies within it.

    Little's law differs from it by the requests that reach over the edges of the stretch.

    Raises:
        ValueError: If the stretch is empty.
    """
    if end_us <= begin_us:
        message = f"end_us must be after begin_us, not {end_us} and {begin_us}"
        raise ValueError(message)
    ends = arrived_us + np.round(total_seconds * MICROSECONDS).astype(np.int64)
    inside = np.minimum(ends, end_us) - np.maximum(arrived_us, begin_us)
    return float((np.maximum(inside, 0) * weights).sum()) / (end_us - begin_us)


def profile(quarters: Floats, hours: Numbers, is_weekend: Flags) -> tuple[list[float | None], list[float | None]]:
    """Requests an hour by the local hour of the day, on weekdays and at weekends.

    Args:
        quarters: Requests of each quarter of an hour that was watched, shape (n,).
        hours: Its local hour of the day, 0 to 23, shape (n,).
        is_weekend: Whether its local day is a Saturday or Sunday, shape (n,).

    Returns:
        24 means each; `None` for an hour that was not watched.
    """
    found = []
    for chosen in (~is_weekend, is_weekend):
        sums = np.bincount(hours[chosen], weights=quarters[chosen], minlength=24)
        watched = np.bincount(hours[chosen], minlength=24)
        found.append([4 * float(s) / int(n) if n else None for s, n in zip(sums, watched, strict=True)])
    return found[0], found[1]
