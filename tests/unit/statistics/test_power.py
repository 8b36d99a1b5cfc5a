"""Sample sizes and chances against the figures of the design and against simulation."""

import numpy as np
import pytest
from scipy.stats import norm

from app.statistics import power
from app.statistics.asymptotic import units_until
from app.statistics.group_sequential import obrien_fleming_bounds

SD = 0.366


def test_parity_needs_331_conversations_and_459_for_90_per_cent() -> None:
    assert power.fixed_sample_size(distance=0.05, sd=SD) == pytest.approx(331, abs=1)
    assert power.fixed_sample_size(distance=0.05, sd=SD, power=0.9) == 459
    assert power.fixed_sample_size(distance=0.03, sd=SD) / 331 == pytest.approx(2.8, abs=0.03)
    assert power.fixed_sample_size(distance=0.10, sd=SD) / 331 == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize(("distance", "alpha", "wanted"), [(0.05, 0.05, 0.8), (0.02, 0.05, 0.9), (0.05, 0.01, 0.5)])
def test_the_power_of_that_size_is_the_one_wanted(distance: float, alpha: float, wanted: float) -> None:
    n = power.fixed_sample_size(distance=distance, sd=SD, alpha=alpha, power=wanted)
    assert power.fixed_sample_power(conversations=n, distance=distance, sd=SD, alpha=alpha) >= wanted
    assert power.fixed_sample_power(conversations=n - 1, distance=distance, sd=SD, alpha=alpha) < wanted


@pytest.mark.parametrize(
    ("distance", "conversations", "published"),
    [(0.05, 700, 0.975), (0.03, 700, 0.72), (0.03, 1400, 0.92), (0.02, 700, 0.42), (0.02, 1400, 0.69), (0.02, 2800, 0.89)],
)
def test_one_look_has_the_simulated_power(distance: float, conversations: int, published: float) -> None:
    assert power.fixed_sample_power(conversations=conversations, distance=distance, sd=SD) == pytest.approx(published, abs=0.04)


def test_no_distance_is_shown_as_often_as_alpha_says() -> None:
    assert power.fixed_sample_power(conversations=900, distance=0.0, alpha=0.05) == pytest.approx(0.05)


def test_pairs_of_one_conversation_are_worth_less() -> None:
    assert power.design_effect(pairs_per_conversation=3, intraclass_correlation=0.25) == 1.5
    assert power.design_effect(pairs_per_conversation=1, intraclass_correlation=0.9) == 1.0
    assert power.design_effect(pairs_per_conversation=3, intraclass_correlation=0.0) == 1.0
    assert power.design_effect(pairs_per_conversation=3, intraclass_correlation=1.0) == 3.0
    # Sizes 1 and 5, half and half: mean 3, coefficient of variation 2/3; Σk² / Σk = 13/3 pairs meet each other.
    unequal = power.design_effect(pairs_per_conversation=3, intraclass_correlation=0.25, variation=2 / 3)
    assert unequal == pytest.approx(1 + (13 / 3 - 1) * 0.25)


@pytest.mark.parametrize(("win_rate", "ties"), [(0.5, 0.3), (0.45, 0.3), (0.2, 0.4), (0.5, 0.0), (0.5, 1.0), (0.15, 0.3)])
def test_the_spread_of_a_pair_is_that_of_its_three_values(win_rate: float, ties: float) -> None:
    wins = win_rate - ties / 2
    values, chances = np.array([0.0, 0.5, 1.0]), np.array([1 - ties - wins, ties, wins])
    variance = (chances * values**2).sum() - (chances * values).sum() ** 2
    assert power.preference_sd(win_rate=win_rate, tie_rate=ties) ** 2 == pytest.approx(variance, abs=1e-12)


def test_the_confidence_sequence_costs_what_was_measured() -> None:
    assert power.sequence_critical_value(alpha=0.05) == pytest.approx(2.80, abs=0.005)
    assert power.confidence_sequence_multiplier(power=0.8) == pytest.approx(2.1, abs=0.06)
    assert power.confidence_sequence_multiplier(power=0.9) == pytest.approx(1.95, abs=0.01)
    # With an even chance the mean is where it is true: the units at which the bound clears.
    n = power.fixed_sample_size(distance=0.05, sd=SD, power=0.5) * power.confidence_sequence_multiplier(power=0.5)
    until = units_until(mean=0.5, variance=SD**2, bound=0.45, alpha=0.05, n_optimal=n / 2)
    assert until == pytest.approx(n, rel=0.02)


