"""Newcombe's intervals and the rule of three against published numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from app.statistics.fixed_sample import wilson
from app.statistics.proportions import (
    difference_estimate,
    paired_difference_estimate,
    paired_mean_difference,
    rule_of_three,
)
from app.statistics.rates import upper_rate

COUNTS = st.integers(0, 40)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_two_groups_have_the_published_interval(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = difference_estimate(first_events=first[0], first_trials=first[1], second_events=second[0], second_trials=second[1])
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)
    assert found.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert found.n == first[1] + second[1]


def test_the_interval_of_pairs_is_the_formula_done_by_hand() -> None:
    a, b, c, d = 36, 12, 2, 3
    n, p, q = 53, 48 / 53, 38 / 53
    (low_p, high_p), (low_q, high_q) = wilson(successes=48, trials=n), wilson(successes=38, trials=n)
    phi = (a * d - b * c - n / 2) / math.sqrt(48 * 5 * 38 * 15)
    below = math.sqrt((p - low_p) ** 2 - 2 * phi * (p - low_p) * (high_q - q) + (high_q - q) ** 2)
    above = math.sqrt((high_p - p) ** 2 - 2 * phi * (high_p - p) * (q - low_q) + (q - low_q) ** 2)
    found = paired_difference_estimate(both=a, first_only=b, second_only=c, neither=d)
    assert (found.low, found.high) == pytest.approx((p - q - below, p - q + above))
    assert found.value == pytest.approx(10 / 53)
    assert found.n == n


def test_pairs_that_disagree_more_than_by_chance_have_a_wider_interval_than_two_groups() -> None:
    paired = paired_difference_estimate(both=2, first_only=20, second_only=15, neither=3)
    apart = difference_estimate(first_events=22, first_trials=40, second_events=17, second_trials=40)
    assert paired.low is not None
    assert apart.low is not None
    assert paired.high is not None
    assert apart.high is not None
    assert paired.high - paired.low > apart.high - apart.low
    # phi is not corrected where it is negative.
    p, q, n = 22 / 40, 17 / 40, 40
    phi = (2 * 3 - 20 * 15) / math.sqrt(22 * 18 * 17 * 23)
    one, other = p - wilson(successes=22, trials=n)[0], wilson(successes=17, trials=n)[1] - q
    assert paired.low == pytest.approx(p - q - math.sqrt(one**2 - 2 * phi * one * other + other**2))


def test_pairs_without_disagreement_still_have_an_interval() -> None:
    found = paired_difference_estimate(both=0, first_only=0, second_only=0, neither=30)
    assert found.value == 0
    assert found.low == pytest.approx(-wilson(successes=0, trials=30)[1])
    assert found.high == pytest.approx(wilson(successes=0, trials=30)[1])
    # A weak positive association is corrected to none.
    weak = paired_difference_estimate(both=6, first_only=5, second_only=5, neither=5)
    apart = difference_estimate(first_events=11, first_trials=21, second_events=11, second_trials=21)
    assert (weak.low, weak.high) == pytest.approx((apart.low, apart.high))


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_swapping_the_groups_turns_the_interval_round(a: int, b: int, c: int, d: int) -> None:
    if a + b + c + d == 0:
        return
    one = paired_difference_estimate(both=a, first_only=b, second_only=c, neither=d)
    other = paired_difference_estimate(both=a, first_only=c, second_only=b, neither=d)
    assert one.low is not None
    assert one.high is not None
    assert one.value is not None
    assert other.low is not None
    assert other.high is not None
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert -1 <= one.low <= one.value + 1e-12
    assert one.value - 1e-12 <= one.high <= 1


@pytest.mark.parametrize(("trials", "alpha"), [(1, 0.05), (10, 0.05), (300, 0.05), (1400, 0.01)])
def test_the_rule_of_three_is_clopper_pearson(trials: int, alpha: float) -> None:
    exact = binomtest(0, trials, alternative="less").proportion_ci(confidence_level=1 - alpha, method="exact").high
    assert rule_of_three(trials=trials, alpha=alpha) == pytest.approx(exact)
    assert rule_of_three(trials=trials, alpha=alpha) < upper_rate(events=0, trials=trials, alpha=alpha)


def test_the_rule_of_three_is_near_three_over_n() -> None:
    assert rule_of_three(trials=1000) == pytest.approx(3 / 1000, rel=0.01)
    assert rule_of_three(trials=0) == 1.0


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((-1, 1, 1, 1), "both"),
        ((1, -1, 1, 1), "first_only"),
        ((1, 1, -2, 1), "-2"),
        ((1, 1, 1, -1), "neither"),
        ((0, 0, 0, 0), "trials"),
    ],
)
def test_impossible_tables_are_named(counts: tuple[int, int, int, int], said: str) -> None:
    a, b, c, d = counts
    with pytest.raises(ValueError, match=said):
        paired_difference_estimate(both=a, first_only=b, second_only=c, neither=d)


def test_impossible_counts_are_named() -> None:
    with pytest.raises(ValueError, match="trials"):
        difference_estimate(first_events=0, first_trials=0, second_events=1, second_trials=2)
    with pytest.raises(ValueError, match="trials"):
        difference_estimate(first_events=1, first_trials=2, second_events=0, second_trials=0)
    with pytest.raises(ValueError, match="successes"):
        difference_estimate(first_events=1, first_trials=2, second_events=3, second_trials=2)
    with pytest.raises(ValueError, match="trials"):
        rule_of_three(trials=-1)
    for alpha in (0.0, 1.0):
        with pytest.raises(ValueError, match="alpha"):
            rule_of_three(trials=10, alpha=alpha)


@given(COUNTS, COUNTS, COUNTS, st.integers(1, 40))
def test_units_of_one_member_are_pairs(both: int, first_only: int, second_only: int, neither: int) -> None:
    first = np.repeat([1.0, 1.0, 0.0, 0.0], [both, first_only, second_only, neither])
    second = np.repeat([1.0, 0.0, 1.0, 0.0], [both, first_only, second_only, neither])
    found = paired_mean_difference(first=first, second=second, weights=np.full(len(first), 3.0))
    pairs = paired_difference_estimate(both=both, first_only=first_only, second_only=second_only, neither=neither)
    assert (found.value, found.low, found.high) == pytest.approx((pairs.value, pairs.low, pairs.high), abs=1e-9)
    assert (found.n, found.method) == (pairs.n, pairs.method)


def test_shares_of_units_are_covered_as_promised() -> None:
    generator, hits = np.random.default_rng(7), 0
    for _ in range(400):
        talk = generator.beta(0.6, 5.4, size=(2, 150))  # conversations that differ much; the first is worse by 0.05
        sizes = generator.integers(1, 9, size=150)
        first = generator.binomial(sizes, np.minimum(talk[0] + 0.05, 1)) / sizes
        second = generator.binomial(sizes, talk[1]) / sizes
        found = paired_mean_difference(first=first, second=second, weights=np.ones(150))
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.05 <= found.high
    assert hits >= 0.94 * 400


def test_without_units_there_is_no_difference() -> None:
    with pytest.raises(ValueError, match="at least one"):
        paired_mean_difference(first=np.empty(0), second=np.empty(0), weights=np.empty(0))
