"""Intervals that know of clusters, against independent ones and by how often they are right."""

from collections.abc import Callable

import numpy as np
import pytest

from app.domain.estimate import Estimate
from app.statistics.clustered import Numbers, clustered_quantile, clustered_slope, difference_of_quantiles


def test_a_quantile_is_the_least_value_that_so_many_reach() -> None:
    values = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    found = [clustered_quantile(values=values, clusters=np.arange(5), probability=p).value for p in (0.2, 0.21, 0.5, 0.99)]
    assert found == [1.0, 2.0, 3.0, 5.0]


def test_without_values_or_with_one_cluster_nothing_is_bounded() -> None:
    nothing = clustered_quantile(values=np.empty(0), clusters=np.empty(0, dtype=np.int64), probability=0.95)
    one = clustered_quantile(values=np.arange(100.0), clusters=np.zeros(100, dtype=np.int64), probability=0.95)
    assert (nothing.value, nothing.low, nothing.n) == (None, None, 0)
    assert (one.value, one.low, one.high, one.n) == (94.0, None, None, 100)


def test_few_values_cannot_bound_a_high_quantile_from_above() -> None:
    found = clustered_quantile(values=np.arange(50.0), clusters=np.arange(50), probability=0.95)
    assert found.high is None
    assert found.low is not None


def test_clusters_widen_and_never_narrow() -> None:
    rng = np.random.default_rng(3)
    hours = np.repeat(np.arange(40), 50)
    values = rng.normal(size=40)[hours] + 0.1 * rng.normal(size=2000)
    width = {}
    for name, clusters in (("hours", hours), ("each", np.arange(2000)), ("balanced", np.argsort(np.argsort(values)) % 100)):
        found = clustered_quantile(values=values, clusters=clusters, probability=0.9)
        assert found.low is not None
        assert found.high is not None
        width[name] = found.high - found.low
    assert width["hours"] > 3 * width["each"]
    assert width["balanced"] >= width["each"]


def test_the_interval_holds_the_quantile_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hours = np.repeat(np.arange(60), 30)
    hits = []
    for _ in range(400):
        values = rng.normal(size=60)[hours] + rng.normal(size=1800)
        found = clustered_quantile(values=values, clusters=hours, probability=0.9)
        truth = 1.2815515655 * np.sqrt(2)
        hits.append((found.low or -9) <= truth <= (found.high or 9))
    assert 0.91 <= np.mean(hits) <= 0.98


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1])
def test_a_probability_outside_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        clustered_quantile(values=np.arange(3.0), clusters=np.arange(3), probability=probability)


def test_a_difference_takes_the_ends_that_it_rests_on() -> None:
    last, first = Estimate(5.0, 3.0, None, 10, "m"), Estimate(1.0, 0.5, 2.5, 20, "m")
    found = difference_of_quantiles(last=last, first=first)
    assert (found.value, found.high, found.n) == (4.0, None, 30)
    assert found.low == pytest.approx(4 - 2.5)
    unknown = difference_of_quantiles(last=Estimate(None, None, None, 0, "m"), first=first)
    assert (unknown.value, unknown.low, unknown.high) == (None, None, None)


def test_a_slope_is_that_of_least_squares_with_the_other_columns_held_equal() -> None:
    rng = np.random.default_rng(1)
    load = rng.integers(1, 9, 500).astype(np.float64)
    age = np.arange(500.0) + 3 * load
    times = 1.0 + 0.02 * age - 0.5 * load + 0.001 * rng.normal(size=500)
    clusters = np.arange(500) // 10
    held = clustered_slope(columns=np.column_stack([age, load]), response=times, clusters=clusters)
    assert held.value == pytest.approx(0.02, abs=1e-4)
    assert (held.low or 1) < 0.02 < (held.high or 0)
    assert held.n == 500
    alone = clustered_slope(columns=age[:, None], response=times, clusters=clusters)
    assert alone.value == pytest.approx(np.polyfit(age, times, 1)[0])


def test_what_the_columns_do_not_tell_is_unknown() -> None:
    ones = np.ones((50, 1))
    assert clustered_slope(columns=ones, response=np.arange(50.0), clusters=np.arange(50)).value is None
    two = clustered_slope(columns=np.arange(50.0)[:, None], response=np.arange(50.0), clusters=np.arange(50) // 25)
    assert two.value == pytest.approx(1.0)
    assert (two.low, two.high) == (None, None)
    nothing = clustered_slope(columns=np.empty((0, 1)), response=np.empty(0), clusters=np.empty(0, dtype=np.int64))
    assert (nothing.value, nothing.n) == (None, 0)


def test_errors_of_a_slope_know_of_clusters() -> None:
    rng = np.random.default_rng(5)
    days = np.repeat(np.arange(30), 24)
    x = days + rng.normal(size=720)
    noise = rng.normal(size=30)[days]
    found = [clustered_slope(columns=x[:, None], response=noise, clusters=each) for each in (days, np.arange(720))]
    widths = [(each.high or 0) - (each.low or 0) for each in found]
    assert widths[0] > 3 * widths[1]


@pytest.mark.parametrize("named", [lambda hours: hours * 7 + 400_000, lambda hours: hours * 10**12, lambda hours: 39 - hours])
def test_what_clusters_are_called_means_nothing(named: Callable[[Numbers], Numbers]) -> None:
    rng = np.random.default_rng(9)
    hours = np.repeat(np.arange(40), 25)
    values = rng.normal(size=40)[hours] + rng.normal(size=1000)
    one, other = (clustered_quantile(values=values, clusters=each, probability=0.8) for each in (hours, named(hours)))
    assert one == other
    slopes = [clustered_slope(columns=values[:, None], response=values**2, clusters=each) for each in (hours, named(hours))]
    assert slopes[0].low == pytest.approx(slopes[1].low, rel=1e-9)
