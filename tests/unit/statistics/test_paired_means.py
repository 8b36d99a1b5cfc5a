"""Paired means of yes and no are paired proportions, however closely both go together."""

import numpy as np
import pytest

from app.statistics.proportions import paired_difference_estimate, paired_mean_difference


@pytest.mark.parametrize("table", [(30, 10, 5, 55), (5, 40, 45, 10), (20, 0, 0, 80)])
def test_paired_means_of_yes_and_no_are_paired_proportions(table: tuple[int, int, int, int]) -> None:
    first, second = (np.repeat(values, table) for values in ([1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]))
    both, first_only, second_only, neither = table
    found = paired_mean_difference(first=first, second=second, weights=np.full(100, 3.0))
    expected = paired_difference_estimate(both=both, first_only=first_only, second_only=second_only, neither=neither)
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))
    assert found.n == expected.n
