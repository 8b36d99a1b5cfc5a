"""Engineering hours of the candidate: what comes back every month, from the weeks logged, and what is spent once."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from app.costs.monthly import month_factor

Floats = NDArray[np.float64]
DAYS_PER_WEEK = 7
CONFIDENCE = 0.95
# Before a week is seen its hours are taken to scatter like an exponential's, with the weight of two degrees of freedom:
# so one week logged gives a wide range, and four equal weeks do not give none.
_PRIOR_CV = 1.0
_PRIOR_FREEDOM = 2


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Recurring hours a month of 730 hours, with what is unsure about them because only some weeks were seen.

    Attributes:
        value: Hours a month: the closed days' hours x 730 / (24 x closed days).
        low: Lower end of the two-sided 95 % range.
        high: Upper end.
        weeks: Weeks of the pilot that it rests on; an incomplete one counts as one.
        entries: Logged entries of these weeks.
        sigma: Of the lognormal whose median is `value` and whose 2.5th and 97.5th percentile are `low` and `high`.
    """

    value: Decimal
    low: Decimal
    high: Decimal
    weeks: int
    entries: int
    sigma: float

    @property
    def cv(self) -> float:
        """Standard deviation of that lognormal over its mean; its mean lies above `value`, its median."""
        return math.sqrt(math.expm1(self.sigma**2))

    def drawn(self, *, normals: Floats) -> Floats:
        """Draws of the hours a month from standard normal draws, of the same shape: `value` x exp(`sigma` x draw).

        Example:
            >>> import numpy as np
            >>> found = upkeep_of(entries_by_day=[(1, Decimal(3)), (9, Decimal(5))], closed_days=range(1, 15))
            >>> [round(float(hours), 1) for hours in found.drawn(normals=np.array([-1.96, 0.0, 1.96]))]
            [3.0, 17.4, 100.3]
        """
        return float(self.value) * np.exp(self.sigma * normals)


def upkeep_of(entries_by_day: Sequence[tuple[int, Decimal]], closed_days: Collection[int]) -> Upkeep | None:
    """Recurring hours a month from the weeks logged, with a range; `None` where no hours were logged on a closed day.

    Weeks are those of the pilot (days 1-7, 8-14, ...), each scaled by its closed days; a closed week without an entry counts as
    0 hours, for who logs at all is taken to log all. The range is Student's on the logarithm of the mean (delta method), which
    suits hours better than the usual one: they are above 0 and skewed. Since few weeks say little of their scatter,
    it is pooled with that of an exponential at the weight of two degrees of freedom.

    Args:
        entries_by_day: Day of the pilot (the first is 1) and hours of each recurring entry; those of other days are left out.
        closed_days: The closed days of the pilot.

    Returns:
        The mean of the weeks x 730 / 168 with its two-sided 95 % range.

    Raises:
        ValueError: If a day is below 1 or hours are not above 0.

    Source: Cochran, Sampling Techniques, 3rd ed. (1977), section 6.3 (a ratio of sums); Casella and Berger, Statistical
        Inference, 2nd ed. (2002), section 5.5.4 (delta method); Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), section
        2.6 (a scatter pooled with a prior one). Of 1,000 simulated pilots of 4 weeks with gamma weekly hours the range holds
        the truth in 88.6 % (shape 1/2: most weeks idle), 94.9 % (1), 98.7 % (2) and 100 % (8): tests/unit/costs/test_upkeep.py.

    Example:
        >>> found = upkeep_of(entries_by_day=[(1, Decimal(3)), (9, Decimal(5)), (20, Decimal(4))], closed_days=range(1, 22))
        >>> [round(hours, 1) for hours in (found.value, found.low, found.high)], found.weeks, found.entries
        ([Decimal('17.4'), Decimal('5.7'), Decimal('53.3')], 3, 3)
        >>> upkeep_of(entries_by_day=[], closed_days=range(1, 22)) is None
        True
    """
    days = frozenset(closed_days)
    _check(entries_by_day, days)
    counted = [(day, hours) for day, hours in entries_by_day if day in days]
    if not counted:
        return None
    weeks = sorted({_week(day) for day in days})
    sizes = np.array([sum(_week(day) == week for day in days) for week in weeks]) / DAYS_PER_WEEK
    sums = np.array([float(sum(hours for day, hours in counted if _week(day) == week)) for week in weeks])
    spread = _log_error(sums, sizes) * float(t.ppf((1 + CONFIDENCE) / 2, _freedom(len(weeks))))
    value = sum((hours for _, hours in counted), Decimal(0)) * _month(len(days))
    reach = Decimal(repr(math.exp(spread)))
    sigma = spread / float(norm.ppf((1 + CONFIDENCE) / 2))
    return Upkeep(value, value / reach, value * reach, len(weeks), len(counted), sigma)


def amortised_hours(*, one_off_hours: Decimal, horizon_months: int) -> Decimal:
    """One-off hours a month: those of set-up, prompt porting and evaluation spread evenly over the horizon.

    Raises:
        ValueError: If the horizon is below 1 month or the hours are below 0.

    Example:
        >>> amortised_hours(one_off_hours=Decimal(60), horizon_months=24)
        Decimal('2.5')
    """
    if horizon_months < 1 or not one_off_hours >= 0:
        message = f"hours must be at least 0 and the horizon at least 1 month, not {one_off_hours} over {horizon_months}"
        raise ValueError(message)
    return one_off_hours / horizon_months


def _log_error(sums: Floats, sizes: Floats) -> float:
    """Standard error of the logarithm of the mean weekly hours; a part of a week is as much less sure as it is shorter."""
    mean = sums.sum() / sizes.sum()
    away = float((sizes * (sums / sizes / mean - 1) ** 2).sum())  # = (weeks - 1) x squared variation of one whole week
    squared = (_PRIOR_FREEDOM * _PRIOR_CV**2 + away) / _freedom(len(sums))
    return math.sqrt(math.log1p(squared / float(sizes.sum())))


def _freedom(weeks: int) -> int:
    return _PRIOR_FREEDOM + weeks - 1


def _month(days: int) -> Decimal:
    factor = month_factor(closed_days=days)
    return factor if factor is not None else Decimal(0)


def _week(day: int) -> int:
    return (day - 1) // DAYS_PER_WEEK


def _check(entries_by_day: Sequence[tuple[int, Decimal]], days: frozenset[int]) -> None:
    first = min(days, default=1)
    if first < 1:
        message = f"days of a pilot count from 1, not {first}"
        raise ValueError(message)
    for day, hours in entries_by_day:
        if not hours > 0:
            message = f"hours must be above 0, not {hours} on day {day}"
            raise ValueError(message)
