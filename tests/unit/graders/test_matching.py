"""Best matching and best alignment, against trying everything."""

from itertools import combinations, pairwise, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.graders.matching import best_alignment, best_matching

SCORES = st.integers(0, 4).flatmap(
    lambda columns: st.lists(st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=columns, max_size=columns), max_size=4)
)


@given(SCORES)
@settings(max_examples=60, deadline=None)
def test_the_best_matching_is_the_best_of_all(scores: list[list[float]]) -> None:
    found = best_matching(scores)
    assert len({row for row, _ in found}) == len({column for _, column in found}) == len(found)
    rows, columns = len(scores), len(scores[0]) if scores else 0
    if rows <= columns:
        all_of_them = [
            sum(scores[row][column] for row, column in enumerate(chosen)) for chosen in permutations(range(columns), rows)
        ]
    else:
        all_of_them = [
            sum(scores[row][column] for column, row in enumerate(chosen)) for chosen in permutations(range(rows), columns)
        ]
    assert sum(scores[row][column] for row, column in found) == max(all_of_them, default=0)
    assert all(scores[row][column] > 0 for row, column in found)


@given(SCORES)
@settings(max_examples=60, deadline=None)
def test_the_best_alignment_is_the_best_of_all_in_order(scores: list[list[float]]) -> None:
    rows, columns = len(scores), len(scores[0]) if scores else 0
    found = best_alignment(rows, columns, lambda row, column: scores[row][column])
    assert all(one[0] < two[0] and one[1] < two[1] for one, two in pairwise(found))
    every = [
        sum(scores[row][column] for row, column in zip(left, right, strict=True))
        for size in range(min(rows, columns) + 1)
        for left in combinations(range(rows), size)
        for right in combinations(range(columns), size)
    ]
    assert sum(scores[row][column] for row, column in found) == max(every, default=0)


def test_a_column_that_changed_hands_twice_keeps_its_price() -> None:
    scores = [[0.5, 0.0, 0.0], [0.75, 0.25, 0.25], [0.75, 0.75, 0.5]]
    assert sum(scores[row][column] for row, column in best_matching(scores)) == 1.5
