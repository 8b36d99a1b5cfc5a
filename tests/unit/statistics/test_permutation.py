"""A drawn order without memory: each number once, and the way back."""

import pytest

from app.statistics.permutation import Permutation


@pytest.mark.parametrize("size", [1, 2, 3, 17, 1000])
def test_each_number_has_one_place(size: int) -> None:
    order = Permutation(size, seed=11)
    drawn = [order.at(place) for place in range(size)]
    assert sorted(drawn) == list(range(size))
    assert [order.place_of(number) for number in drawn] == list(range(size))


def test_a_seed_gives_the_same_order_again_and_another_seed_another() -> None:
    first = [Permutation(10_000, seed=1).at(place) for place in range(200)]
    assert first == [Permutation(10_000, seed=1).at(place) for place in range(200)]
    assert first != [Permutation(10_000, seed=2).at(place) for place in range(200)]


def test_what_comes_first_is_spread_over_all() -> None:
    order = Permutation(100_000, seed=5)
    tenths = [0] * 10
    for place in range(2_000):
        tenths[order.at(place) // 10_000] += 1
    assert sum((count - 200) ** 2 / 200 for count in tenths) < 27.9  # chi squared, 9 degrees, p = 0.001


def test_no_numbers_cannot_be_ordered() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Permutation(0, seed=1)
