"""Recorded requests leave again at their own moments, in the busiest window, as many as production had."""

import numpy as np
import pytest

from app.pipeline.rehearsal_schedule import (
    JITTER_SECONDS,
    Arrivals,
    busiest,
    day_share,
    peak_per_minute,
    schedule,
    speed_for,
    spread,
)


def recorded(seconds: list[float], weights: list[float] | None = None) -> Arrivals:
    moments = np.round(np.array(seconds) * 1e6).astype(np.int64) + 1_000_000_000
    return Arrivals(np.arange(len(seconds)) + 100, moments, np.array(weights or [1.0] * len(seconds)))


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


QUIET_THEN_BUSY = recorded([0.2, 60.4, 100, 100.5, 101, 101.5, 102, 300.7])


@pytest.mark.parametrize(
    ("speed", "seconds", "due", "rows"),
    [
        (1.0, 2.0, [0, 0.5, 1.0, 1.5], [2, 3, 4, 5]),  # the end of the window is not in it
        (2.0, 1.0, [0, 0.25, 0.5, 0.75], [2, 3, 4, 5]),
        (0.5, 4.0, [0, 1, 2, 3], [2, 3, 4, 5]),
        (1.0, 2.1, [0, 0.5, 1.0, 1.5, 2.0], [2, 3, 4, 5, 6]),
    ],
)
def test_the_busiest_window_leaves_at_its_own_moments(speed: float, seconds: float, due: list[float], rows: list[int]) -> None:
    found = schedule(QUIET_THEN_BUSY, speed=speed, seconds=seconds, generator=drawn())
    assert found.due_seconds.tolist() == pytest.approx(due)
    assert found.rows.tolist() == rows
    assert not found.is_repeat.any()
    assert (found.begins_us, found.ends_us) == (1_100_000_000, 1_100_000_000 + int(seconds * speed * 1e6))


def test_a_recording_that_is_too_short_is_gone_through_again_at_the_same_rate() -> None:
    found = schedule(recorded([0, 1, 2, 3]), speed=10.0, seconds=1.0, generator=drawn())
    assert found.due_seconds.tolist() == pytest.approx([number / 10 for number in range(10)])
    assert found.rows.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert found.rounds == 3


@pytest.mark.parametrize(("weight", "least", "most"), [(1.0, 400, 400), (4.0, 1600, 1600), (2.5, 930, 1070)])
def test_a_thinned_sample_is_filled_up_to_productions_rate(weight: float, least: int, most: int) -> None:
    thinned = recorded([float(second) for second in range(400)], [weight] * 400)
    found = schedule(thinned, speed=2.0, seconds=199.99, generator=drawn())
    assert least <= len(found) <= most
    assert (~found.is_repeat).sum() == 400
    assert found.is_repeat.sum() == len(found) - 400
    assert (np.diff(found.due_seconds) >= 0).all()
    assert 0 <= found.due_seconds.min() <= found.due_seconds.max() < 199.99
    own = (thinned.arrived_us[found.rows] - found.begins_us) / 2e6
    assert np.abs(found.due_seconds - own).max() <= JITTER_SECONDS / 2 + 1e-6
    assert np.array_equal(found.due_seconds[~found.is_repeat], own[~found.is_repeat])


def test_the_same_seed_fills_up_the_same_way_and_another_one_differently() -> None:
    thinned = recorded([float(second) for second in range(50)], [3.0] * 50)
    one, same, other = (schedule(thinned, speed=1.0, seconds=40, generator=drawn(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.due_seconds, same.due_seconds)
    assert not np.array_equal(one.due_seconds, other.due_seconds)


@pytest.mark.parametrize("rate", [0.1, 0.5, 3.0, 40.0])
def test_the_speed_at_which_a_window_brings_a_rate(rate: float) -> None:
    generator = drawn(5)
    arrivals = recorded(np.cumsum(generator.exponential(0.5, 2000)).tolist(), [2.0] * 2000)
    speed = speed_for(arrivals, rate=rate, seconds=100.0)
    found = schedule(arrivals, speed=speed, seconds=100.0, generator=generator)
    assert len(found) / 100 == pytest.approx(rate, rel=0.02, abs=0.02)


@pytest.mark.parametrize(
    ("moments", "weights", "seconds", "share"),
    [
        ([0.0, 60.0], None, 864.0, 0.01),  # of less than a day: by the clock
        # Two days of four requests, three of them in one hour, one of which stands for three: 5 of 12 in two days.
        ([0.0, 100.0, 200.0, 172_799.0 / 4 * 3 + 1], [1.0, 3.0, 1.0, 7.0], 3600.0, 2 * 7 / 12),
        ([0.0, 100.0, 200.0, 129_600.0], [1.0, 3.0, 1.0, 1.0], 3600.0, 2 * 5 / 6),
    ],
)
def test_what_share_of_a_day_comes_while_a_rehearsal_lasts(
    moments: list[float], weights: list[float] | None, seconds: float, share: float
) -> None:
    assert day_share(recorded(moments, weights), seconds) == pytest.approx(min(1.0, share), rel=1e-3)


def test_a_window_is_busiest_by_productions_requests_not_by_those_that_were_sampled() -> None:
    assert busiest(recorded([0, 1, 2, 100, 101], [1, 1, 1, 10, 10]), 10e6) == (3, 20.0)
    assert peak_per_minute(recorded([0, 59.9, 60, 119], [1, 1, 1, 1])) == 3
    assert peak_per_minute(recorded([0, 60, 120])) == 1
    assert peak_per_minute(recorded([])) is None


@pytest.mark.parametrize(("seconds", "unit"), [([0, 60, 60, 120], 60.0), ([0, 1, 1, 7], 1.0), ([0, 1.5, 2, 7.25], 0.0)])
def test_times_that_were_cut_to_seconds_or_minutes_are_drawn_over_them(seconds: list[float], unit: float) -> None:
    arrivals = recorded([float(second) + 1020 - 1000 for second in seconds])
    whole = Arrivals(arrivals.ids, arrivals.arrived_us - 1_000_000_000, arrivals.weights)
    if unit == 60.0:
        whole = Arrivals(whole.ids, whole.arrived_us - 20_000_000, whole.weights)
    found, cut_to = spread(whole, drawn())
    assert cut_to == unit
    moved = np.sort(found.arrived_us) - np.sort(whole.arrived_us)
    assert (found.arrived_us == whole.arrived_us).all() == (unit == 0.0)
    assert set(found.arrived_us // max(1, int(unit * 1e6))) == set(whole.arrived_us // max(1, int(unit * 1e6)))
    assert moved.max() < unit * 1e6 or unit == 0.0
    assert (np.diff(found.arrived_us) >= 0).all()
