"""Textbook values of kappa, Wilson's interval and the plain mean."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from app.statistics.agreement import Flags, accuracy_estimate, kappa_estimate
from app.statistics.fixed_sample import mean_estimate, wilson


def ratings(both: int, first: int, second: int, neither: int) -> tuple[Flags, Flags]:
    counts = [both, first, second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@pytest.mark.parametrize("counts", [(20, 5, 10, 15), (45, 15, 25, 15), (25, 35, 5, 35)])
def test_kappa_has_the_error_of_fleiss_cohen_and_everitt(counts: tuple[int, int, int, int]) -> None:
    one, other = ratings(*counts)
    n = sum(counts)
    table = np.array([counts[:2], counts[2:]]) / n
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    observed, chance = np.trace(table), float(rows @ columns)
    a = sum(table[i, i] * ((1 - chance) - (rows[i] + columns[i]) * (1 - observed)) ** 2 for i in range(2))
    b = (1 - observed) ** 2 * sum(table[i, j] * (columns[i] + rows[j]) ** 2 for i in range(2) for j in range(2) if i != j)
    c = (observed * chance - 2 * chance + observed) ** 2
    published = math.sqrt((a + b - c) / (n * (1 - chance) ** 4))
    found = kappa_estimate(first=one, second=other, clusters=np.arange(n), confidence=0.9)
    assert found.standard_error is not None
    assert found.value is not None
    assert found.standard_error * math.sqrt((n - 1) / n) == pytest.approx(published, rel=1e-9)
    assert found.low == pytest.approx(found.value - 1.644854 * found.standard_error, abs=1e-6)
    assert found.high == pytest.approx(found.value + 1.644854 * found.standard_error, abs=1e-6)


@pytest.mark.parametrize(
    ("counts", "published"), [((20, 5, 10, 15), 0.4), ((45, 15, 25, 15), 0.1304), ((25, 35, 5, 35), 0.2593)]
)
def test_kappa_is_the_published_one(counts: tuple[int, int, int, int], published: float) -> None:
    one, other = ratings(*counts)
    found = kappa_estimate(first=one, second=other, clusters=np.arange(sum(counts)))
    assert found.value == pytest.approx(published, abs=5e-5)


def test_answers_of_one_pair_count_as_one_witness() -> None:
    one, other = ratings(20, 5, 10, 15)
    apart = kappa_estimate(first=one, second=other, clusters=np.arange(50))
    twice = kappa_estimate(first=np.tile(one, 2), second=np.tile(other, 2), clusters=np.tile(np.arange(50), 2))
    assert twice.value == pytest.approx(apart.value)
    assert twice.standard_error == pytest.approx(apart.standard_error)


def test_kappa_is_unknown_where_agreement_by_chance_is_certain() -> None:
    always = np.ones(5, dtype=bool)
    assert kappa_estimate(first=always, second=always, clusters=np.arange(5)).value is None
    assert kappa_estimate(first=always[:0], second=always[:0], clusters=np.arange(0)).value is None
    alone = kappa_estimate(first=always, second=~always, clusters=np.zeros(5, dtype=int))
    assert (alone.value, alone.low) == (0.0, None)


@pytest.mark.parametrize(("successes", "trials"), [(10, 20), (0, 7), (7, 7), (81, 263)])
def test_wilson_is_that_of_scipy(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson(successes=successes, trials=trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_the_textbook() -> None:
    # Newcombe 1998, table I: 81 of 263.
    assert [round(end, 4) for end in wilson(successes=81, trials=263)] == [0.2553, 0.3662]


def test_accuracy_of_independent_answers_is_wilson() -> None:
    agrees = np.array([True] * 80 + [False] * 20)
    estimate = accuracy_estimate(agrees=agrees, clusters=np.arange(100))
    low, high = wilson(successes=80, trials=100)
    assert estimate.value == 0.8
    assert estimate.low == pytest.approx(low, abs=0.002)  # the clustered variance has n - 1 for n
    assert estimate.high == pytest.approx(high, abs=0.002)


def test_accuracy_of_repeated_answers_is_no_surer() -> None:
    agrees = np.array([True] * 80 + [False] * 20)
    once = accuracy_estimate(agrees=agrees, clusters=np.arange(100))
    twice = accuracy_estimate(agrees=np.tile(agrees, 2), clusters=np.tile(np.arange(100), 2))
    assert (twice.value, twice.n) == (once.value, 200)
    assert twice.low == pytest.approx(once.low, abs=0.002)


def test_a_judge_that_is_always_right_still_has_an_interval() -> None:
    estimate = accuracy_estimate(agrees=np.ones(10, dtype=bool), clusters=np.repeat(np.arange(5), 2))
    assert estimate.value == 1.0
    assert estimate.low == pytest.approx(wilson(successes=5, trials=5)[0])
    assert accuracy_estimate(agrees=np.ones(0, dtype=bool), clusters=np.arange(0)).value is None


def test_the_plain_mean() -> None:
    values = np.array([0.0, 0.5, 1.0, 1.0])
    estimate = mean_estimate(values=values)
    error = np.std(values, ddof=1) / 2
    assert (estimate.value, estimate.n) == (0.625, 4)
    assert (estimate.standard_error, estimate.high) == pytest.approx((error, 0.625 + 1.96 * error))
    assert mean_estimate(values=values[:1]).standard_error is None
    assert mean_estimate(values=values[:0]).value is None


@pytest.mark.parametrize(("successes", "trials", "confidence"), [(1, 0, 0.95), (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_wrong_arguments_are_named(successes: float, trials: float, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"trials|successes|confidence"):
        wilson(successes=successes, trials=trials, confidence=confidence)
