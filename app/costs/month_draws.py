"""Monte Carlo over the measured inputs of a month: seeded, vectorised, the same draws for every question."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.costs.month_model import Factors, Month, MonthModel, month_of

Floats = NDArray[np.float64]
DRAWS = 100_000
SEED = 20261121
# Columns of normals, in this order for ever: another order would be other numbers of the same seed.
_INCUMBENT, _CANDIDATE, _UPKEEP, _CARRYING = range(4)


@dataclass(frozen=True, slots=True)
class Spread:
    """How far measured inputs may be off; 0 = known.

    Attributes:
        incumbent: Coefficient of variation (standard error / value) of what the incumbent's tokens cost.
        candidate: The same of what the candidate's tokens cost.
        correlation: Between the two: both answer the same requests.
        carrying: Coefficient of variation of what a replica carries.
        upkeep_sigma: Standard deviation of the logarithm of the hours of upkeep, whose median is the value.
    """

    incumbent: float = 0.0
    candidate: float = 0.0
    correlation: float = 0.0
    carrying: float = 0.0
    upkeep_sigma: float = 0.0

    def __post_init__(self) -> None:
        for name in ("incumbent", "candidate", "carrying", "upkeep_sigma"):
            if not 0 <= getattr(self, name) < math.inf:
                message = f"{name} must be a number from 0 on, not {getattr(self, name)}"
                raise ValueError(message)
        if not -1 <= self.correlation <= 1:
            message = f"correlation must lie between -1 and 1, not {self.correlation}"
            raise ValueError(message)


def draw_factors(spread: Spread, *, draws: int = DRAWS, seed: int = SEED) -> Factors:
    """One value a draw of each measured input, each lognormal: costs and hours are positive and skewed.

    Costs and what a replica carries have mean 1, hours median 1: so their range is the one that is shown.

    Args:
        spread: Coefficients of variation.
        draws: How many.
        seed: The same gives the same draws, whatever is uncertain.

    Returns:
        Factors whose arrays have the shape (draws,).
    """
    normals = _normals(draws, seed)
    shared = _log_correlation(spread)
    candidate = shared * normals[_INCUMBENT] + math.sqrt(1 - shared**2) * normals[_CANDIDATE]
    return Factors(
        incumbent=lognormal(normals[_INCUMBENT], spread.incumbent),
        candidate=lognormal(candidate, spread.candidate),
        upkeep=np.exp(spread.upkeep_sigma * normals[_UPKEEP]),
        carrying=lognormal(normals[_CARRYING], spread.carrying),
    )


def every_fourth(factors: Factors) -> Factors:
    """Every fourth draw: enough for a scenario, whose chance it gives to half a point."""
    values = {name: getattr(factors, name) for name in Factors.__dataclass_fields__}
    return Factors(**{name: value[::4] if isinstance(value, np.ndarray) else value for name, value in values.items()})


@lru_cache(maxsize=2)
def _normals(draws: int, seed: int) -> Floats:
    normals = np.random.Generator(np.random.PCG64(seed)).standard_normal((4, draws))
    normals.setflags(write=False)
    return normals


def lognormal(normals: Floats, variation: float) -> Floats:
    """Values with mean 1 and this coefficient of variation from standard normals: exp(s z - s^2/2), s^2 = ln(1 + cv^2)."""
    scale = _scale(variation)
    return np.asarray(np.exp(scale * normals - scale**2 / 2))


def _scale(variation: float) -> float:
    return math.sqrt(math.log1p(variation**2))


def _log_correlation(spread: Spread) -> float:
    """The correlation of the logarithms that gives the values the stated one; the nearest that exists."""
    scales = _scale(spread.incumbent) * _scale(spread.candidate)
    if not scales:
        return 0.0
    inside = 1 + spread.correlation * spread.incumbent * spread.candidate
    return max(-1.0, min(1.0, math.log(inside) / scales)) if inside > 0 else -1.0


@dataclass(frozen=True, slots=True)
class SavingRange:
    """What the draws say of the saving a month, in US dollars.

    Attributes:
        low: 2.5th percentile.
        p5: 5th percentile: the saving is above it with a probability of 95 %.
        p50: The median.
        p95: 95th percentile.
        high: 97.5th percentile.
        probability_positive: Share of draws in which leaving is cheaper.
        draws: How many.
    """

    low: float
    p5: float
    p50: float
    p95: float
    high: float
    probability_positive: float
    draws: int


def saving_range(month: Month) -> SavingRange:
    """Percentiles of the saving and the share of draws above 0."""
    saving = np.atleast_1d(np.asarray(month.saving_usd, dtype=np.float64))
    low, p5, p50, p95, high = np.percentile(saving, (2.5, 5, 50, 95, 97.5)).tolist()
    return SavingRange(low, p5, p50, p95, high, float((saving > 0).mean()), len(saving))


def range_of(values: Floats | float) -> tuple[float, float]:
    """Where 95 % of the draws lie."""
    low, high = np.percentile(np.atleast_1d(np.asarray(values, dtype=np.float64)), (2.5, 97.5))
    return float(low), float(high)


def simulate(model: MonthModel, spread: Spread, *, draws: int = DRAWS, seed: int = SEED) -> Month:
    """The month of every draw."""
    return month_of(model, draw_factors(spread, draws=draws, seed=seed))
