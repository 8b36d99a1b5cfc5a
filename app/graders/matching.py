"""The best matching of two groups, and the best alignment of two sequences, by a score for each couple."""

from collections.abc import Callable, Sequence
from itertools import pairwise

Score = Callable[[int, int], float]
Couples = list[tuple[int, int]]


def best_matching(scores: Sequence[Sequence[float]]) -> Couples:
    """Couples of a row and a column, none used twice, whose scores add up to the most; couples without a score are left out.

    Args:
        scores: One row a member of the first group, one column a member of the second; none below 0.

    Source: the Hungarian method with potentials (Kuhn 1955, Munkres 1957), O(rows² · columns).
    """
    if not scores or not scores[0]:
        return []
    if len(scores) > len(scores[0]):
        turned = best_matching([list(column) for column in zip(*scores, strict=True)])
        return sorted((row, column) for column, row in turned)
    owners = _owners(scores)
    couples = ((owners[column] - 1, column - 1) for column in range(1, len(owners)) if owners[column])
    return sorted((row, column) for row, column in couples if scores[row][column] > 0)


def best_alignment(rows: int, columns: int, score: Score) -> Couples:
    """Couples in ascending order on both sides whose scores add up to the most, as a diff aligns lines."""
    table = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    values = [[score(row, column) for column in range(columns)] for row in range(rows)]
    for row in range(rows):
        for column in range(columns):
            coupled = table[row][column] + values[row][column]
            table[row + 1][column + 1] = max(coupled, table[row][column + 1], table[row + 1][column])
    couples: Couples = []
    row, column = rows, columns
    while row and column:
        if table[row][column] == table[row - 1][column]:
            row -= 1
        elif table[row][column] == table[row][column - 1]:
            column -= 1
        else:
            row, column = row - 1, column - 1
            couples.append((row, column))
    return couples[::-1]


def _owners(scores: Sequence[Sequence[float]]) -> list[int]:
    """Of each column, counted from 1, the row that gets it, counted from 1; 0 = none. No more rows than columns."""
    rows, columns = len(scores), len(scores[0])
    of_row, of_column, owners = [0.0] * (rows + 1), [0.0] * (columns + 1), [0] * (columns + 1)
    for row in range(1, rows + 1):
        path = _path(scores, row, of_row, of_column, owners)
        for to, come in pairwise(path):
            owners[to] = owners[come]
        owners[path[-1]] = row
    return owners


def _path(
    scores: Sequence[Sequence[float]], row: int, of_row: list[float], of_column: list[float], owners: list[int]
) -> list[int]:
    """The columns that change hands so that one more row gets one, the free one first; moves the potentials."""
    columns = len(owners)
    least, before, used = [float("inf")] * columns, [0] * columns, [False] * columns
    owners[0], at = row, 0
    while owners[at]:
        used[at] = True
        free = [column for column in range(1, columns) if not used[column]]
        for column in free:
            cost = -scores[owners[at] - 1][column - 1] - of_row[owners[at]] - of_column[column]
            if cost < least[column]:
                least[column], before[column] = cost, at
        nearest = min(free, key=least.__getitem__)
        _move(least[nearest], least, used, of_row, of_column, owners)
        at = nearest
    path = [at]
    while before[path[-1]]:
        path.append(before[path[-1]])
    owners[0] = 0
    return path


def _move(
    by: float, least: list[float], used: list[bool], of_row: list[float], of_column: list[float], owners: list[int]
) -> None:
    for column, is_used in enumerate(used):
        if is_used:
            of_row[owners[column]] += by
            of_column[column] -= by
        elif column:
            least[column] -= by
