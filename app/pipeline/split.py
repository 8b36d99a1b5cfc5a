"""Which kinds of work move: of those that pass quality, the set that saves most and passes the other conditions (pure)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from app.domain.words import GateName, GateOutcome

# Above so many segments sets are tried in one chain, not all 2^k of them.
MOST_ENUMERATED = 8

Segments = frozenset[str]
Gates = Mapping[GateName, GateOutcome]
SavingOf = Callable[[Segments], Decimal | None]
GatesOf = Callable[[Segments], Gates]


@dataclass(frozen=True, slots=True)
class Choice:
    """What moves best.

    Attributes:
        moved: The set.
        passes: Whether it passes the other required conditions.
    """

    moved: Segments
    passes: bool


def best_split(passing: Segments, *, saving_of: SavingOf, gates_of: GatesOf, is_for_cost: bool) -> Choice:
    """The part of the passing segments that should move (decision 30).

    All of them, unless a part saves strictly more and passes too, or all of them fail a condition that a part passes. Without
    known money, or where cost is not the reason to leave, all of them whenever they pass.

    Args:
        passing: Segments whose quality passes.
        saving_of: What a set saves a month; `None` = nobody knows.
        gates_of: The required conditions other than quality for a set.
        is_for_cost: Whether saving money is the reason to leave.
    """
    if not passing:
        return Choice(passing, passes=False)
    whole = gates_of(passing).values()
    passes, fails = all(map(_is_fine, whole)), GateOutcome.FAILS in whole
    saving = saving_of(passing)
    if not passes and not fails:
        return Choice(passing, passes=False)
    if passes and (saving is None or not is_for_cost):
        return Choice(passing, passes=True)
    for part, saved in ordered_splits(passing, saving_of, by_saving=is_for_cost and saving is not None):
        if is_for_cost and (saved is None or saved <= (saving if passes and saving is not None else 0)):
            break
        if part != passing and all(map(_is_fine, gates_of(part).values())):
            return Choice(part, passes=True)
    return Choice(passing, passes)


def ordered_splits(passing: Segments, saving_of: SavingOf, *, by_saving: bool) -> list[tuple[Segments, Decimal | None]]:
    """Sets to try with what they save: those that save most first, or the largest first; then by name."""
    found = [(part, saving_of(part)) for part in parts_of(passing, saving_of)]

    def rank(one: tuple[Segments, Decimal | None]) -> tuple[bool, Decimal, int, list[str]]:
        part, saved = one
        known = saved if saved is not None else Decimal(0)
        return saved is None, -known, -len(part), sorted(part)

    found.sort(key=rank)
    if not by_saving:
        found.sort(key=lambda one: -len(one[0]))
    return found


def parts_of(segments: Segments, saving_of: SavingOf) -> Iterator[Segments]:
    """Every non-empty set of few segments; of many a chain that drops, one by one, what is best left out."""
    if len(segments) <= MOST_ENUMERATED:
        names = sorted(segments)
        for size in range(len(names), 0, -1):
            yield from (frozenset(chosen) for chosen in combinations(names, size))
        return
    left = segments
    yield left
    while len(left) > 1:
        left = max((left - {name} for name in sorted(left)), key=lambda part: _known(saving_of(part)))
        yield left


def frontier_of(segments: Segments, saving_of: SavingOf) -> list[tuple[Segments, Decimal]]:
    """For each number of segments the set that saves most, the smallest first; empty where money is not known."""
    best: dict[int, tuple[Segments, Decimal]] = {}
    for part, saved in ordered_splits(segments, saving_of, by_saving=True):
        if saved is not None and len(part) not in best:
            best[len(part)] = (part, saved)
    return [best[size] for size in sorted(best)]


def _known(saved: Decimal | None) -> Decimal:
    return saved if saved is not None else Decimal("-Infinity")


def _is_fine(outcome: GateOutcome) -> bool:
    return outcome in (GateOutcome.PASSES, GateOutcome.NOT_REQUIRED)
