"""The asymptotic confidence sequence: its published numbers and its properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.statistics.asymptotic import interval, lower_bound, radius, units_until, upper_bound
from app.statistics.sums import Floats, Sums

PREFERENCES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=60)


def some(n: int, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).choice([0.0, 0.25, 0.5, 0.75, 1.0], size=n)


def test_it_is_the_formula_of_the_paper() -> None:
    values = some(400)
    n, s, alpha, n_optimal = 400, np.std(values, ddof=1), 0.05, 700
    r = math.sqrt((-2 * math.log(2 * alpha) + math.log(1 - 2 * math.log(2 * alpha))) / n_optimal)
    expected = s * math.sqrt(
        2 * (n * r**2 + 1) / (n**2 * r**2) * math.log(1 + math.sqrt(n * r**2 + 1) / (2 * alpha))
    )  # fmt: skip
    assert radius(sums=Sums.of(values=values), alpha=alpha, n_optimal=n_optimal) == pytest.approx(expected, rel=1e-12)


def test_at_the_planned_end_it_is_2_80_standard_errors_wide_against_1_645_of_one_look() -> None:
    sums = Sums.of(values=some(1400))
    error = math.sqrt(sums.variance / 1400)
    assert radius(sums=sums, alpha=0.05, n_optimal=700) / error == pytest.approx(2.80, abs=0.005)


def test_equal_weights_change_nothing() -> None:
    values = some(300)
    plain, weighted = Sums.of(values=values), Sums.of(values=values, weights=np.full(300, 12.5))
    assert weighted.mean == pytest.approx(plain.mean)
    assert weighted.effective_n == pytest.approx(300)
    assert radius(sums=weighted, alpha=0.05, n_optimal=700) == pytest.approx(radius(sums=plain, alpha=0.05, n_optimal=700))


def test_unequal_weights_give_the_weighted_mean_and_a_wider_bound() -> None:
    values, weights = some(300), np.tile([1.0, 5.0], 150)
    sums = Sums.of(values=values, weights=weights)
    assert sums.mean == pytest.approx(np.average(values, weights=weights))
    assert sums.effective_n == pytest.approx(900**2 / (150 * 26))
    assert radius(sums=sums, alpha=0.05, n_optimal=700) > radius(sums=Sums.of(values=values), alpha=0.05, n_optimal=700)


def test_the_bounds_are_symmetric() -> None:
    values = some(200)
    low = lower_bound(sums=Sums.of(values=values), alpha=0.05, n_optimal=700)
    high = upper_bound(sums=Sums.of(values=1 - values), alpha=0.05, n_optimal=700)
    assert low is not None
    assert high is not None
    assert low == pytest.approx(1 - high)


def test_a_few_equal_values_prove_nothing() -> None:
    two_wins = Sums.of(values=np.array([1.0, 1.0]))
    assert lower_bound(sums=two_wins, alpha=0.05, n_optimal=700) == 0.0
    assert interval(sums=Sums.of(values=np.array([0.5])), n_optimal=700).low == 0.0


def test_without_units_nothing_is_known() -> None:
    nothing = interval(sums=Sums(), n_optimal=700)
    assert (nothing.value, nothing.low, nothing.high, nothing.n) == (None, None, None, 0)


def test_unknown_values_widen_the_ends_and_not_the_value() -> None:
    known = Sums.of(values=some(200))
    lowest = known + Sums.of(values=np.zeros(20))
    highest = known + Sums.of(values=np.ones(20))
    estimate, without = interval(sums=known, n_optimal=700, lowest=lowest, highest=highest), interval(sums=known, n_optimal=700)
    assert (estimate.value, estimate.n) == (without.value, 200)
    assert estimate.low is not None
    assert without.low is not None
    assert estimate.low < without.low


@given(PREFERENCES, st.integers(min_value=0, max_value=60))
def test_sums_of_days_add_up_to_the_sums_of_all(values: list[float], cut: int) -> None:
    whole, first, second = (Sums.of(values=np.array(part)) for part in (values, values[:cut], values[cut:]))
    both = first + second
    assert both.n == whole.n
    assert both.mean == pytest.approx(whole.mean)
    assert both.variance == pytest.approx(whole.variance, abs=1e-12)


@given(PREFERENCES)
def test_the_interval_holds_the_mean_and_stays_in_0_to_1(values: list[float]) -> None:
    estimate = interval(sums=Sums.of(values=np.array(values)), n_optimal=700)
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.value is not None
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_the_units_that_are_needed_are_those_at_which_the_bound_clears() -> None:
    n = units_until(mean=0.5, variance=0.137, bound=0.45, alpha=0.05, n_optimal=700)
    assert n is not None
    assert 331 < n < 2 * 459  # more than one fixed look needs, as statistics.md tells
    assert units_until(mean=0.45, variance=0.137, bound=0.45, alpha=0.05, n_optimal=700) is None


@pytest.mark.parametrize(("alpha", "n_optimal"), [(0.0, 700), (0.5, 700), (0.7, 700), (0.05, 0), (0.05, -1), (0.05, math.inf)])
def test_wrong_arguments_are_named(alpha: float, n_optimal: float) -> None:
    with pytest.raises(ValueError, match=r"alpha|n_optimal"):
        radius(sums=Sums(), alpha=alpha, n_optimal=n_optimal)


@pytest.mark.parametrize(
    ("values", "weights", "said"),
    [
        ([1.5], None, "1.5"),
        ([-0.1], None, "-0.1"),
        ([0.5], [0.0], "0.0"),
        ([0.5], [1.0, 2.0], "shape"),
        ([float("nan")], None, "nan"),
    ],
)
def test_values_outside_their_range_are_named(values: list[float], weights: list[float] | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Sums.of(values=np.array(values), weights=None if weights is None else np.array(weights))


def test_without_units_the_radius_is_infinite() -> None:
    assert radius(sums=Sums(), alpha=0.05, n_optimal=700) == math.inf


def test_each_end_may_have_unknown_values_of_its_own() -> None:
    known = Sums.of(values=some(200))
    lowest, highest = known + Sums.of(values=np.zeros(20)), known + Sums.of(values=np.ones(20))
    without = interval(sums=known, n_optimal=700)
    only_low, only_high = (
        interval(sums=known, n_optimal=700, lowest=lowest),
        interval(sums=known, n_optimal=700, highest=highest),
    )
    assert only_low.low == lower_bound(sums=lowest, alpha=0.025, n_optimal=700)
    assert only_high.high == upper_bound(sums=highest, alpha=0.025, n_optimal=700)
    assert (only_low.high, only_high.low) == (without.high, without.low)


def test_a_bound_that_is_only_reached_is_not_cleared() -> None:
    # With a mean of 0 the distance to -radius is the radius itself, to the last bit.
    sums = Sums(60, 60.0, 60.0, 0.0, 0.137 * 59, 0.0, 0.137 * 59)
    distance = radius(sums=sums, alpha=0.05, n_optimal=700)
    assert units_until(mean=0.0, variance=0.137, bound=-distance, alpha=0.05, n_optimal=700) == 61


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.5])
def test_a_confidence_out_of_range_is_named(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        interval(sums=Sums.of(values=some(20)), n_optimal=700, confidence=confidence)
