"""Weeks against days: the F test and the bound by weeks, against an analysis of variance by hand."""

import math

import numpy as np
import pytest
from scipy.stats import f, f_oneway, t

from app.statistics.daily import Daily
from app.statistics.sums import Sums
from app.statistics.weeks import compare_weeks


def daily_of(means: list[float], weights: list[float] | None = None) -> Daily:
    """One unit a day, of that value and weight; NaN = no unit."""
    days = [
        Sums() if math.isnan(mean) else Sums.of(values=np.array([mean]), weights=np.array([weight]))
        for mean, weight in zip(means, weights or [1.0] * len(means), strict=True)
    ]
    return Daily.of_sums(sums=days)


def test_equal_days_are_one_way_analysis_of_variance() -> None:
    chance = np.random.default_rng(1)
    differ = []
    for shift in (0.0, 0.02, 0.05, 0.1, 0.2):
        means = 0.5 + 0.05 * chance.normal(size=28) + np.repeat(shift * np.array([-1, 1, -1, 1]), 7)
        found = compare_weeks(daily=daily_of(means.tolist()))
        weeks = means.reshape(4, 7)
        assert bool(found.differ) == (f_oneway(*weeks).pvalue < 0.01)
        error = np.std(weeks.mean(axis=1), ddof=1) / 2
        assert found.error == pytest.approx(error)
        assert found.lower == pytest.approx(means.mean() - t.isf(0.05, 3) * error)
        differ.append(bool(found.differ))
    assert differ[0] is False
    assert differ[-1] is True


def test_unequal_days_are_weighted_by_their_traffic_and_the_rest_belongs_to_the_last_week() -> None:
    chance = np.random.default_rng(2)
    means, weights = chance.uniform(0.2, 0.8, size=24), chance.uniform(1.0, 9.0, size=24)
    means[[3, 9]] = np.nan
    found = compare_weeks(daily=daily_of(means.tolist(), weights.tolist()))
    there, week = ~np.isnan(means), np.minimum(np.arange(24) // 7, 2)
    w, x, of = weights[there], means[there], week[there]
    sizes = np.array([w[of == k].sum() for k in range(3)])
    centres = np.array([np.average(x[of == k], weights=w[of == k]) for k in range(3)])
    mean, total = np.average(x, weights=w), w.sum()
    error = math.sqrt(3 / 2 * float(((sizes / total) ** 2 * (centres - mean) ** 2).sum()))
    assert found.error == pytest.approx(error)
    assert found.lower == pytest.approx(mean - t.isf(0.05, 2) * error)
    inside = float((w * (x - centres[of]) ** 2).sum()) / (len(x) - 3)
    ratio = float((sizes * (centres - mean) ** 2).sum()) / 2 / inside
    assert bool(found.differ) == bool(ratio > f.isf(0.01, 2, len(x) - 3))


def test_two_weeks_and_weeks_without_traffic_say_nothing() -> None:
    steps = [0.2] * 7 + [0.8] * 7
    short = compare_weeks(daily=daily_of([*steps, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]))
    assert (bool(short.differ), math.isnan(short.error), math.isnan(short.lower)) == (False, True, True)
    empty = compare_weeks(daily=daily_of([*steps, *[math.nan] * 7]))
    assert (bool(empty.differ), math.isnan(empty.error), math.isnan(empty.lower)) == (False, True, True)
    whole = compare_weeks(daily=daily_of([*steps, *[0.2] * 7]))
    assert bool(whole.differ)
    assert not math.isnan(whole.lower)


def test_several_series_are_compared_apart() -> None:
    one, other = daily_of([0.5, 0.6, 0.5] * 7), daily_of(([0.2, 0.21] * 4)[:7] + ([0.8, 0.81] * 4)[:7] + ([0.5, 0.51] * 4)[:7])
    both = Daily(*(np.stack([getattr(one, name), getattr(other, name)]) for name in Daily.__slots__))
    found = compare_weeks(daily=both)
    assert found.differ.tolist() == [False, True]
    assert found.error.tolist() == pytest.approx(
        [float(compare_weeks(daily=one).error), float(compare_weeks(daily=other).error)]
    )


def test_many_series_are_told_apart_where_the_f_test_tells_them() -> None:
    chance, pilots, days = np.random.default_rng(5), 400, 28
    shift = np.repeat(chance.normal(size=(pilots, 4)), 7, axis=1) * 0.06
    means = 0.5 + 0.05 * chance.normal(size=(pilots, days)) + shift
    means[chance.random((pilots, days)) < 0.3] = np.nan
    means[:200, 14:21] = np.nan  # a week without traffic is no week
    daily = [daily_of(series.tolist()) for series in np.clip(means, 0, 1)]
    found = compare_weeks(daily=Daily(*(np.stack([getattr(one, name) for one in daily]) for name in Daily.__slots__)))
    for place in range(pilots):
        groups = [week[~np.isnan(week)] for week in np.clip(means[place], 0, 1).reshape(4, 7)]
        groups = [group for group in groups if len(group)]
        assert bool(found.differ[place]) == (f_oneway(*groups).pvalue < 0.01), place
        assert not math.isnan(found.lower[place])
    assert 50 < found.differ.sum() < pilots - 50
