"""Two documents compared figure by figure, to the last digit."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

_ABSENT = object()
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where they differ; "(absent)" stands for nothing."""

    path: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far one document says what another does.

    Attributes:
        numbers: Figures of the first that are numbers.
        others: Words, times, and what is unknown.
        differing: How many are not the same, and those that only the second has.
        largest: The largest relative difference of two numbers.
        differences: The first ones.
    """

    numbers: int
    others: int
    differing: int
    largest: float
    differences: tuple[Difference, ...]

    @property
    def is_same(self) -> bool:
        """Whether everything is the same."""
        return self.differing == 0


def compare(expected: Any, found: Any, name: str) -> Comparison:
    """Compares two JSON documents.

    Args:
        expected: What was frozen.
        found: What was computed.
        name: Begins every path.
    """
    numbers = others = differing = 0
    largest = 0.0
    first: list[Difference] = []
    for path, left, right in _leaves(expected, found, name):
        if left is not _ABSENT:
            numbers, others = numbers + _is_number(left), others + (not _is_number(left))
        if _is_same(left, right):
            continue
        differing += 1
        largest = max(largest, _relative(left, right))
        if len(first) < SHOWN:
            first.append(Difference(path, _text(left), _text(right)))
    return Comparison(numbers, others, differing, largest, tuple(first))


def _leaves(left: Any, right: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Every value that is neither list nor object, and its counterpart."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            yield from _leaves(left.get(key, _ABSENT), right.get(key, _ABSENT), f"{path}.{key}")
    elif isinstance(left, list) and isinstance(right, list):
        for place, (one, other) in enumerate(zip_longest(left, right, fillvalue=_ABSENT)):
            yield from _leaves(one, other, f"{path}[{place}]")
    else:
        yield path, left, right


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_same(left: Any, right: Any) -> bool:
    if left is _ABSENT or right is _ABSENT:
        return left is right
    if _is_number(left) and _is_number(right):
        return bool(left == right) or float(left) == float(right)  # 1e23 may have been stored as a whole number
    return type(left) is type(right) and bool(left == right)


def _relative(left: Any, right: Any) -> float:
    if not _is_number(left) or not _is_number(right):
        return 0.0
    return float(abs(left - right) / max(abs(left), abs(right)))


def _text(value: Any) -> str:
    return "(absent)" if value is _ABSENT else repr(value)[:120]
