"""From which volume leaving is cheaper: a staircase, because replicas are whole."""

import numpy as np
from numpy.typing import NDArray

from app.costs.month_model import Factors, MonthModel
from app.costs.stairs import Stairs

Floats = NDArray[np.float64]
# Beyond so many steps nothing is said: the volume would be a thousand times what any replica was seen to carry.
MOST_STEPS = 4096
_ROUNDING = 1e-9


def break_even_requests(model: MonthModel, factors: Factors = Factors()) -> Floats:  # noqa: B008 - frozen
    """The smallest number of requests a month at which leaving costs no more than staying; infinite where there is none.

    Cost of leaving at v requests: F + r(v) G + t v, of staying a v, with F what does not depend on volume, G one replica, t and
    a what a request costs by the token. On a step with r replicas leaving is cheaper from (F + r G) / (a - t) on; the first one
    that reaches so far holds the answer. Beyond the measured steps every further replica carries the same, so that the first
    such step follows from a division.

    Args:
        model: At the measured volume.
        factors: Of inputs; arrays give one answer a draw. `volume` is not looked at.

    Returns:
        Shape of the factors, at least (1,).
    """
    slope, fixed, replica, carrying = _lines(model, factors)
    if not model.requests > 0:
        return np.full(slope.shape, np.inf)
    unit = model.requests * carrying  # requests that volume 1 of the stairs is worth
    found = np.full(slope.shape, np.inf)
    many = np.asarray(factors.replicas, dtype=np.float64)
    steps, each = _steps(model.stairs)
    for most, replicas in steps:
        with np.errstate(divide="ignore", invalid="ignore"):
            needed = np.where(slope > 0, (fixed + replicas * many * replica) / slope, np.inf)
        reaches = np.isinf(found) & (needed <= most * unit)
        found = np.where(reaches, needed, found)
    if model.stairs.is_measured:
        beyond = _beyond(steps[-1], each, slope / many, fixed / many, replica, unit)
        found = np.where(np.isinf(found), beyond, found)
    return np.asarray(found)


def _lines(model: MonthModel, factors: Factors) -> tuple[Floats, Floats, Floats, Floats]:
    """What a request saves, what does not depend on volume, one replica, and what a replica carries, one row a draw."""
    hour = model.engineer_usd_per_hour * np.asarray(factors.engineer_price)
    upkeep = (model.upkeep_hours * np.asarray(factors.upkeep) + model.upgrade_hours) * hour
    once = model.one_off_hours * np.asarray(factors.one_off) * hour / model.horizon_months
    stays = model.incumbent_usd * np.asarray(factors.incumbent) * factors.incumbent_price
    leaves = model.candidate_tokens_usd * np.asarray(factors.candidate)
    lines = (
        (stays - leaves) / model.requests if model.requests else np.zeros_like(stays - leaves),
        upkeep + once + model.other_usd,
        model.replica_usd * np.asarray(factors.gpu_price),
        np.asarray(factors.carrying, dtype=np.float64),
    )
    one, two, three, four = np.broadcast_arrays(*(np.atleast_1d(np.asarray(line, dtype=np.float64)) for line in lines))
    return one, two, three, four


def _steps(stairs: Stairs) -> tuple[list[tuple[float, int]], float]:
    """Measured steps with what is rented at least, as (largest volume, replicas), and what each further replica carries."""
    if not stairs.is_measured:
        return [(float("inf"), stairs.least)], float("inf")
    each = stairs.volume_per_replica
    last, most = stairs.volumes[-1], stairs.replicas[-1]
    more = max(0, stairs.least - most)
    steps = [(v, max(r, stairs.least)) for v, r in zip(stairs.volumes, stairs.replicas, strict=True)]
    return [*steps, (last + more * each, most + more)], each


def _beyond(step: tuple[float, int], each: float, slope: Floats, fixed: Floats, replica: Floats, unit: Floats) -> Floats:
    """The answer on a step beyond the known ones, of which the last ends at volume V with R replicas.

    Step number k >= 1 has R + k replicas and ends at (V + k q) u requests: F + (R + k) G <= s (V + k q) u, so that
    k >= (F + R G - s V u) / (s q u - G).
    """
    last, most = step
    gain = slope * each * unit - replica
    with np.errstate(divide="ignore", invalid="ignore"):
        number = np.maximum(1.0, np.ceil((fixed + most * replica - slope * last * unit) / gain - _ROUNDING))
        volume = (fixed + (most + number) * replica) / slope
    return np.asarray(np.where((gain > 0) & (slope > 0) & (number <= MOST_STEPS), volume, np.inf))
