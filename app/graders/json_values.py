"""How far two JSON documents agree, field by field."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from app.graders.matching import Couples, Score, best_alignment, best_matching
from app.graders.scalar_values import meaning

MAX_DEPTH = 64
# Beyond it the elements of arrays are compared place by place: the best alignment would take too long.
MAX_COMPARED = 100_000
# Beyond it the elements of sets that are not equal are compared in their order.
MAX_MATCHED = 40


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two documents agree.

    Attributes:
        same: Fields that both have with the same value.
        incumbent: Fields of the incumbent's document.
        arm: Fields of the arm's.
        paths: Where they differ, in the incumbent's order; of each object, what only the arm has comes last.
    """

    same: int
    incumbent: int
    arm: int
    paths: tuple[str, ...] = ()

    @property
    def precision(self) -> float:
        """Share of the arm's fields that the incumbent has, too."""
        return self.same / self.arm

    @property
    def recall(self) -> float:
        """Share of the incumbent's fields that the arm has, too."""
        return self.same / self.incumbent

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return 2 * self.same / (self.incumbent + self.arm)


def compare_documents(incumbent: Any, arm: Any, schema: Any = None) -> Agreement:
    """Compares field by field; a field is a scalar or an empty container, by its path.

    Arrays are aligned in their order, so that an element too many or too few costs only itself. Where the schema says
    `uniqueItems`, the order does not matter.

    Args:
        incumbent: A JSON value.
        arm: Another one.
        schema: The JSON schema of both, where there is one.

    Raises:
        ValueError: One of them is nested deeper than 64 levels.
    """
    sizes = count_fields(incumbent), count_fields(arm)
    comparison = _Comparison(schema, is_aligned=sizes[0] * sizes[1] <= MAX_COMPARED)
    same = comparison.same(incumbent, arm, schema)
    return Agreement(same, *sizes, tuple(comparison.differing(incumbent, arm, schema, "$")))


@dataclass(frozen=True, slots=True)
class _Comparison:
    schema: Any
    is_aligned: bool
    _couples: dict[tuple[int, int], Couples] = field(default_factory=dict)

    def same(self, one: Any, other: Any, schema: Any) -> int:
        """How many fields both have with the same value."""
        if not _is_inner(one) and not _is_inner(other):
            return int(_leaf(one) == _leaf(other))
        if isinstance(one, dict) and isinstance(other, dict):
            return sum(self.same(one[key], other[key], self._below(schema, key)) for key in one if key in other)
        if isinstance(one, list) and isinstance(other, list):
            below = self._below(schema, None)
            return sum(self.same(one[i], other[j], below) for i, j in self._coupled(one, other, schema))
        return 0

    def differing(self, one: Any, other: Any, schema: Any, path: str) -> Iterator[str]:
        """The paths of the fields that differ."""
        if isinstance(one, dict) and isinstance(other, dict) and one and other:
            for key in [*one, *(key for key in other if key not in one)]:
                if key in one and key in other:
                    yield from self.differing(one[key], other[key], self._below(schema, key), f"{path}.{key}")
                else:
                    yield from _paths(one[key] if key in one else other[key], f"{path}.{key}")
        elif isinstance(one, list) and isinstance(other, list) and one and other:
            yield from self._differing_elements(one, other, schema, path)
        elif not _is_inner(one) and not _is_inner(other):
            yield from [path] if _leaf(one) != _leaf(other) else []
        else:
            yield from _paths(one if _is_inner(one) else other, path)

    def _differing_elements(self, one: list[Any], other: list[Any], schema: Any, path: str) -> Iterator[str]:
        couples, below = dict(self._coupled(one, other, schema)), self._below(schema, None)
        for i, element in enumerate(one):
            if i in couples:
                yield from self.differing(element, other[couples[i]], below, f"{path}[{i}]")
            else:
                yield from _paths(element, f"{path}[{i}]")
        taken = set(couples.values())
        for j, element in enumerate(other):
            if j not in taken:
                yield from _paths(element, f"{path}[+{j}]")

    def _coupled(self, one: list[Any], other: list[Any], schema: Any) -> Couples:
        place = id(one), id(other)
        if place not in self._couples:
            self._couples[place] = self._find_couples(one, other, self._resolved(schema))
        return self._couples[place]

    def _find_couples(self, one: list[Any], other: list[Any], schema: Any) -> Couples:
        if not self.is_aligned:
            return [(i, i) for i in range(min(len(one), len(other)))]
        below = self._below(schema, None)

        def score(i: int, j: int) -> float:
            return self.same(one[i], other[j], below)

        if isinstance(schema, dict) and schema.get("uniqueItems") is True:
            return _matched(one, other, score)
        return best_alignment(len(one), len(other), score)

    def _below(self, schema: Any, key: str | None) -> Any:
        """The schema of an object's property, or (`None`) of an array's elements."""
        schema = self._resolved(schema)
        if not isinstance(schema, dict):
            return None
        if key is None:
            return schema.get("items")
        properties = schema.get("properties")
        return properties.get(key) if isinstance(properties, dict) else None

    def _resolved(self, schema: Any) -> Any:
        """A schema behind one reference into the same document."""
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        found = self.schema
        for part in reference[2:].split("/"):
            found = found.get(part) if isinstance(found, dict) else None
        return found


def _matched(one: list[Any], other: list[Any], score: Score) -> Couples:
    """The best couples without regard to order: equal elements first, then the best matching of what is left."""
    places: dict[Hashable, list[int]] = {}
    for j, element in enumerate(other):
        places.setdefault(_whole(element), []).append(j)
    equal = {i: found.pop(0) for i, element in enumerate(one) if (found := places.get(_whole(element)))}
    rows = [i for i in range(len(one)) if i not in equal]
    columns = sorted(j for left in places.values() for j in left)
    if max(len(rows), len(columns)) > MAX_MATCHED:
        left = best_alignment(len(rows), len(columns), lambda row, column: score(rows[row], columns[column]))
    else:
        left = best_matching([[score(i, j) for j in columns] for i in rows])
    return sorted([*equal.items(), *((rows[row], columns[column]) for row, column in left)])


def _whole(value: Any) -> Hashable:
    """Equal for documents that agree in every field."""
    if not _is_inner(value):
        return _leaf(value)
    if isinstance(value, dict):
        return frozenset((key, _whole(inner)) for key, inner in value.items())
    return tuple(_whole(inner) for inner in value)


def _is_inner(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _leaf(value: Any) -> Hashable:
    return ("empty", type(value).__name__) if isinstance(value, dict | list) else meaning(value)


def count_fields(value: Any, depth: int = 0) -> int:
    """How many scalars and empty containers a JSON value has; `ValueError` if it is nested deeper than 64 levels."""
    if depth > MAX_DEPTH:
        message = f"nested deeper than {MAX_DEPTH} levels"
        raise ValueError(message)
    if not _is_inner(value):
        return 1
    return sum(count_fields(inner, depth + 1) for inner in (value.values() if isinstance(value, dict) else value))


def _paths(value: Any, path: str) -> Iterator[str]:
    """The paths of all fields of a value that the other side has not."""
    if not _is_inner(value):
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}")
    else:
        for number, inner in enumerate(value):
            yield from _paths(inner, f"{path}[{number}]")
