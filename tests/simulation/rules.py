"""Rules that might decide a simulated pilot: the naive ones that are in use, and the product's own code."""

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import norm

from app.statistics.asymptotic import radius
from app.statistics.daily import Daily, levels
from app.statistics.sums import Sums
from tests.simulation.product import h1, h1_and_watch, h1_people_only, h1_raw, h1_without_guard
from tests.simulation.said import ALPHA, THRESHOLD, Said
from tests.simulation.worlds import WEEK, Flags, Floats, Pilots, World

FIRST_NAIVE_DAY = 3  # on one or two days nobody divides by a standard error
LEAST_PAIRS = 50
MOST_WORSE = 0.1


Rule = Callable[[World, Pilots], Said]


def pair_z_weekly(world: World, pilots: Pilots) -> Said:
    """A z-test on pairs as if they were independent, at the end of each week."""
    return _first_of(_z(pilots.daily_pairs)[..., WEEK - 1 :: WEEK], pilots, step=WEEK)


def pair_z_daily(world: World, pilots: Pilots) -> Said:
    """The same at the end of each day."""
    return _first_of(_late_enough(_z(pilots.daily_pairs)), pilots)


def conversation_z_weekly(world: World, pilots: Pilots) -> Said:
    """A z-test on conversations at the end of each week."""
    return _first_of(_z(pilots.daily)[..., WEEK - 1 :: WEEK], pilots, step=WEEK)


def conversation_z_daily(world: World, pilots: Pilots) -> Said:
    """The same at the end of each day."""
    return _first_of(_late_enough(_z(pilots.daily)), pilots)


def fifty_pairs_worse(world: World, pilots: Pilots) -> Said:
    """Of at least 50 pairs at most a tenth is worse, checked after each pair (statistics of a peer: peers.md, finding 3)."""
    return _after_each_pair(pilots, pilots.pair_judge == 0, MOST_WORSE)


def fifty_pairs_net(world: World, pilots: Pilots) -> Said:
    """The same, better pairs counted against worse ones: worse less better is at most a tenth."""
    return _after_each_pair(pilots, np.float64(1) - pilots.pair_judge, MOST_WORSE)


def asymptotic_daily(world: World, pilots: Pilots) -> Said:
    """The confidence sequence alone, from the first day on, without regard to days: `app.statistics.asymptotic`."""
    bounds = _by_pilot(pilots.daily, lambda sums: _asymptotic_lower(sums, world.conversations / 2))
    return _first_of(bounds > THRESHOLD, pilots)


RULES: Mapping[str, Rule] = {
    "pair_z_weekly": pair_z_weekly,
    "pair_z_daily": pair_z_daily,
    "conversation_z_weekly": conversation_z_weekly,
    "conversation_z_daily": conversation_z_daily,
    "fifty_pairs_worse": fifty_pairs_worse,
    "fifty_pairs_net": fifty_pairs_net,
    "asymptotic_daily": asymptotic_daily,
    "h1_raw": h1_raw,
    "h1_people_only": h1_people_only,
    "h1_without_guard": h1_without_guard,
    "h1": h1,
    "h1_and_watch": h1_and_watch,
}
LOOKS = {
    "pair_z_weekly": "weekly",
    "conversation_z_weekly": "weekly",
    "fifty_pairs_worse": "every pair",
    "fifty_pairs_net": "every pair",
}


def _z(daily: Daily) -> Floats:
    after = levels(daily=daily)
    with np.errstate(invalid="ignore", divide="ignore"):
        z: Floats = (after.mean - THRESHOLD) / np.sqrt(after.variance / after.effective_n)
    return z


def _late_enough(z: Floats) -> Floats:
    return np.where(np.arange(z.shape[-1]) >= FIRST_NAIVE_DAY - 1, z, -np.inf)


def _first_of(looks: Floats | Flags, pilots: Pilots, *, step: int = 1) -> Said:
    """Sticky: what one look said is said on that day and after it."""
    crossed = looks if looks.dtype == bool else looks > norm.isf(ALPHA)
    first = np.where(crossed.any(axis=-1), (crossed.argmax(axis=-1) + 1) * step, 0)
    return Said(first, np.zeros(pilots.runs, dtype=np.int64))


def _after_each_pair(pilots: Pilots, bad: Flags | Floats, most: float) -> Said:
    run = np.repeat(pilots.run, pilots.size)
    total = np.cumsum(bad, dtype=np.float64)
    starts = np.searchsorted(run, np.arange(pilots.runs))
    before = np.where(starts > 0, total[np.maximum(starts - 1, 0)], 0)
    seen = np.arange(1, len(run) + 1) - starts[run]
    crossed = (seen >= LEAST_PAIRS) & (total - before[run] <= most * seen + 1e-9)
    day = np.repeat(pilots.day, pilots.size)
    first = np.full(pilots.runs, pilots.days)
    np.minimum.at(first, run[crossed], day[crossed])
    return Said(np.where(first < pilots.days, first + 1, 0), np.zeros(pilots.runs, dtype=np.int64))


def _by_pilot(daily: Daily, bound: Callable[[Sums], float]) -> Floats:
    """A bound of one series at a time, after each day."""
    columns = [np.cumsum(column, axis=-1) for column in (daily.n, daily.sum_wx, daily.sum_w2x2)]
    found = [bound(Sums(int(n), n, n, x, xx, x, xx)) for n, x, xx in zip(*(c.ravel() for c in columns), strict=True)]
    return np.array(found).reshape(daily.n.shape)


def _asymptotic_lower(sums: Sums, n_optimal: float) -> float:
    return -math.inf if sums.mean is None else sums.mean - radius(sums=sums, alpha=ALPHA, n_optimal=n_optimal)
