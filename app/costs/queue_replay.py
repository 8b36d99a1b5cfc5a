"""Requests replayed through servers with a fixed number of slots: one queue before all, first come first served."""

from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heapreplace

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
MICROSECONDS = 1_000_000


@dataclass(frozen=True, eq=False)
class Stream:
    """Requests in order of arrival.

    Attributes:
        arrived_us: When each arrived, in microseconds, ascending, shape (n,).
        service_us: How long a slot is taken by each, in microseconds, at least 1, shape (n,).
        rows: Which request of the caller's each is, shape (n,).
    """

    arrived_us: Numbers
    service_us: Numbers
    rows: Numbers

    def __len__(self) -> int:
        return len(self.arrived_us)

    @cached_property
    def at_once(self) -> Numbers:
        """How many are answered at each arrival, itself counted, if slots never run out; who ends just then has gone."""
        ended = np.searchsorted(np.sort(self.arrived_us + self.service_us), self.arrived_us, side="right")
        return np.asarray(np.arange(1, len(self) + 1) - ended, dtype=np.int64)

    @cached_property
    def listed(self) -> tuple[list[int], list[int]]:
        """Arrivals and services as Python's own numbers, which a loop reads faster."""
        return self.arrived_us.tolist(), self.service_us.tolist()

    @cached_property
    def longest_us(self) -> int:
        """The longest service."""
        return int(self.service_us.max()) if len(self) else 0


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """Who waited, as places in the stream, ascending, and how long, in microseconds, above 0."""

    places: Numbers
    waits_us: Numbers


@dataclass(slots=True)
class _Found:
    """What a replay has seen so far; more than `most` waits above `limit_us` end it."""

    limit_us: int
    most: int
    places: list[int]
    waits_us: list[int]
    late: int = 0


def stream_of(arrived_us: Numbers, service_seconds: Floats) -> Stream:
    """Sorts requests by arrival; equal arrivals keep their order.

    Args:
        arrived_us: In microseconds, shape (n,).
        service_seconds: How long each takes a slot, in seconds, shape (n,); what rounds to nothing takes a microsecond.

    Raises:
        ValueError: If the shapes differ, or a service is below 0 or not a number.
    """
    if arrived_us.shape != service_seconds.shape:
        message = f"as many services as arrivals are needed, not {len(service_seconds)} and {len(arrived_us)}"
        raise ValueError(message)
    if len(service_seconds) and not service_seconds.min() >= 0:
        message = f"service_seconds must be numbers of at least 0, not {service_seconds.min()}"
        raise ValueError(message)
    order = np.argsort(arrived_us, kind="stable")
    service_us = np.maximum(1, np.round(service_seconds * MICROSECONDS)).astype(np.int64)
    return Stream(arrived_us[order], service_us[order], order.astype(np.int64))


def replay(stream: Stream, *, slots: int, limit_us: int = 0, most: int | None = None) -> Waits | None:
    """Replays a stream through so many slots: each request takes the slot that is free first, in order of arrival.

    A single queue before all slots is what a load balancer comes to that sends each request to the least loaded replica and
    keeps it waiting while all are full. Only stretches in which more requests would be answered at once than there are slots
    can make anybody wait, so only those are replayed, from their first to the moment when everybody who waited is answered.

    Args:
        stream: The requests.
        slots: How many are answered at once, at least 1.
        limit_us: A wait above this is counted as late, in microseconds.
        most: So many may be late; `None` = all.

    Returns:
        Who waited and how long; `None` once more than `most` were late.

    Raises:
        ValueError: If `slots` is below 1.

    Source: the recursion of Kiefer and Wolfowitz, "On the theory of queues with many servers", Trans. AMS 78 (1955): with a
        slot more nobody waits longer.

    Example:
        >>> waits = replay(stream_of(np.array([0, 1_000_000]), np.array([3.0, 1.0])), slots=1)
        >>> waits.places.tolist(), waits.waits_us.tolist()
        ([1], [2000000])
    """
    if slots < 1:
        message = f"slots must be at least 1, not {slots}"
        raise ValueError(message)
    crowded = np.flatnonzero(stream.at_once > slots)
    found = _Found(limit_us, len(stream) if most is None else most, [], [])
    place = 0
    while place < len(crowded):
        end = _stretch(stream, int(crowded[place]), found)
        if end is None:
            return None
        place = int(np.searchsorted(crowded, end))
    return Waits(np.array(found.places, dtype=np.int64), np.array(found.waits_us, dtype=np.int64))


def _stretch(stream: Stream, start: int, found: _Found) -> int | None:
    """Replays from the first request that finds no slot until nobody is left who waited; the place where that is."""
    arrived, service = stream.listed
    places, waits, limit, most, late = found.places, found.waits_us, found.limit_us, found.most, found.late
    ends = _in_service(stream, start)  # as many as there are slots: with the one that arrives they are one too many
    heapify(ends)
    clear = 0
    for place in range(start, len(arrived)):
        now, free = arrived[place], ends[0]
        if free > now:
            places.append(place)
            waits.append(free - now)
            if free - now > limit:
                late += 1
                if late > most:
                    return None
            done = free + service[place]
            clear = max(clear, done)
        elif now >= clear:
            found.late = late
            return place
        else:
            done = now + service[place]
        heapreplace(ends, done)
    found.late = late
    return len(arrived)


def _in_service(stream: Stream, start: int) -> list[int]:
    """When those end that are being answered as one arrives, none of whom had waited."""
    now = stream.arrived_us[start]
    first = int(np.searchsorted(stream.arrived_us, now - stream.longest_us))
    ends = stream.arrived_us[first:start] + stream.service_us[first:start]
    found: list[int] = ends[ends > now].tolist()
    return found
