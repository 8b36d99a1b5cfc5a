"""How sure a month's spend is: as sure as a bootstrap says, less so where days swing together."""

from typing import Any

import numpy as np
import pytest

from app.costs.spread import SpendMoments, spend_spread

WEEK = np.array([False] * 5 + [True] * 2)
FOUR_WEEKS = np.tile(WEEK, 4)


def moments(x: Any, y: Any, days: Any, closed: int = 28) -> SpendMoments:
    by_day: Any = np.stack([np.bincount(days, weights=each, minlength=closed) for each in (x, y)], axis=1)
    return SpendMoments(np.array([(x * x).sum(), (y * y).sum(), (x * y).sum()]), by_day, len(x))


def test_it_is_that_of_drawing_conversations_anew() -> None:
    rng = np.random.default_rng(1)
    x = rng.lognormal(0, 1, 2000)
    y = x * rng.uniform(0.5, 1.5, 2000)
    days = np.arange(2000) % 28
    found = spend_spread(moments(x, y, days), FOUR_WEEKS)
    counts = rng.poisson(1, (4000, 2000))
    totals = np.stack([counts @ x, counts @ y])
    by_day = moments(x, y, days).by_day
    day_error = 28 * np.sqrt(by_day[:, 0].var(ddof=2) / 28)
    assert found.x == pytest.approx(max(totals[0].std(), day_error) / x.sum(), rel=0.1)
    assert found.correlation == pytest.approx(np.asarray(np.corrcoef(totals))[0, 1], abs=0.05)


def test_days_that_swing_together_make_it_less_sure() -> None:
    x = np.ones(28_000)
    steady = np.repeat(np.arange(28), 1000)
    swinging = np.repeat(np.arange(28), np.tile([500, 1500], 14))
    calm, wild = (spend_spread(moments(x, x, days), FOUR_WEEKS).x for days in (steady, swinging))
    assert calm == pytest.approx(1 / np.sqrt(28_000))
    assert wild > 10 * calm
    assert wild == pytest.approx(np.sqrt(28 * 250_000 * 28 / 26) / 28_000, rel=0.05)


def test_quiet_weekends_are_no_swing() -> None:
    days = np.repeat(np.arange(28), np.where(FOUR_WEEKS, 100, 1000))
    x = np.ones(len(days))
    assert spend_spread(moments(x, x, days), FOUR_WEEKS).x == pytest.approx(1 / np.sqrt(len(days)))
    unseen = spend_spread(moments(x, x, days), np.zeros(28, dtype=bool)).x
    assert unseen > 10 / np.sqrt(len(days))


def test_too_few_days_say_nothing_of_days() -> None:
    def error(volumes: list[int], weekend: list[bool]) -> float:
        days = np.repeat(np.arange(len(volumes)), volumes)
        return spend_spread(moments(np.ones(len(days)), np.ones(len(days)), days, closed=len(volumes)), np.array(weekend)).x

    assert error([100, 900], [False, False]) == pytest.approx(1 / np.sqrt(1000))
    assert error([100, 900, 500], [False] * 3) > 0.2
    # Two days of a weekend are too few to be a kind of their own; three are enough.
    assert error([500] * 5 + [100, 100], [False] * 5 + [True] * 2) > 0.1
    assert error([500] * 3 + [100, 100, 100], [False] * 3 + [True] * 3) == pytest.approx(1 / np.sqrt(1800))


def test_parts_add_up() -> None:
    rng = np.random.default_rng(2)
    x, y, days = rng.random(100), rng.random(100), rng.integers(0, 28, 100)
    whole = moments(x, y, days)
    halves = moments(x[:40], y[:40], days[:40]) + moments(x[40:], y[40:], days[40:])
    assert halves.squares == pytest.approx(whole.squares)
    assert halves.by_day == pytest.approx(whole.by_day)
    assert halves.conversations == 100


def test_nothing_spent_is_nothing_unsure() -> None:
    none = SpendMoments(np.zeros(3), np.zeros((2, 2)), 0)
    found = spend_spread(none, np.array([False, True]))
    assert (found.x, found.y, found.correlation) == (0.0, 0.0, 0.0)
    one_arm = moments(np.ones(10), np.zeros(10), np.zeros(10, dtype=int), closed=1)
    found = spend_spread(one_arm, np.array([False]))
    assert found.x == pytest.approx(1 / np.sqrt(10))
    assert (found.y, found.correlation) == (0.0, 0.0)
