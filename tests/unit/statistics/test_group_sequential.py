"""O'Brien-Fleming bounds against published tables and against the multivariate normal distribution."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from app.statistics.group_sequential import obrien_fleming_bounds, obrien_fleming_spending
from app.statistics.sums import Floats


@pytest.mark.parametrize(
    ("looks", "alpha", "published"),
    [
        # Lan and DeMets with O'Brien-Fleming spending, as in Reboussin et al. (2000) and gsDesign; two-sided 0.05 and 0.1.
        (5, 0.025, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        (4, 0.025, [4.3326, 2.9631, 2.3590, 2.0141]),
        (3, 0.025, [3.7103, 2.5114, 1.9930]),
        (2, 0.025, [2.9626, 1.9686]),
        (4, 0.05, [3.7496, 2.5398, 2.0164, 1.7204]),
        (1, 0.025, [1.95996]),
    ],
)
def test_the_bounds_are_the_published_ones(looks: int, alpha: float, published: list[float]) -> None:
    fractions = [(look + 1) / looks for look in range(looks)]
    assert obrien_fleming_bounds(fractions=fractions, alpha=alpha).tolist() == pytest.approx(published, abs=1e-3)


def ever_crossed(fractions: Sequence[float], bounds: Floats) -> float:
    """Chance that a standardised Brownian path lies above a bound at any look."""
    t = np.array(fractions)
    correlation = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    below = multivariate_normal.cdf(bounds, mean=np.zeros(len(t)), cov=correlation, rng=np.random.default_rng(1), abseps=1e-6)
    return 1 - float(below)


@pytest.mark.parametrize("late", [(), ((1.5, 0.003),), ((1.25, 0.003), (1.5, 0.002))])
def test_after_each_look_what_is_spent_is_what_may_be(late: tuple[tuple[float, float], ...]) -> None:
    fractions, alpha = (0.5, 0.75, 1.0), 0.045
    bounds = obrien_fleming_bounds(fractions=fractions, alpha=alpha, late=late)
    every = [*fractions, *(fraction for fraction, _ in late)]
    spent = [obrien_fleming_spending(fraction=fraction, alpha=alpha) for fraction in fractions]
    for _, kept in late:
        spent.append(spent[-1] + kept)
    assert spent[2] == pytest.approx(alpha)
    for looks in range(1, len(every) + 1):
        assert ever_crossed(every[:looks], bounds[:looks]) == pytest.approx(spent[looks - 1], abs=2e-5)


def test_an_early_look_leaves_the_whole_path_for_later_ones() -> None:
    fractions = (0.05, 0.5, 1.0)
    bounds = obrien_fleming_bounds(fractions=fractions, alpha=0.05)
    assert ever_crossed(fractions, bounds) == pytest.approx(0.05, abs=2e-5)


def test_spending_is_the_published_function() -> None:
    assert obrien_fleming_spending(fraction=1.0, alpha=0.05) == pytest.approx(0.05)
    for fraction in (0.2, 0.5, 0.9):
        expected = 2 * (1 - norm.cdf(norm.ppf(1 - 0.05 / 2) / fraction**0.5))
        assert obrien_fleming_spending(fraction=fraction, alpha=0.05) == pytest.approx(expected)


@pytest.mark.parametrize("fractions", [(), (0.0, 1.0), (-0.5, 1.0), (0.5, 1.1), (0.5, 0.5, 1.0), (0.7, 0.5)])
def test_looks_that_do_not_ascend_are_named(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="fractions"):
        obrien_fleming_bounds(fractions=fractions, alpha=0.05)


@pytest.mark.parametrize("late", [((1.0, 0.01),), ((0.9, 0.01),), ((1.5, 0.01), (1.2, 0.01))])
def test_late_looks_come_later(late: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="fractions"):
        obrien_fleming_bounds(fractions=(0.5, 1.0), alpha=0.05, late=late)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 1.1])
def test_alphas_out_of_range_are_named(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        obrien_fleming_bounds(fractions=(0.5, 1.0), alpha=alpha)
    with pytest.raises(ValueError, match="alpha"):
        obrien_fleming_bounds(fractions=(0.5, 1.0), alpha=0.05, late=((1.5, alpha),))
    with pytest.raises(ValueError, match="alpha"):
        obrien_fleming_spending(fraction=0.5, alpha=alpha)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1])
def test_fractions_out_of_range_are_named(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction"):
        obrien_fleming_spending(fraction=fraction, alpha=0.05)
