"""How sure a month's token costs are: by conversations, which belong together, and by days, which swing together."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
# Fewer days of a kind say nothing of how days of that kind swing.
_LEAST_DAYS = 3


@dataclass(frozen=True, slots=True, eq=False)
class SpendMoments:
    """Sums of what two arms cost, x and y; those of disjoint conversations are added.

    Attributes:
        squares: Over conversations: sum of x^2, of y^2, of x y; shape (3,).
        by_day: Sums of x and y of each closed day; shape (days, 2).
        conversations: How many.
    """

    squares: Floats
    by_day: Floats
    conversations: int

    def __add__(self, other: "SpendMoments") -> "SpendMoments":
        return SpendMoments(self.squares + other.squares, self.by_day + other.by_day, self.conversations + other.conversations)


@dataclass(frozen=True, slots=True)
class SpendSpread:
    """Coefficients of variation of both totals, and their correlation; 0 where there is nothing."""

    x: float = 0.0
    y: float = 0.0
    correlation: float = 0.0


def spend_spread(moments: SpendMoments, is_weekend: Flags) -> SpendSpread:
    """How far the totals of the closed days may lie off those of other such days.

    Two ways of drawing anew, of which the wider counts: conversations (a compound Poisson total: its variance is the sum of
    squares) and days (residuals from the mean of their kind, week days and weekends apart, times the number of days): a day on
    which all swings together makes the total less sure than its conversations say.

    Args:
        moments: Of the conversations that count.
        is_weekend: Of each closed day, shape (days,).

    Returns:
        Standard errors over the totals.
    """
    totals = moments.by_day.sum(axis=0)
    by_conversation = _covariance(*moments.squares.tolist())
    by_day = _by_day(moments.by_day, is_weekend)
    widest = max((by_conversation, by_day), key=lambda matrix: _relative(matrix[0, 0], totals[0]))
    x, y = (_relative(widest[arm, arm], totals[arm]) for arm in (0, 1))
    both = math.sqrt(widest[0, 0] * widest[1, 1])
    return SpendSpread(x, y, max(-1.0, min(1.0, float(widest[0, 1]) / both)) if both > 0 else 0.0)


def _covariance(xx: float, yy: float, xy: float) -> Floats:
    return np.array([[xx, xy], [xy, yy]])


def _by_day(by_day: Floats, is_weekend: Flags) -> Floats:
    """Covariance of the totals as sums of days; zero where there are too few."""
    kinds = [kind for kind in (is_weekend, ~is_weekend) if kind.any()]
    if any(kind.sum() < _LEAST_DAYS for kind in kinds):
        kinds = [np.ones(len(by_day), dtype=bool)]
    if len(by_day) < _LEAST_DAYS:
        return np.zeros((2, 2))
    rest = by_day.copy()
    for kind in kinds:
        rest[kind] -= by_day[kind].mean(axis=0)
    return np.asarray(rest.T @ rest * len(by_day) / (len(by_day) - len(kinds)))


def _relative(variance: float, total: float) -> float:
    return math.sqrt(max(0.0, float(variance))) / float(total) if total > 0 else 0.0
