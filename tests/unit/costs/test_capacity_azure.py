"""An hour of real chat traffic (Azure, Splitwise, ISCA 2024): our figures against plain loops over it."""

import csv
import gzip
import heapq
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from app.costs.arrivals import at_once, at_once_by_minute, minute_counts, per_minute
from app.costs.capacity import Load, TimeLimit, replicas_of, slots_needed

TRACE = Path(__file__).resolve().parents[4] / "shared" / "data" / "azure-conv-2023.csv.gz"
needs_trace = pytest.mark.skipif(not TRACE.exists(), reason="the recorded chat traffic is not on this machine")
pytestmark = needs_trace
SLOTS_PER_REPLICA = 6.5
LIMIT_SECONDS = 12.0


@cache
def rows() -> list[tuple[int, int]]:
    """Each request's arrival and time, in microseconds; the trace has no times: 0.2 s + 0.1 ms and 20 ms a token in and out."""
    with gzip.open(TRACE, "rt") as lines:
        return sorted(
            (
                int(datetime.fromisoformat(row["TIMESTAMP"][:26]).replace(tzinfo=UTC).timestamp() * 1e6),
                200_000 + 100 * int(row["ContextTokens"]) + 20_000 * int(row["GeneratedTokens"]),
            )
            for row in csv.DictReader(lines)
        )


def load(*, limit: float | None = None) -> Load:
    arrived, service_us = (np.array(column, dtype=np.int64) for column in zip(*rows(), strict=True))
    service = service_us / 1e6
    limits = () if limit is None else (TimeLimit(service, limit),)
    return Load(arrived, service, np.ones(len(arrived)), 0.0 if limit is None else 10.0, limits)


def test_requests_of_each_minute_equal_a_plain_count() -> None:
    asked = load()
    counted = Counter(arrived // 60_000_000 for arrived, _ in rows())
    at, counts = minute_counts(asked.arrived_us, asked.weights)
    assert len(rows()) == 19_366
    assert dict(zip((at // 60_000_000).tolist(), counts.tolist(), strict=True)) == dict(counted)
    found = per_minute(asked.arrived_us, asked.weights)
    assert found is not None
    assert (found.peak, found.mean) == (max(counted.values()), len(rows()) / len(counted))


def test_requests_at_once_of_each_minute_equal_a_plain_count() -> None:
    running: list[int] = []
    most: Counter[int] = Counter()
    for arrived, service in rows():
        minute = arrived // 60_000_000
        if minute not in most:
            most[minute] = sum(end > minute * 60_000_000 for end in running)  # from the minute before
        while running and running[0] <= arrived:
            heapq.heappop(running)
        heapq.heappush(running, arrived + service)
        most[minute] = max(most[minute], len(running))
    asked = load()
    minutes, counts = at_once_by_minute(asked.arrived_us, asked.service_seconds, asked.weights)
    found = dict(zip((minutes // 60_000_000).tolist(), counts.tolist(), strict=True))
    assert {minute: found[minute] for minute in most} == dict(most)
    peak = at_once(asked.arrived_us, asked.service_seconds, asked.weights)
    assert peak is not None
    assert peak.peak == max(most.values())


def shares_late(slots: int) -> tuple[float, float]:
    """A replay of every request, written anew: the share that waits, and that is answered after the limit."""
    free = [0] * slots
    waited = late = 0
    for arrived, service in rows():
        start = max(arrived, heapq.heappop(free))
        heapq.heappush(free, start + service)
        waited += start > arrived
        late += start + service - arrived > LIMIT_SECONDS * 1e6
    return waited / len(rows()), late / len(rows())


def test_the_replicas_found_keep_the_objective_and_one_fewer_does_not() -> None:
    slots = slots_needed(load())
    assert slots is not None
    replicas = replicas_of(slots, SLOTS_PER_REPLICA)
    of_replicas = {many: shares_late(int(many * SLOTS_PER_REPLICA))[0] for many in (replicas - 1, replicas)}
    assert of_replicas[replicas] <= 0.05 < of_replicas[replicas - 1]
    assert shares_late(slots)[0] <= 0.05 < shares_late(slots - 1)[0]


def test_waiting_within_the_latency_limit_needs_fewer() -> None:
    slots, without_waiting = slots_needed(load(limit=LIMIT_SECONDS)), slots_needed(load())
    assert slots is not None
    assert without_waiting is not None
    assert slots < without_waiting
    assert shares_late(slots)[1] <= 0.05 < shares_late(slots - 1)[1]


def test_as_many_as_poisson_arrivals_need_are_too_few_for_real_ones() -> None:
    asked = load()
    random = np.random.default_rng(1)
    spread = np.sort(random.integers(asked.arrived_us.min(), asked.arrived_us.max(), len(asked.arrived_us)))
    poisson = slots_needed(Load(spread, random.permutation(asked.service_seconds), asked.weights))
    assert poisson is not None
    assert shares_late(poisson)[0] > 0.08
