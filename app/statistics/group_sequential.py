"""Group-sequential bounds: a test that is looked at a few times, at moments fixed beforehand."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.integrate import simpson
from scipy.optimize import brentq
from scipy.stats import norm

from app.statistics.sums import Floats

_GRID = 1201
_FAR = 9.0


def obrien_fleming_spending(*, fraction: float, alpha: float) -> float:
    """How much of a one-sided alpha may be spent until a fraction of the information is there: `2 (1 - Φ(z_{alpha/2} / √t))`.

    Args:
        fraction: t in (0, 1].
        alpha: One-sided, in (0, 1).

    Raises:
        ValueError: If an argument is out of range.

    Source: Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983).

    Example:
        >>> round(obrien_fleming_spending(fraction=0.5, alpha=0.05), 5)
        0.00557
    """
    _check(alpha)
    if not 0 < fraction <= 1:
        message = f"fraction must lie in (0, 1], not {fraction}"
        raise ValueError(message)
    return float(2 * norm.sf(norm.isf(alpha / 2) / math.sqrt(fraction)))


def obrien_fleming_bounds(*, fractions: Sequence[float], alpha: float, late: Sequence[tuple[float, float]] = ()) -> Floats:
    """Critical values of the standardised statistic at each look, one-sided.

    Args:
        fractions: Information fractions of the looks, ascending in (0, 1].
        alpha: One-sided error probability of these looks together, in (0, 1).
        late: Looks after the planned end, each as (fraction above the ones before, alpha that is kept for it).

    Returns:
        Shape (looks + late,). Under the null hypothesis the statistic ever exceeds its value with probability at most alpha
        plus what is kept for the late looks.

    Raises:
        ValueError: If the fractions do not ascend in (0, 1], or an alpha is out of range.

    Source: Lan and DeMets 1983; recursive integration after Armitage, McPherson and Rowe, "Repeated significance tests on
        accumulating data", JRSS A 132 (1969).

    Example:
        >>> obrien_fleming_bounds(fractions=(0.25, 0.5, 0.75, 1.0), alpha=0.05).round(3).tolist()
        [3.75, 2.54, 2.016, 1.72]
    """
    _check(alpha)
    steps = tuple(float(fraction) for fraction in fractions)
    every = (*steps, *(float(fraction) for fraction, _ in late))
    ascends = all(earlier < later for earlier, later in pairwise(every))
    if not steps or steps[0] <= 0 or steps[-1] > 1 or not ascends:
        message = f"fractions must ascend in (0, 1], late ones beyond, not {list(every)}"
        raise ValueError(message)
    spent = [obrien_fleming_spending(fraction=fraction, alpha=alpha) for fraction in steps]
    for _, kept in late:
        _check(kept)
        spent.append(spent[-1] + kept)
    return np.array(_bounds(every, tuple(spent)))


@lru_cache(maxsize=256)
def _bounds(fractions: tuple[float, ...], spent: tuple[float, ...]) -> tuple[float, ...]:
    found = [float(norm.isf(spent[0]))]
    grid = _grid(found[0], fractions[0])
    density = norm.pdf(grid, scale=math.sqrt(fractions[0]))
    for (before, now), (until, target) in zip(pairwise(fractions), pairwise(spent), strict=True):
        step = math.sqrt(now - before)
        bound = _solve(grid, density, step, math.sqrt(now), target - until)
        next_grid = _grid(bound, now)
        kernel = norm.pdf(next_grid[:, None], loc=grid[None, :], scale=step)
        density = simpson(kernel * density[None, :], x=grid, axis=1)
        grid = next_grid
        found.append(bound)
    return tuple(found)


def _solve(grid: Floats, density: Floats, step: float, scale: float, target: float) -> float:
    """The critical value that is exceeded for the first time with the target probability."""

    def excess(bound: float) -> float:
        crossing = norm.sf((bound * scale - grid) / step)
        return float(simpson(density * crossing, x=grid)) - target

    return float(brentq(excess, -_FAR, 2 * _FAR, xtol=1e-10))


def _grid(bound: float, fraction: float) -> Floats:
    """Where the path may be after a look that did not cross, on the scale of the score."""
    return np.linspace(-_FAR * math.sqrt(fraction), bound * math.sqrt(fraction), _GRID)


def _check(alpha: float) -> None:
    if not 0 < alpha < 1:
        message = f"alpha must lie in (0, 1), not {alpha}"
        raise ValueError(message)
