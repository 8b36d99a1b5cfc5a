"""The mean as it stood at the end of each day, with an interval that holds on all days together."""

from dataclasses import dataclass

import numpy as np

from app.statistics.asymptotic import METHOD
from app.statistics.daily import Daily, Numbers, Shape
from app.statistics.hybrid import at_moments, radius
from app.statistics.sums import Floats

__all__ = ["METHOD", "Band", "confidence_band"]


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Arrays of shape (..., moments); NaN before the first unit.

    Attributes:
        n: Units so far.
        value: The mean of the units that are known.
        low: Lower end, with every unknown value at its least; never below 0.
        high: Upper end, with every unknown value at its most; never above 1.
    """

    n: Floats
    value: Floats
    low: Floats
    high: Floats


def confidence_band(
    *,
    lowest: Daily,
    middle: Daily,
    highest: Daily,
    n_optimal: float,
    confidence: float = 0.95,
    entered: Numbers | None = None,
    shape: Shape | None = None,
    now: int | None = None,
) -> Band:
    """Two-sided: both ends are one-sided confidence sequences at half of the error probability, inflated by day.

    Args:
        lowest: Daily sums with every unknown value at its least, shape (..., days).
        middle: Those of the known values.
        highest: With every unknown value at its most.
        n_optimal: Half of the planned units.
        confidence: Two-sided, over all days together, in (0, 1).
        entered: See `hybrid`.
        shape: See `hybrid`.
        now: The last moment; default: the last day.

    Raises:
        ValueError: If `confidence` is out of range.

    Example:
        >>> import numpy as np
        >>> from app.statistics.sums import Sums
        >>> days = Daily.of_sums(sums=[Sums.of(values=np.tile([0.0, 0.5, 1.0], 20))] * 28)
        >>> band = confidence_band(lowest=days, middle=days, highest=days, n_optimal=700)
        >>> float(band.value[-1]), round(float(band.low[-1]), 4), round(float(band.high[-1]), 4), int(band.n[-1])
        (0.5, 0.4679, 0.5321, 1680)
    """
    if not 0 < confidence < 1:
        message = f"confidence must lie in (0, 1), not {confidence}"
        raise ValueError(message)
    last = lowest.days if now is None else now
    known = np.broadcast_to(np.arange(1, lowest.days + 1), lowest.n.shape) if entered is None else np.asarray(entered)
    low, mid, high = (at_moments(daily, known, last, shape=shape, middle=middle) for daily in (lowest, middle, highest))
    alpha = (1 - confidence) / 2
    down, up = (radius(level=level, alpha=alpha, n_optimal=n_optimal) for level in (low, high))
    there = low.n > 0
    return Band(
        n=mid.n,
        value=np.where(mid.n > 0, mid.mean, np.nan),
        low=np.where(there, np.clip(low.mean - down, 0.0, 1.0), np.nan),
        high=np.where(there, np.clip(high.mean + up, 0.0, 1.0), np.nan),
    )
