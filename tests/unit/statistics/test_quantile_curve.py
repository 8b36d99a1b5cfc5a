"""The curve is the quantiles themselves: the same values and the same intervals, for all shares at once."""

import numpy as np
import pytest

from app.statistics.quantile_curve import quantile_curve
from app.statistics.quantiles import quantile_estimate

SHARES = np.array([0.01, 0.3, 0.5, 0.95, 0.99, 0.999])


@pytest.mark.parametrize(("n", "weight"), [(1, 350.0), (7, 350.0), (100, 25.0), (1400, 350.0), (2017, 2000.0)])
def test_each_point_is_what_a_single_quantile_says(n: int, weight: float) -> None:
    ordered = np.sort(np.random.default_rng(n).lognormal(size=n).round(1))  # with ties
    curve = quantile_curve(ordered=ordered, shares=SHARES, weight=weight)
    assert curve.shares.tolist() == [share for share in SHARES.tolist() if round(n * (1 - share), 9) >= 1]
    for share, *found in zip(*(column.tolist() for column in curve), strict=True):
        one = quantile_estimate(ordered=ordered, probability=share, weight=weight)
        assert [None if np.isnan(value) else value for value in found] == [one.value, one.low, one.high]


def test_nothing_observed_gives_no_points() -> None:
    assert quantile_curve(ordered=np.empty(0), shares=SHARES, weight=350.0).shares.tolist() == []


@pytest.mark.parametrize("shares", [[0.0], [0.5, 1.0]])
def test_shares_outside_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match=r"shares and confidence must lie in \(0, 1\)"):
        quantile_curve(ordered=np.arange(3.0), shares=np.array(shares), weight=1.0)
