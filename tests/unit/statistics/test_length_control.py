"""The win rate at equal length against a general optimiser and against worlds whose answer is known."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from app.statistics.length_control import PENALTY, LengthControl, length_controlled_win_rate
from app.statistics.sums import Floats


def world(seed: int, n: int = 2000, *, level: float = 0.0, pull: float = -0.8, longer: float = 250.0) -> tuple[Floats, Floats]:
    """Preferences of a judge whom length pulls, and incumbent's minus candidate's length."""
    chance = np.random.default_rng(seed)
    difference = chance.normal(-longer, 400.0, size=n)
    wins = expit(level + pull * np.tanh(difference / 400.0))
    return (chance.random((n, 2)) < wins[:, None]).mean(axis=1), difference


def fit(preferences: Floats, difference: Floats, **given: Any) -> LengthControl:
    n = len(preferences)
    arguments: dict[str, Any] = {"segments": np.zeros(n, dtype=int), "clusters": np.arange(n), "refits": 60} | given
    return length_controlled_win_rate(
        preferences=preferences, length_difference=difference, generator=np.random.default_rng(3), **arguments
    )


@pytest.mark.parametrize("n", [12, 40, 400])
def test_it_is_the_least_loss_of_the_model(n: int) -> None:
    x, d = world(1, n=n, level=0.3)
    segments, weights = np.tile([0, 1, 2, 2], n // 4), np.tile([1.0, 2.0], n // 2)
    pull = np.tanh(d / np.sqrt(np.average((d - np.average(d, weights=weights)) ** 2, weights=weights)))
    w, dummies = weights / weights.mean(), (segments[:, None] == np.arange(3)).astype(float)
    columns = np.column_stack([pull, np.ones(n), dummies])
    penalty = np.array([PENALTY, 0.0, PENALTY, PENALTY, PENALTY])

    def loss(c: Floats) -> tuple[float, Floats]:
        q = expit(columns @ c)
        value = -(w * (x * np.log(q) + (1 - x) * np.log(1 - q))).sum() + (penalty * c**2).sum() / 2
        return float(value), columns.T @ (w * (q - x)) + penalty * c

    best = minimize(loss, np.zeros(5), method="BFGS", jac=True, options={"gtol": 1e-9}).x
    found = fit(x, d, segments=segments, weights=weights, refits=1)
    assert found.length_effect == pytest.approx(best[0], abs=2e-6)
    assert found.estimate.value == pytest.approx(np.average(expit(best[1] + best[2:][segments]), weights=w), abs=2e-6)
    assert found.raw == pytest.approx(np.average(x, weights=w))


def test_a_candidate_that_wins_by_length_alone_is_at_par() -> None:
    x, d = world(2, n=8000)
    found = fit(x, d)
    assert found.raw is not None
    assert found.raw > 0.56
    assert found.estimate.value == pytest.approx(0.5, abs=0.02)
    assert found.estimate.low is not None
    assert found.estimate.high is not None
    assert found.estimate.low < 0.5 < found.estimate.high
    assert found.length_effect == pytest.approx(-0.8, abs=0.1)


def test_swapping_the_arms_turns_everything_round() -> None:
    x, d = world(3, level=0.4)
    one, other = fit(x, d), fit(1 - x, -d)
    assert one.estimate.value is not None
    assert other.estimate.value == pytest.approx(1 - one.estimate.value, abs=1e-6)
    assert other.length_effect == pytest.approx(one.length_effect, abs=1e-6)
    assert one.estimate.low is not None
    assert other.estimate.high == pytest.approx(1 - one.estimate.low, abs=1e-6)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    missed = 0
    for seed in range(60):
        x, d = world(seed + 100, n=300, level=0.3)
        # Two pairs of a conversation that are one and the same: clusters must count once.
        found = fit(np.repeat(x, 2), np.repeat(d, 2), clusters=np.repeat(np.arange(300), 2))
        assert found.estimate.low is not None
        assert found.estimate.high is not None
        missed += not found.estimate.low < expit(0.3) < found.estimate.high
        assert found.estimate.n == 300
    assert missed <= 8  # 3 of 60 are due


def test_the_interval_is_that_of_the_bootstrap_with_every_refit() -> None:
    x, d = world(5, n=300)
    found = fit(x, d, refits=400)
    chance, values = np.random.default_rng(9), []
    for _ in range(300):
        chosen = chance.integers(0, 300, size=300)
        value = fit(x[chosen], d[chosen], refits=1).estimate.value
        assert value is not None
        values.append(value)
    assert found.estimate.standard_error == pytest.approx(np.std(values, ddof=1), rel=0.15)
    assert (found.estimate.low, found.estimate.high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.012)


def test_pairs_that_a_rule_decided_count_as_they_are() -> None:
    x, d = world(6, n=600, level=0.2)
    alone = fit(x, d)
    mixed = fit(np.append(x, np.full(200, 0.25)), np.append(d, np.full(200, np.nan)))
    assert alone.estimate.value is not None
    assert mixed.estimate.value == pytest.approx((alone.estimate.value * 600 + 50) / 800)
    assert mixed.length_effect == pytest.approx(alone.length_effect)
    assert mixed.estimate.n == 800
    only_rules = fit(np.array([0.0, 1.0, 1.0, 1.0]), np.full(4, np.nan))
    assert (only_rules.raw, only_rules.estimate.value, only_rules.estimate.n) == (0.75, None, 4)
    assert only_rules.length_effect is None
    weighted = fit(np.append(x, np.zeros(200)), np.append(d, np.full(200, np.nan)), weights=np.repeat([1.0, 3.0], [600, 200]))
    assert weighted.estimate.value == pytest.approx(alone.estimate.value / 2)


def test_equal_lengths_leave_the_win_rate_alone() -> None:
    x, _ = world(7, n=500)
    found = fit(x, np.full(500, 30.0))
    assert found.length_effect == 0
    assert found.estimate.value == pytest.approx(x.mean(), abs=1e-6)


def test_a_candidate_that_wins_everything_is_no_obstacle() -> None:
    _, d = world(8, n=200)
    found = fit(np.ones(200), d)
    assert found.estimate.value == pytest.approx(1.0, abs=1e-4)
    assert found.estimate.low is not None
    assert found.estimate.low > 0.999


def test_a_unit_of_length_or_weight_does_not_matter() -> None:
    x, d = world(9, n=300)
    plain, scaled = fit(x, d), fit(x, d * 1000, weights=np.full(300, 12.5))
    assert scaled.estimate.value == pytest.approx(plain.estimate.value, abs=1e-9)
    assert scaled.length_effect == pytest.approx(plain.length_effect, abs=1e-9)


def test_one_conversation_has_no_interval_and_no_pair_no_value() -> None:
    x, d = world(10, n=20)
    alone = fit(x, d, clusters=np.zeros(20, dtype=int))
    assert alone.estimate.value is not None
    assert (alone.estimate.low, alone.estimate.n) == (None, 1)
    nothing = fit(x[:0], d[:0])
    assert (nothing.raw, nothing.estimate.value, nothing.estimate.n) == (None, None, 0)


@pytest.mark.parametrize(
    ("preference", "weight", "rows", "said"),
    [(1.5, 1.0, 3, "1.5"), (-0.5, 1.0, 3, "-0.5"), (0.5, 0.0, 3, "0.0"), (0.5, np.inf, 3, "inf"), (0.5, 1.0, 2, "shape")],
)
def test_wrong_columns_are_named(preference: float, weight: float, rows: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit(np.array([0.5, 0.5, preference]), np.zeros(rows), weights=np.array([1.0, 1.0, weight]))
