"""What staying and leaving cost over the whole horizon, and when leaving is paid back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.costs.month_model import Month, Number

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Totals:
    """Over the horizon, in US dollars: numbers or one value a draw."""

    incumbent_usd: Number
    candidate_usd: Number

    @property
    def saving_usd(self) -> Number:
        """What leaving saves in all."""
        return self.incumbent_usd - self.candidate_usd


def totals_of(month: Month, *, horizon_months: int, price_path: Floats | None = None) -> Totals:
    """Total cost of ownership of both: every month alike, and what comes once.

    Args:
        month: One month of both.
        horizon_months: How many of them, at least 1.
        price_path: By what the incumbent's price is multiplied in each month, shape (horizon_months,); default: it stays.

    Raises:
        ValueError: If the path has another length.
    """
    path = np.ones(horizon_months) if price_path is None else price_path
    if len(path) != horizon_months:
        message = f"the price path must have {horizon_months} months, not {len(path)}"
        raise ValueError(message)
    return Totals(month.incumbent_usd * float(path.sum()), month.running_usd * horizon_months + month.one_off_usd)


def falling_path(*, fall_a_year: float, horizon_months: int) -> Floats:
    """A price that falls by the same share every month, by `fall_a_year` in twelve; its value in months 1, 2, ...

    Example:
        >>> falling_path(fall_a_year=0.8, horizon_months=24)[[11, 23]].round(6).tolist()
        [0.2, 0.04]
    """
    if not 0 <= fall_a_year < 1:
        message = f"fall_a_year must be from 0 to below 1, not {fall_a_year}"
        raise ValueError(message)
    months = np.arange(1, horizon_months + 1)
    return np.asarray((1 - fall_a_year) ** (months / 12))


def payback_months(month: Month) -> Floats:
    """Months until what comes once is earned back; infinite where running costs no less than staying.

    Returns:
        Shape of the month, at least (1,).
    """
    gain = np.atleast_1d(np.asarray(month.incumbent_usd - month.running_usd, dtype=np.float64))
    once = np.broadcast_to(np.asarray(month.one_off_usd, dtype=np.float64), gain.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(gain > 0, once / gain, np.inf))
