"""Daily sums and levels, as arrays, against the same formulas unit by unit."""

import math

import numpy as np
import pytest
from scipy.stats import chi2

from app.statistics.daily import Daily, Level, Numbers, Shape, levels
from app.statistics.sums import Floats, Sums

DAYS = 9


def drawn(seed: int, *, pilots: int = 3, units: int = 400, swing: float = 0.3) -> tuple[Floats, Floats, Numbers]:
    """Values, weights and flat places of units; days differ by `swing`, and some days are empty."""
    chance = np.random.default_rng(seed)
    places = chance.integers(0, pilots * DAYS, size=units)
    places = places[~np.isin(places, [0, DAYS + 3, DAYS + 4])]
    level = 0.5 + swing * chance.normal(size=pilots * DAYS)[places]
    values = level + 0.3 * chance.normal(size=len(places))
    return values, chance.uniform(0.5, 4.0, size=len(places)), places


def by_hand(values: Floats, weights: Floats, day: Numbers) -> dict[str, float]:
    """One level, from its units."""
    n, total = len(values), float(weights.sum())
    mean = sum(w * x for w, x in zip(weights, values, strict=True)) / total
    effective = total**2 / float((weights**2).sum())
    squares = sum(w * w * (x - mean) ** 2 for w, x in zip(weights, values, strict=True)) / float((weights**2).sum())
    variance = max(squares * effective / (effective - 1) if effective > 1 + 1e-9 else 0.0, 0.25 / (effective + 1))
    days = sorted(set(day.tolist()))
    by_day = 0.0
    for number in days:
        w, x = weights[day == number], values[day == number]
        by_day += (w.sum() / total) ** 2 * (float((w * x).sum() / w.sum()) - mean) ** 2
    by_day *= len(days) / (len(days) - 1) if len(days) > 1 else 0.0
    return {
        "n": n, "mean": mean, "effective_n": effective, "variance": variance, "days": len(days),
        "by_unit": variance / effective, "by_day": by_day,
    }  # fmt: skip


def level_at(after: Level, *place: int) -> dict[str, float]:
    return {name: float(getattr(after, name)[place]) for name in Level.__slots__}


