"""Hours of upkeep a month and how sure they are; how often the range holds the truth in simulated pilots."""

import doctest
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.costs import upkeep
from app.costs.upkeep import Upkeep, amortised_hours, upkeep_of

MONTH = Decimal(730) / 168  # weeks in a month


def of(hours: dict[int, str], days: int) -> Upkeep:
    found = upkeep_of(entries_by_day=[(day, Decimal(h)) for day, h in hours.items()], closed_days=range(1, days + 1))
    assert found is not None
    return found


def test_the_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(upkeep)
    assert (result.attempted > 0, result.failed) == (True, 0)


@pytest.mark.parametrize(
    ("hours", "days", "value", "weeks", "entries"),
    [
        ({1: "4"}, 7, 4 * MONTH, 1, 1),
        ({1: "4"}, 28, 1 * MONTH, 4, 1),  # three closed weeks without an entry are weeks of 0 hours
        ({7: "2", 8: "3"}, 14, Decimal("2.5") * MONTH, 2, 2),
        ({1: "4", 8: "1"}, 10, Decimal("3.5") * MONTH, 2, 2),  # 5 hours in 10 days are 3.5 a week
        ({2: "1", 20: "9"}, 14, Decimal("0.5") * MONTH, 2, 1),  # day 20 is not closed
    ],
)
def test_a_month_is_the_mean_week_times_730_over_168(
    hours: dict[int, str], days: int, value: Decimal, weeks: int, entries: int
) -> None:
    found = of(hours, days)
    assert found.value == pytest.approx(value)
    assert (found.weeks, found.entries) == (weeks, entries)


def test_nothing_logged_on_a_closed_day_is_unknown_and_not_zero() -> None:
    assert upkeep_of(entries_by_day=[], closed_days=range(1, 29)) is None
    assert upkeep_of(entries_by_day=[(3, Decimal(2))], closed_days=[]) is None
    assert upkeep_of(entries_by_day=[(3, Decimal(2))], closed_days=[1, 2]) is None


@pytest.mark.parametrize(
    ("entries", "days", "said"), [([(1, Decimal(0))], [1], "above 0"), ([(1, Decimal(1))], [0, 1], "from 1")]
)
def test_what_cannot_be_is_refused(entries: list[tuple[int, Decimal]], days: list[int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        upkeep_of(entries_by_day=entries, closed_days=days)


def test_one_week_is_a_wide_range_and_more_weeks_a_narrower_one() -> None:
    widths = [of(dict.fromkeys(range(1, days + 1, 7), "4"), days) for days in (3, 7, 14, 28, 56)]
    reaches = [float(found.high / found.value) for found in widths]
    assert reaches == sorted(reaches, reverse=True)
    assert reaches[1] > 10  # one week
    assert 2 < reaches[3] < 2.6  # four equal weeks


def test_weeks_that_differ_more_make_the_range_wider() -> None:
    even, uneven = of({1: "4", 8: "4", 15: "4", 22: "4"}, 28), of({1: "13", 8: "1", 15: "1", 22: "1"}, 28)
    assert even.value == uneven.value
    assert uneven.high > even.high
    assert uneven.low < even.low


def test_draws_have_the_range_as_their_percentiles() -> None:
    found = of({1: "4", 8: "9", 15: "1", 22: "4"}, 28)
    drawn = found.drawn(normals=np.random.default_rng(5).standard_normal(100_000))
    assert np.quantile(drawn, [0.025, 0.5, 0.975]) == pytest.approx(
        [float(found.low), float(found.value), float(found.high)], rel=0.03
    )
    assert drawn.std() / drawn.mean() == pytest.approx(found.cv, rel=0.05)


@settings(max_examples=60, deadline=None)
@given(
    some.lists(some.tuples(some.integers(1, 35), some.decimals("0.01", "744", places=2)), min_size=1, max_size=20),
    some.integers(1, 35),
)
def test_hours_are_neither_lost_nor_counted_twice(entries: list[tuple[int, Decimal]], days: int) -> None:
    found = upkeep_of(entries_by_day=entries, closed_days=range(1, days + 1))
    inside = sum((hours for day, hours in entries if day <= days), Decimal(0))
    if found is None:
        assert inside == 0
        return
    assert found.value * 24 * days / 730 == pytest.approx(inside)
    assert 0 < found.low < found.value < found.high


@pytest.mark.parametrize(("shape", "at_least"), [(0.5, 0.87), (1.0, 0.93), (2.0, 0.97), (8.0, 0.99)])
def test_the_range_of_four_weeks_holds_the_truth(shape: float, at_least: float) -> None:
    """1,000 pilots, weekly hours gamma: 88.6, 94.9, 98.7 and 100 % for shapes 1/2 (mostly idle weeks), 1, 2 and 8."""
    chance = np.random.default_rng(20261121)
    weekly = chance.gamma(shape, 5 / shape, (1000, 4)) + 1e-9
    truth = 5 * 730 / 168
    pilots = [of({1 + 7 * week: f"{hours:.9f}" for week, hours in enumerate(row)}, 28) for row in weekly]
    held = np.mean([float(found.low) <= truth <= float(found.high) for found in pilots])
    assert held >= at_least


def test_one_off_hours_are_spread_over_the_horizon() -> None:
    assert amortised_hours(one_off_hours=Decimal("90"), horizon_months=24) == Decimal("3.75")
    assert amortised_hours(one_off_hours=Decimal(0), horizon_months=1) == 0
    for hours, months in ((Decimal(1), 0), (Decimal(-1), 12)):
        with pytest.raises(ValueError, match="horizon"):
            amortised_hours(one_off_hours=hours, horizon_months=months)
