"""The rule of the quality gate, vectorised, against the same rule day by day and series by series."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, t

from app.statistics.daily import Daily, Level, Numbers, Shape, levels
from app.statistics.group_sequential import obrien_fleming_bounds
from app.statistics.hybrid import EXTENSION_SHARE, LOOKS_SHARE, NEVER, SEQUENCE_SHARE, hybrid

THRESHOLD, ALPHA, N_OPTIMAL, DAYS = 0.45, 0.05, 300.0, 28
LOOKS = (14, 21, 28)


def daily_of(seed: int, level: float, *, pilots: int = 6, days: int = DAYS, each: int = 25, swing: float = 0.02) -> Daily:
    chance = np.random.default_rng(seed)
    places = np.repeat(np.arange(pilots * days), chance.poisson(each, size=pilots * days))
    means = level + swing * chance.normal(size=pilots * days)
    values = np.clip(means[places] + 0.35 * chance.normal(size=len(places)), 0.0, 1.0)
    return Daily.of(values=values, places=places, shape=(pilots, days), weights=chance.choice([1.0, 2.0], size=len(places)))


def one_of(daily: Daily, pilot: int, days: list[int]) -> Daily:
    """One series, of some days only (counted from 1), in their order."""
    return Daily(*(getattr(daily, name)[pilot, [day - 1 for day in days]] for name in Daily.__slots__))


def last_level(daily: Daily, shape: Shape | None = None, known: Daily | None = None) -> dict[str, float]:
    after = levels(daily=daily, shape=shape, known=known)
    return {name: float(getattr(after, name)[-1]) for name in (*Level.__slots__, "standard_error")}


def distance(level: dict[str, float], alpha: float) -> float:
    """Of the sequence's one-sided bound from the mean: Waudby-Smith et al. at n over the design effect, and Student's t."""
    if level["days"] < 2:
        return math.inf
    n = level["effective_n"] / level["design_effect"]
    r2 = (-2 * math.log(2 * alpha) + math.log(1 - 2 * math.log(2 * alpha))) / N_OPTIMAL
    plain = math.sqrt(level["variance"] * 2 * (n * r2 + 1) / (n**2 * r2) * math.log(1 + math.sqrt(n * r2 + 1) / (2 * alpha)))
    z = norm.isf(alpha)
    return float(plain * t.isf(norm.sf(z), math.floor(level["degrees"])) / z)


@dataclass
class Said:
    """What the rule said of one series, found by looking every day."""

    passed_on: int = NEVER
    failed_on: int = NEVER
    by_look: int = NEVER
    bound: float = math.nan
    lower: float = -math.inf
    upper: float = math.inf
    looks: dict[int, tuple[int, float]] = field(default_factory=dict)  # by day: when it was known, its bound


def critical(begins: int, looks: list[int], extension: int | None) -> dict[int, float]:
    """Each look's value; information is calendar time."""
    if not looks:
        return {}
    length = looks[-1] - begins + 1
    late = [] if extension is None else [((extension - begins + 1) / length, ALPHA * EXTENSION_SHARE)]
    fractions = [(look - begins + 1) / length for look in looks]
    values = obrien_fleming_bounds(fractions=fractions, alpha=ALPHA * LOOKS_SHARE, late=late).tolist()
    return dict(zip([*looks, *([] if extension is None else [extension])], values, strict=True))


@dataclass
class World:
    """What the rule is given, and one series' level from the days that are known."""

    lowest: Daily
    middle: Daily | None
    highest: Daily
    shape: Shape | None
    known: Numbers

    def level(self, daily: Daily, pilot: int, days: list[int]) -> dict[str, float]:
        shape = None
        if self.shape is not None:
            places = [day - 1 for day in days]
            stretch, witnesses = self.shape.stretch[pilot, places], self.shape.witnesses[pilot, places]
            shape = Shape(one_of(self.shape.daily, pilot, days), stretch, witnesses)
        return last_level(one_of(daily, pilot, days), shape, None if self.middle is None else one_of(self.middle, pilot, days))

    def look(self, pilot: int, look: int, value: float) -> float:
        level = self.level(self.lowest, pilot, list(range(1, look + 1)))
        return level["mean"] - level["standard_error"] * float(t.isf(norm.sf(value), math.floor(level["degrees"])))


