"""The replay of stretches against a plain simulation of every event, and that a slot more never makes anybody wait longer."""

import doctest
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.costs import queue_replay
from app.costs.queue_replay import Stream, replay, stream_of

SECOND = 1_000_000
# Few different moments, so that arrivals meet one another and ends.
instances = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), min_size=1, max_size=40)


def stream(requests: list[tuple[int, int]]) -> Stream:
    arrived, service = zip(*requests, strict=True)
    return stream_of(np.array(arrived, dtype=np.int64) * SECOND, np.array(service, dtype=np.float64))


def waits_of(requests: Stream, slots: int) -> list[int]:
    found = replay(requests, slots=slots)
    assert found is not None
    every = np.zeros(len(requests), dtype=np.int64)
    every[found.places] = found.waits_us
    assert (found.waits_us > 0).all()
    assert (np.diff(found.places) > 0).all()
    return [int(each) for each in every]


def step_by_step(requests: Stream, slots: int) -> list[int]:
    """Each moment's events one by one, with a list as queue and no thought of speed: ends free slots before anybody arrives."""
    arrivals = list(zip(requests.arrived_us.tolist(), requests.service_us.tolist(), strict=True))
    queue: list[int] = []
    running: list[int] = []
    waits = [0] * len(arrivals)
    coming = list(range(len(arrivals)))
    while coming or queue:
        moments = [arrivals[coming[0]][0]] if coming else []
        moments += running
        now = min(moments)
        running = [end for end in running if end > now]
        while coming and arrivals[coming[0]][0] == now:
            queue.append(coming.pop(0))
        while queue and len(running) < slots:
            one = queue.pop(0)
            waits[one] = now - arrivals[one][0]
            running.append(now + arrivals[one][1])
    return waits


def test_the_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(queue_replay, extraglobs={"np": np})
    assert (result.attempted > 0, result.failed) == (True, 0)


@given(instances, st.integers(1, 8))
@settings(max_examples=150, deadline=None)
def test_the_replay_equals_a_simulation_event_by_event(requests: list[tuple[int, int]], slots: int) -> None:
    requested = stream(requests)
    assert waits_of(requested, slots) == step_by_step(requested, slots)


@given(instances, st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_with_a_slot_more_nobody_waits_longer(requests: list[tuple[int, int]], slots: int) -> None:
    requested = stream(requests)
    fewer, more = waits_of(requested, slots), waits_of(requested, slots + 1)
    assert all(after <= before for before, after in zip(fewer, more, strict=True))


@given(instances, st.integers(1, 8), st.integers(0, 9), st.integers(0, 10))
@settings(max_examples=50, deadline=None)
def test_it_stops_exactly_when_more_are_late_than_may_be(
    requests: list[tuple[int, int]], slots: int, limit: int, most: int
) -> None:
    requested = stream(requests)
    late = sum(wait > limit * SECOND for wait in step_by_step(requested, slots))
    assert (replay(requested, slots=slots, limit_us=limit * SECOND, most=most) is None) == (late > most)


@given(instances)
@settings(max_examples=50, deadline=None)
def test_as_many_at_once_as_are_counted_one_by_one(requests: list[tuple[int, int]]) -> None:
    requested = stream(requests)
    ends = requested.arrived_us + requested.service_us
    for place, now in enumerate(requested.arrived_us):
        assert requested.at_once[place] == sum(ends[earlier] > now for earlier in range(place)) + 1


def test_work_is_neither_lost_nor_made() -> None:
    # One slot: the last end is all the work after the last moment that nothing ran.
    requested = stream([(0, 3), (1, 4), (2, 5), (30, 1)])
    assert waits_of(requested, 1) == [0, 2 * SECOND, 5 * SECOND, 0]
    assert Fraction(sum(requested.service_us.tolist()), SECOND) == 13


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="slots must be at least 1, not 0"):
        replay(stream([(0, 1)]), slots=0)
    with pytest.raises(ValueError, match="as many services as arrivals"):
        stream_of(np.array([1]), np.array([1.0, 2.0]))
    for service in (-1.0, np.nan):
        with pytest.raises(ValueError, match="service_seconds"):
            stream_of(np.array([1]), np.array([service]))