def test_the_hybrid_rule_costs_a_third_more_than_one_look() -> None:
    for wanted in (0.8, 0.9):
        assert 1.2 < power.hybrid_multiplier(power=wanted) < 1.5
        n = power.fixed_sample_size(distance=0.05, sd=SD, power=wanted) * power.hybrid_multiplier(power=wanted)
        assert power.hybrid_power(conversations=n, distance=0.05, sd=SD) == pytest.approx(wanted, abs=0.005)


@pytest.mark.parametrize(
    ("distance", "conversations", "published"),
    [(0.05, 700, 0.934), (0.05, 1400, 0.998), (0.03, 700, 0.56), (0.03, 1400, 0.86), (0.02, 1400, 0.51), (0.02, 2800, 0.81)],
)
def test_the_hybrid_rule_has_the_simulated_power(distance: float, conversations: int, published: float) -> None:
    found = power.hybrid_power(conversations=conversations, distance=distance, sd=SD, looks_share=0.8)
    assert found == pytest.approx(published, abs=0.06)


def test_a_look_is_harder_with_fewer_days_and_less_alpha() -> None:
    last = obrien_fleming_bounds(fractions=(0.5, 0.75, 1.0), alpha=0.04)[-1]
    assert power.look_critical_value(alpha=0.04, looks=(14, 21, 28)) > last
    assert (
        power.look_critical_value(alpha=0.04, looks=(14,)) > power.look_critical_value(alpha=0.04, looks=(42,)) > norm.isf(0.04)
    )
    assert power.look_critical_value(alpha=0.02, looks=(28,)) > power.look_critical_value(alpha=0.04, looks=(28,))


def test_two_days_have_a_spread_one_has_none() -> None:
    assert power.expected_design_effect(days=2) > power.expected_design_effect(days=3) > 1


@pytest.mark.parametrize("days", [14, 28, 42])
def test_the_floor_of_the_design_effect_costs_what_simulation_says(days: int) -> None:
    ratio = np.random.default_rng(1).chisquare(days - 1, size=200_000) / (days - 1)
    assert power.expected_design_effect(days=days) == pytest.approx(np.maximum(1, ratio).mean(), abs=0.005)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"distance": 0.0}, "distance"),
        ({"sd": 0.0}, "sd"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 0.5}, "alpha"),
        ({"power": 1.0}, "power"),
        ({"power": 0.49}, "power"),
    ],
)
def test_sizes_out_of_range_are_named(arguments: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        power.fixed_sample_size(**({"distance": 0.05} | arguments))


def test_worlds_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="pairs_per_conversation"):
        power.design_effect(pairs_per_conversation=0.9, intraclass_correlation=0.2)
    for correlation in (-0.1, 1.1):
        with pytest.raises(ValueError, match="intraclass_correlation"):
            power.design_effect(pairs_per_conversation=2, intraclass_correlation=correlation)
    with pytest.raises(ValueError, match="variation"):
        power.design_effect(pairs_per_conversation=2, intraclass_correlation=0.2, variation=-0.1)
    for ties in (-0.1, 1.1):
        with pytest.raises(ValueError, match="tie_rate"):
            power.preference_sd(win_rate=0.5, tie_rate=ties)
    for win_rate in (0.1, 0.9):
        with pytest.raises(ValueError, match="win_rate"):
            power.preference_sd(win_rate=win_rate, tie_rate=0.3)
    with pytest.raises(ValueError, match="days"):
        power.expected_design_effect(days=1)
    for chance in (power.hybrid_power, power.fixed_sample_power):
        with pytest.raises(ValueError, match="alpha"):
            chance(conversations=700, distance=0.05, alpha=0.6)
        with pytest.raises(ValueError, match="sd"):
            chance(conversations=700, distance=0.05, sd=-1.0)
    with pytest.raises(ValueError, match="power"):
        power.hybrid_multiplier(power=0.2)
    with pytest.raises(ValueError, match="power"):
        power.confidence_sequence_multiplier(power=0.2)