@pytest.mark.parametrize(("seed", "swing"), [(1, 0.3), (2, 0.02), (3, 0.0)])
def test_a_level_is_that_of_its_units(seed: int, swing: float) -> None:
    values, weights, places = drawn(seed, swing=swing)
    after = levels(daily=Daily.of(values=values, places=places, shape=(3, DAYS), weights=weights))
    effects = []
    for pilot in range(3):
        for day in range(DAYS):
            chosen = (places // DAYS == pilot) & (places % DAYS <= day)
            found = level_at(after, pilot, day)
            if not chosen.any():
                assert (found["n"], found["effective_n"]) == (0, 0)
                assert math.isnan(found["mean"])
                assert (found["design_effect"], found["degrees"]) == (1.0, 0.0)
                continue
            hand = by_hand(values[chosen], weights[chosen], (places % DAYS)[chosen])
            for name in ("n", "mean", "effective_n", "variance", "days"):
                assert found[name] == pytest.approx(hand[name]), name
            effect = max(1.0, hand["by_day"] / hand["by_unit"])
            assert found["design_effect"] == pytest.approx(effect)
            assert found["degrees"] == hand["days"] - 1
            error = math.sqrt(hand["by_unit"] * effect) if hand["days"] > 1 else math.inf
            assert after.standard_error[pilot, day] == pytest.approx(error)
            effects.append(effect)
    assert min(effects) == 1.0
    assert max(effects) > (3.0 if swing > 0.1 else 1.0)


def shaped(own: dict[str, float], other: dict[str, float], stretch: float, witnesses: float) -> tuple[float, float]:
    """Design effect and degrees of freedom with the days' part of another series."""
    free = max(own["days"] - 1, 1)
    between = 0.0
    if other["by_day"] / other["by_unit"] > chi2.isf(0.2, free) / free:
        between = stretch**2 * (other["by_day"] - other["by_unit"])
    total, ratio = own["by_unit"] + between, own["by_day"] / own["by_unit"]
    degrees = total**2 / (own["by_unit"] ** 2 / max(witnesses - 1, 1) + between**2 / free)
    if ratio > chi2.isf(0.01, free) / free:
        return max(total / own["by_unit"], ratio), min(free, degrees)
    return total / own["by_unit"], degrees


@pytest.mark.parametrize(("own_swing", "shape_swing"), [(0.05, 0.3), (0.5, 0.02), (0.05, 0.05), (0.3, 0.3), (0.0, 0.0)])
def test_another_series_may_show_how_days_differ(own_swing: float, shape_swing: float) -> None:
    values, weights, places = drawn(5, swing=own_swing)
    others, other_weights, other_places = drawn(6, swing=shape_swing, units=900)
    chance = np.random.default_rng(7)
    answers = chance.integers(0, 5, size=(3, DAYS)).astype(float)
    stretch = np.linspace(1.0, 2.0, 3 * DAYS).reshape(3, DAYS)
    shape = Shape(Daily.of(values=others, places=other_places, shape=(3, DAYS), weights=other_weights), stretch, answers)
    after = levels(daily=Daily.of(values=values, places=places, shape=(3, DAYS), weights=weights), shape=shape)
    for pilot in range(3):
        for day in range(2, DAYS):
            chosen = (places // DAYS == pilot) & (places % DAYS <= day)
            seen = (other_places // DAYS == pilot) & (other_places % DAYS <= day)
            own = by_hand(values[chosen], weights[chosen], (places % DAYS)[chosen])
            other = by_hand(others[seen], other_weights[seen], (other_places % DAYS)[seen])
            effect, degrees = shaped(own, other, stretch[pilot, day], answers[pilot, : day + 1].sum())
            assert after.design_effect[pilot, day] == pytest.approx(effect), (pilot, day)
            assert after.degrees[pilot, day] == pytest.approx(degrees), (pilot, day)


def test_known_values_may_say_how_days_differ() -> None:
    values, weights, places = drawn(5)
    daily = Daily.of(values=values, places=places, shape=(3, DAYS), weights=weights)
    known_values, known_weights, known_places = drawn(12, swing=0.1, units=200)
    known = Daily.of(values=known_values, places=known_places, shape=(3, DAYS), weights=known_weights)
    after = levels(daily=daily, known=known)
    for pilot in range(3):
        for day in range(2, DAYS):
            seen = (known_places // DAYS == pilot) & (known_places % DAYS <= day)
            other = by_hand(known_values[seen], known_weights[seen], (known_places % DAYS)[seen])
            assert after.design_effect[pilot, day] == pytest.approx(max(1.0, other["by_day"] / other["by_unit"]))
            assert after.degrees[pilot, day] == other["days"] - 1
    # Where nothing is known yet nothing says that days differ.
    nothing = levels(daily=daily, known=known.where(np.zeros(DAYS, dtype=bool)))
    assert (nothing.design_effect == 1).all()


def test_days_in_another_order_end_at_the_same_level() -> None:
    values, weights, places = drawn(8)
    daily = Daily.of(values=values, places=places, shape=(3, DAYS), weights=weights)
    order = np.argsort(np.random.default_rng(1).random((3, DAYS)), axis=-1)
    shape = Shape(daily, np.ones((3, DAYS)), np.arange(3.0 * DAYS).reshape(3, DAYS))
    one, other = levels(daily=daily, shape=shape), levels(daily=daily.reordered(order), shape=shape.reordered(order))
    for name in Level.__slots__:
        assert getattr(one, name)[:, -1] == pytest.approx(getattr(other, name)[:, -1]), name


def test_sums_of_days_make_the_same_arrays() -> None:
    values, weights, places = np.array([0.0, 0.5, 1.0, 1.0]), np.array([1.0, 2.0, 1.0, 3.0]), np.array([0, 0, 2, 2])
    one = Daily.of(values=values, places=places, shape=(3,), weights=weights)
    sums = [Sums.of(values=values[places == day], weights=weights[places == day]) for day in range(3)]
    other = Daily.of_sums(sums=sums)
    assert one.days == other.days == 3
    for name in Daily.__slots__:
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    assert one.means.tolist()[::2] == [pytest.approx(1 / 3), 1.0]
    assert math.isnan(one.means[1])
    kept = one.where(np.array([True, True, False]))
    assert kept.n.tolist() == [2.0, 0.0, 0.0]


def test_one_unit_and_a_few_equal_ones_have_the_least_spread() -> None:
    one = levels(daily=Daily.of(values=np.array([0.7]), places=np.array([0]), shape=(1,)))
    assert (one.variance.tolist(), one.days.tolist(), one.standard_error.tolist()) == ([0.125], [1.0], [math.inf])
    five = levels(daily=Daily.of(values=np.full(5, 0.7), places=np.array([0, 0, 1, 1, 1]), shape=(2,)))
    assert five.variance.tolist() == pytest.approx([0.25 / 3, 0.25 / 6])
    assert five.standard_error[1] == pytest.approx(math.sqrt(0.25 / 6 / 5))
    # Two units of very unequal weight are hardly more than one: the variance is that of the formula, not the floor's.
    two = levels(daily=Daily.of(values=np.array([0.0, 1.0]), places=np.array([0, 1]), shape=(2,), weights=np.array([1.0, 1.0])))
    assert two.variance[1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "weights", "places"), [([0.5], [1.0, 1.0], [0]), ([0.5], None, [0, 1]), ([[0.5]], None, [[0]])]
)
def test_columns_of_different_shape_are_named(values: list[float], weights: list[float] | None, places: list[int]) -> None:
    given = None if weights is None else np.array(weights)
    with pytest.raises(ValueError, match="shape"):
        Daily.of(values=np.array(values), places=np.array(places), shape=(2,), weights=given)
