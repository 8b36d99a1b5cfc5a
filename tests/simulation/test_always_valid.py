"""Seeded simulations: how often an interval that is looked at every day ever misses the truth."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from app.statistics.asymptotic import lower_bound, upper_bound
from app.statistics.quantiles import lower_quantile, prior_weight, quantile_estimate, upper_quantile
from app.statistics.rates import lower_rate, upper_rate
from app.statistics.sums import Sums

DAYS = 28
ALPHA = 0.05
Floats = NDArray[np.float64]


def most_missed(runs: int) -> float:
    """Alpha and three binomial standard errors: a sound method is above it once in 700 tests."""
    return ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def conversations(chance: np.random.Generator, count: int, win_rate: float) -> Floats:
    """Preferences of conversations: 30 % ties, 1 to 5 pairs of one conversation alike (the world of statistics.md)."""
    centre = np.clip(chance.normal(win_rate, 0.15, size=count), 0.0, 1.0)
    pairs = chance.integers(1, 6, size=count)
    draws = chance.random((count, 5))
    decisive = (draws < 0.7 * centre[:, None]).astype(float) + 0.5 * (draws >= 0.7)
    there = np.arange(5) < pairs[:, None]
    means: Floats = (decisive * there).sum(axis=1) / pairs
    return means


def ever_above(values: Floats, truth: float) -> bool:
    """Whether the lower bound passes the truth on any day."""
    sums = Sums()
    for day in np.array_split(values, DAYS):
        sums = sums + Sums.of(values=day)
        bound = lower_bound(sums=sums, alpha=ALPHA, n_optimal=len(values) / 2)
        if bound is not None and bound > truth:
            return True
    return False


def test_a_candidate_at_the_margin_is_rarely_let_through_by_daily_looks() -> None:
    chance, runs = np.random.default_rng(20261102), 600
    truth = float(conversations(chance, 400_000, 0.45).mean())
    missed = np.mean([ever_above(conversations(chance, 1400, 0.45), truth) for _ in range(runs)])
    assert missed < most_missed(runs)
    assert missed < 0.035  # statistics.md: 1.7 % with daily looks


def test_parity_is_shown_by_the_planned_end() -> None:
    chance, runs = np.random.default_rng(7), 200
    shown = 0
    for _ in range(runs):
        bound = lower_bound(sums=Sums.of(values=conversations(chance, 1400, 0.5)), alpha=ALPHA, n_optimal=700)
        shown += bound is not None and bound > 0.45
    assert shown / runs > 0.9  # statistics.md: 98.6 % even with errors inflated by day


def test_a_bad_candidate_is_refused_and_a_good_one_is_not() -> None:
    chance = np.random.default_rng(11)
    refused = {}
    for win_rate in (0.35, 0.5):
        bounds = [
            upper_bound(sums=Sums.of(values=conversations(chance, 1400, win_rate)), alpha=ALPHA, n_optimal=700)
            for _ in range(100)
        ]
        refused[win_rate] = np.mean([bound is not None and bound < 0.45 for bound in bounds])
    assert refused[0.35] > 0.95
    assert refused[0.5] == 0


@pytest.mark.parametrize("probability", [0.5, 0.95, 0.99])
def test_bounds_of_a_quantile_hold_under_daily_looks(probability: float) -> None:
    chance, runs, count = np.random.default_rng(3), 120, 1400
    truth = math.exp(0.6 * norm.ppf(probability))
    weight = prior_weight(planned=count)
    missed = {"upper": 0, "lower": 0, "both": 0}
    for _ in range(runs):
        times = np.exp(0.6 * chance.standard_normal(count))
        looks = [np.sort(times[: count * day // DAYS]) for day in range(1, DAYS + 1)]
        highs = [upper_quantile(ordered=seen, probability=probability, weight=weight, alpha=ALPHA) for seen in looks]
        lows = [lower_quantile(ordered=seen, probability=probability, weight=weight, alpha=ALPHA) for seen in looks]
        missed["upper"] += any(high is not None and high < truth for high in highs)
        missed["lower"] += any(low is not None and low > truth for low in lows)
        ends = [quantile_estimate(ordered=seen, probability=probability, weight=weight) for seen in looks]
        missed["both"] += any(
            (end.low is not None and end.low > truth) or (end.high is not None and end.high < truth) for end in ends
        )
    assert max(missed.values()) / runs <= ALPHA  # statistics.md: 0.5 to 0.9 % with daily looks


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_bounds_of_a_rate_hold_under_daily_looks(rate: float) -> None:
    chance, runs, each = np.random.default_rng(5), 120, 50
    missed = {"upper": 0, "lower": 0}
    for _ in range(runs):
        events = np.cumsum(chance.binomial(each, rate, size=DAYS)).tolist()
        looks = [(seen, each * (day + 1)) for day, seen in enumerate(events)]
        missed["upper"] += any(upper_rate(events=seen, trials=n, alpha=ALPHA) < rate for seen, n in looks)
        missed["lower"] += any(lower_rate(events=seen, trials=n, alpha=ALPHA) > rate for seen, n in looks)
    assert max(missed.values()) / runs < most_missed(runs)
