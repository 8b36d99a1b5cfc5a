"""CUSUM, day-to-day variance, stability index, mix test: textbook values, run lengths, edges."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from app.statistics.drift import cusum, daily_errors, day_to_day, psi, same_mix_p_value


def test_without_drift_an_alarm_of_falls_is_as_rare_as_tables_say() -> None:
    chance = np.random.default_rng(7)
    means = 0.5 + 0.05 * chance.standard_normal((1500, 400))
    found = cusum(means=means, errors=np.full(means.shape, 0.05), limit=4.0)
    # Montgomery, table 9.3: both sides of limit 4 and slack 0.5 give a run length of 168.
    alarms = (found.fell | found.rose).sum() / means.size
    assert alarms == pytest.approx(1 / 168, rel=0.15)
    assert found.fell.sum() == pytest.approx(found.rose.sum(), rel=0.15)


def test_a_mean_that_is_not_known_beforehand_changes_nothing() -> None:
    means = 0.5 + 0.05 * np.random.default_rng(1).standard_normal(60)
    errors = np.full(60, 0.05)
    one, other = cusum(means=means, errors=errors), cusum(means=means - 0.2, errors=errors)
    assert one.falls == pytest.approx(other.falls)


def test_a_rise_is_the_mirror_image_of_a_fall() -> None:
    means = np.concatenate([np.full(14, 0.5), np.full(14, 0.35)])
    errors = np.full(28, 0.05)
    falls, rises = cusum(means=means, errors=errors), cusum(means=1 - means, errors=errors)
    assert falls.falls == pytest.approx(rises.rises)
    assert falls.fell.any()
    assert not falls.rose.any()
    assert rises.rose.tolist() == falls.fell.tolist()


@pytest.mark.parametrize("turn", [1, -1])
def test_a_sum_at_the_limit_is_no_alarm_yet(turn: int) -> None:
    means = 0.5 + turn * 0.05 * np.array([0.0, 1.0, -1.0, -2.0, -1.5, -4.0, -1.0])
    errors = np.full(7, 0.05)
    free = cusum(means=means, errors=errors, limit=99.0)
    highest = free.falls if turn > 0 else free.rises
    at_it = cusum(means=means, errors=errors, limit=float(highest[4]))
    assert not (at_it.fell | at_it.rose)[:5].any()
    assert (at_it.fell if turn > 0 else at_it.rose)[5]
    assert at_it.falls[:6] == pytest.approx(free.falls[:6])
    assert at_it.rises[:6] == pytest.approx(free.rises[:6])


def test_without_slack_every_standard_error_counts() -> None:
    means, errors = np.array([0.5, 0.45]), np.array([0.03, 0.04])
    assert cusum(means=means, errors=errors, slack=0.0).falls.tolist() == pytest.approx([0.0, 1.0])


def test_an_alarm_begins_anew() -> None:
    means = np.concatenate([np.full(14, 0.5), np.full(20, 0.3)])
    found = cusum(means=means, errors=np.full(34, 0.05))
    (alarm,) = np.flatnonzero(found.fell)
    assert alarm < 18
    assert (found.falls[alarm + 1 :] == 0).all()


def test_days_without_a_value_change_nothing() -> None:
    chance = np.random.default_rng(3)
    means, errors = 0.5 + 0.05 * chance.standard_normal(20), np.full(20, 0.05)
    gaps = np.insert(means, [0, 5, 5, 20], np.nan)
    found = cusum(means=gaps, errors=np.insert(errors, [0, 5, 5, 20], np.nan))
    plain = cusum(means=means, errors=errors)
    assert found.falls[~np.isnan(gaps)] == pytest.approx(plain.falls)
    assert found.rises[~np.isnan(gaps)] == pytest.approx(plain.rises)
    assert found.rises[[5, 6]].tolist() == [found.rises[4]] * 2 != found.falls[[5, 6]].tolist()
    assert not np.isnan(found.falls).any()


def test_many_series_at_once_are_each_their_own() -> None:
    chance = np.random.default_rng(5)
    means, errors = 0.5 + 0.1 * chance.standard_normal((4, 30)), 0.05 + 0.05 * chance.random((4, 30))
    whole = cusum(means=means, errors=errors)
    for row in range(4):
        one = cusum(means=means[row], errors=errors[row])
        assert np.array_equal(one.falls, whole.falls[row])
        assert np.array_equal(one.fell, whole.fell[row])


def test_day_to_day_finds_the_spread_of_true_means_and_not_a_step() -> None:
    chance = np.random.default_rng(2)
    drawn = 0.02 * chance.standard_normal((2000, 28))
    shocks = 0.03 * chance.standard_normal((2000, 28))
    variances = np.full((2000, 28), 0.02**2)
    assert np.mean(day_to_day(means=0.5 + drawn + shocks, variances=variances)) == pytest.approx(0.03**2, rel=0.05)
    step = np.where(np.arange(28) < 14, 0.5, 0.4)
    with_step = np.mean(day_to_day(means=step + drawn, variances=variances))
    assert with_step < 0.2 * np.var(step)


def test_errors_are_wider_where_days_differ() -> None:
    means, variances = np.array([0.47, 0.53] * 7), np.full(14, 0.0004)
    beyond = day_to_day(means=means, variances=variances)
    freedom = 2 * 13 / 3
    assert daily_errors(means=means, variances=variances) ** 2 == pytest.approx((0.0004 + beyond) * freedom / (freedom - 2))
    assert daily_errors(means=np.full(14, 0.5), variances=variances) == pytest.approx(0.02)


def test_the_index_is_that_of_the_shares_and_grows_with_the_shift() -> None:
    many = np.array([5e6, 3e6, 2e6])
    other = np.array([4e6, 4e6, 2e6])
    expected = (0.4 - 0.5) * np.log(0.4 / 0.5) + (0.4 - 0.3) * np.log(0.4 / 0.3)
    assert psi(expected=many, actual=other) == pytest.approx(expected, rel=1e-4)
    assert psi(expected=other, actual=many) == pytest.approx(expected, rel=1e-4)
    assert psi(expected=many, actual=many / 10) == pytest.approx(0, abs=1e-9)
    # Half a unit more in each group: 10.5 and 0.5 of 11 against 5.5 of 11 in both.
    known = (0.5 - 10.5 / 11) * np.log(0.5 / (10.5 / 11)) + (0.5 - 0.5 / 11) * np.log(0.5 / (0.5 / 11))
    assert psi(expected=np.array([10.0, 0.0]), actual=np.array([5.0, 5.0])) == pytest.approx(known)


def test_by_chance_the_index_is_about_what_its_size_says() -> None:
    chance = np.random.default_rng(4)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    drawn = [[chance.multinomial(many, shares).astype(np.float64) for many in (300, 200)] for _ in range(400)]
    found = [psi(expected=first, actual=then) for first, then in drawn]
    assert np.mean(found) == pytest.approx(3 * (1 / 300 + 1 / 200), rel=0.1)


def test_the_mix_test_is_the_chi_square_test_of_homogeneity() -> None:
    first, then = np.array([50.0, 30.0, 20.0, 0.0]), np.array([40.0, 45.0, 25.0, 0.0])
    known = chi2_contingency(np.stack([first, then])[:, :3], correction=False).pvalue
    assert same_mix_p_value(expected=first, actual=then) == pytest.approx(known)


def test_nothing_to_compare_is_no_difference() -> None:
    assert same_mix_p_value(expected=np.array([3.0]), actual=np.array([9.0])) == 1.0
    assert same_mix_p_value(expected=np.array([3.0, 2.0]), actual=np.array([0.0, 0.0])) == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"means": np.zeros(3), "errors": np.ones(2)}, "same shape"),
        ({"means": np.zeros(3), "errors": np.array([1.0, 0.0, 1.0])}, r"errors must be above 0, not 0\.0"),
        ({"means": np.zeros(3), "errors": np.ones(3), "limit": 0.0}, "limit above 0"),
        ({"means": np.zeros(3), "errors": np.ones(3), "slack": -1.0}, "slack must be at least 0"),
    ],
)
def test_cusum_names_what_is_wrong(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cusum(**arguments)


@pytest.mark.parametrize("function", [psi, same_mix_p_value])
def test_mixes_name_what_is_wrong(function: Callable[..., float]) -> None:
    with pytest.raises(ValueError, match="same shape"):
        function(expected=np.array([1.0]), actual=np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"at least 0, not -1\.0"):
        function(expected=np.array([1.0, 2.0]), actual=np.array([1.0, -1.0]))


def test_day_to_day_needs_the_same_shapes() -> None:
    with pytest.raises(ValueError, match="same shape"):
        day_to_day(means=np.zeros(3), variances=np.ones(4))
