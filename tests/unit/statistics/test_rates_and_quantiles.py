"""Exact always-valid bounds of rates and quantiles."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln
from scipy.stats import binomtest

from app.statistics.binomial_mixture import log_evidence, log_evidence_above, log_evidence_below
from app.statistics.quantiles import lower_quantile, prior_weight, quantile_estimate, quantile_of, upper_quantile
from app.statistics.rates import lower_rate, rate_estimate, upper_rate


def test_the_evidence_against_the_true_share_is_1_on_average() -> None:
    n, p = 25, 0.3
    k = np.arange(n + 1)
    chance = np.array([math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in k])
    for evidence in (log_evidence, log_evidence_above, log_evidence_below):
        ratio = np.exp(evidence(successes=k, trials=n, share=p, a=0.5, b=0.5))
        assert float((chance * ratio).sum()) == pytest.approx(1.0)


def test_one_sided_evidence_is_a_supermartingale_beyond_its_share() -> None:
    n, tested = 25, 0.3
    k = np.arange(n + 1)
    for true, evidence in ((0.2, log_evidence_above), (0.4, log_evidence_below)):
        chance = np.array([math.comb(n, i) * true**i * (1 - true) ** (n - i) for i in k])
        assert float((chance * np.exp(evidence(successes=k, trials=n, share=tested, a=0.5, b=0.5))).sum()) < 1.0


@pytest.mark.parametrize(("events", "trials"), [(0, 10), (0, 1400), (3, 200), (20, 1000), (500, 1000), (999, 1000), (7, 7)])
def test_an_always_valid_bound_is_wider_than_that_of_one_look(events: int, trials: int) -> None:
    exact = binomtest(events, trials, alternative="less").proportion_ci(confidence_level=0.95, method="exact")
    assert upper_rate(events=events, trials=trials, alpha=0.05) >= exact.high - 1e-12
    exact = binomtest(events, trials, alternative="greater").proportion_ci(confidence_level=0.95, method="exact")
    assert lower_rate(events=events, trials=trials, alpha=0.05) <= exact.low + 1e-12


@given(st.integers(1, 400), st.data())
def test_a_rate_lies_between_its_bounds(trials: int, data: st.DataObject) -> None:
    events = data.draw(st.integers(0, trials))
    estimate = rate_estimate(events=events, trials=trials)
    assert estimate.low is not None
    assert estimate.high is not None
    assert 0 <= estimate.low <= events / trials <= estimate.high <= 1


def test_without_trials_a_rate_is_unknown() -> None:
    assert rate_estimate(events=0, trials=0).value is None
    assert upper_rate(events=0, trials=0, alpha=0.05) == 1.0
    assert lower_rate(events=0, trials=0, alpha=0.05) == 0.0


@pytest.mark.parametrize(("events", "trials", "alpha"), [(-1, 5, 0.05), (6, 5, 0.05), (1, 5, 0.0), (1, 5, 1.0)])
def test_impossible_counts_are_named(events: int, trials: int, alpha: float) -> None:
    with pytest.raises(ValueError, match=r"events|alpha"):
        upper_rate(events=events, trials=trials, alpha=alpha)


def test_the_two_sided_interval_is_the_published_rule() -> None:
    n, p, r = 1400, 0.95, 350.0
    k = np.arange(n + 1)
    ratio = betaln(k + p * r, n - k + (1 - p) * r) - betaln(p * r, (1 - p) * r) - k * math.log(p) - (n - k) * math.log(1 - p)
    kept = np.flatnonzero(ratio < math.log(1 / 0.05))
    estimate = quantile_estimate(ordered=np.arange(1.0, n + 1), probability=p, weight=r)
    assert (estimate.low, estimate.high) == (float(kept[0]), float(kept[-1] + 1))


def test_one_sided_bounds_are_tighter_than_the_two_sided_ends() -> None:
    ordered = np.arange(1.0, 1401.0)
    both = quantile_estimate(ordered=ordered, probability=0.95, weight=350)
    high = upper_quantile(ordered=ordered, probability=0.95, weight=350, alpha=0.05)
    low = lower_quantile(ordered=ordered, probability=0.95, weight=350, alpha=0.05)
    assert both.low is not None
    assert both.high is not None
    assert low is not None
    assert high is not None
    assert both.low <= low < 1330 < high <= both.high


def test_a_few_observations_bound_nothing() -> None:
    ordered = np.array([0.1, 0.2, 0.3])
    estimate = quantile_estimate(ordered=ordered, probability=0.95, weight=350)
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.3, None, None, 3)
    assert upper_quantile(ordered=ordered, probability=0.95, weight=350, alpha=0.05) is None
    assert quantile_estimate(ordered=np.array([]), probability=0.5, weight=350).value is None


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.sampled_from([0.5, 0.95, 0.99]))
def test_the_quantile_is_the_least_value_that_its_share_reaches(values: list[float], probability: float) -> None:
    ordered = np.sort(np.array(values))
    found = quantile_of(ordered=ordered, probability=probability)
    assert found is not None
    assert np.mean(ordered <= found) >= probability - 1e-9
    assert np.mean(ordered < found) < probability


def test_the_prior_is_fixed_by_the_plan() -> None:
    assert (prior_weight(planned=1400), prior_weight(planned=10**6)) == (350, 2000)


@pytest.mark.parametrize("p", [0.5, 0.9])
def test_every_end_is_the_first_rank_that_is_not_refuted(p: float) -> None:
    weight = 6.0
    a, b = p * weight, (1 - p) * weight
    for n in range(1, 80):
        ordered, k = np.arange(1.0, n + 1), np.arange(n + 1)
        kept = np.flatnonzero(log_evidence(successes=k, trials=n, share=p, a=a, b=b) < math.log(1 / 0.1))
        both = quantile_estimate(ordered=ordered, probability=p, weight=weight, confidence=0.9)
        assert both.low == (float(kept[0]) if kept[0] >= 1 else None)
        assert both.high == (float(kept[-1] + 1) if kept[-1] + 1 <= n else None)
        above = np.flatnonzero(log_evidence_above(successes=k, trials=n, share=p, a=a, b=b) >= math.log(1 / 0.05))
        high = upper_quantile(ordered=ordered, probability=p, weight=weight, alpha=0.05)
        assert high == (float(above[0]) if len(above) else None)
        below = np.flatnonzero(log_evidence_below(successes=k, trials=n, share=p, a=a, b=b) < math.log(1 / 0.05))
        low = lower_quantile(ordered=ordered, probability=p, weight=weight, alpha=0.05)
        assert low == (float(below[0]) if len(below) and below[0] >= 1 else None)


def test_a_bound_may_be_the_least_or_the_largest_observation() -> None:
    lows = {quantile_estimate(ordered=np.arange(1.0, n + 1), probability=0.5, weight=6.0).low for n in range(1, 80)}
    highs = {quantile_estimate(ordered=np.arange(1.0, n + 1) - n, probability=0.5, weight=6.0).high for n in range(1, 80)}
    assert {None, 1.0} <= lows
    assert {None, 0.0} <= highs


def test_an_extreme_quantile_is_not_below_the_largest_observation() -> None:
    # One observation of ten above a quantile that one in a million exceeds would be a wonder.
    assert lower_quantile(ordered=np.arange(1.0, 11.0), probability=1 - 1e-6, weight=6.0, alpha=0.05) == 10.0