def by_looking(world: World, pilot: int, *, begins: int, extension: int | None, now: int) -> Said:
    said, known, first_day = Said(), world.known[pilot], begins + 13
    values = critical(begins, [look for look in LOOKS if look >= first_day], extension)
    values = {look: value for look, value in values.items() if look <= len(known)}
    for moment in range(1, now + 1):
        days = [int(day) for day in np.argsort(known, kind="stable") + 1 if known[day - 1] <= moment]
        if not days:
            continue
        low, high = world.level(world.lowest, pilot, days), world.level(world.highest, pilot, days)
        said.lower = low["mean"] - distance(low, ALPHA * SEQUENCE_SHARE)
        said.upper = high["mean"] + distance(high, ALPHA)
        if said.upper < THRESHOLD and said.failed_on == NEVER:
            said.failed_on = moment
        for look in [look for look in values if look not in said.looks and max(known[:look]) <= moment]:
            said.looks[look] = (moment, world.look(pilot, look, values[look]))
            if said.looks[look][1] > THRESHOLD and said.passed_on == NEVER:
                said.passed_on, said.by_look, said.bound = moment, look, said.looks[look][1]
        if said.passed_on == NEVER and moment >= first_day and said.lower > THRESHOLD:
            said.passed_on, said.bound = moment, said.lower
    if said.looks:
        said.lower = max(said.lower, said.looks[max(said.looks)][1])
    return said


CASES: list[tuple[dict[str, Any], bool, int, int | None, int]] = [
    ({"level": 0.52}, False, 1, None, 28),
    ({"level": 0.55, "each": 40}, True, 1, None, 28),
    ({"level": 0.47, "each": 40}, False, 1, 42, 42),
    ({"level": 0.3, "each": 60}, True, 4, None, 28),
    ({"level": 0.3, "each": 60, "swing": 0.01}, False, 4, None, 24),
    ({"level": 0.457, "each": 40, "swing": 0.01}, False, 1, 42, 42),
    ({"level": 0.55, "swing": 0.1}, True, 1, 42, 42),
    ({"level": 0.62, "each": 60, "swing": 0.0}, True, 1, 42, 24),
    ({"level": 0.62, "each": 60, "swing": 0.0}, False, 9, None, 28),
    ({"level": 0.62, "each": 60, "swing": 0.0}, False, 1, None, 28),
]


@pytest.mark.parametrize(("world", "late", "begins", "extension", "now"), CASES)
def test_the_rule_is_what_looking_every_day_says(
    world: dict[str, Any], late: bool, begins: int, extension: int | None, now: int
) -> None:
    lowest = daily_of(3, **(world | {"days": extension or DAYS}))
    unknown = daily_of(4, 0.5, each=2, days=extension or DAYS)
    at_most = {name: getattr(lowest, name) + getattr(unknown, name) for name in Daily.__slots__}
    at_least = {name: getattr(lowest, name) + ("x" not in name) * getattr(unknown, name) for name in Daily.__slots__}
    waits = np.random.default_rng(9).integers(0, 6, size=lowest.n.shape) * late
    known = np.arange(1, lowest.days + 1) + waits
    shape = Shape(
        daily_of(11, 0.5, days=lowest.days, swing=0.06),
        np.linspace(1, 2, lowest.n.size).reshape(lowest.n.shape),
        np.full(lowest.n.shape, 3.0),
    )
    if late:
        made = World(Daily(**at_least), lowest, Daily(**at_most), shape, known)
    else:
        made = World(lowest, None, Daily(**at_most), None, known)
    found = hybrid(
        lowest=made.lowest, middle=made.middle, highest=made.highest, threshold=THRESHOLD, alpha=ALPHA, n_optimal=N_OPTIMAL,
        looks=LOOKS, extension=extension, entered=known if late else None, shape=made.shape, now=now, begins=begins,
    )  # fmt: skip
    for pilot in range(2):
        said = by_looking(made, pilot, begins=begins, extension=extension, now=now)
        assert (found.passed_on[pilot], found.by_look[pilot]) == (said.passed_on, said.by_look)
        assert found.failed_on[pilot] == said.failed_on
        assert found.passing_bound[pilot] == pytest.approx(said.bound, nan_ok=True)
        assert found.lower[pilot] == pytest.approx(said.lower)
        assert found.upper[pilot] == pytest.approx(said.upper)
        assert found.level.mean[pilot] == pytest.approx(made.level(made.lowest, pilot, _days_by(known[pilot], now))["mean"])


def _days_by(known: Numbers, now: int) -> list[int]:
    return [int(day) for day in np.argsort(known, kind="stable") + 1 if known[day - 1] <= now]
