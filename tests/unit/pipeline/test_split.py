"""The split that saves most: against brute force on random cases, and at each of its rules."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, combinations

import numpy as np
import pytest

from app.domain.words import GateName, GateOutcome
from app.pipeline.split import MOST_ENUMERATED, Choice, Segments, best_split, frontier_of, parts_of

P, F, U, N = GateOutcome.PASSES, GateOutcome.FAILS, GateOutcome.UNKNOWN, GateOutcome.NOT_REQUIRED
NAMES = "abcdefgh"


class Case:
    """Segments with a bill each, a fixed cost of moving any, and the outcome of two conditions for each set."""

    def __init__(self, seed: int, size: int, *, is_for_cost: bool, known: bool = True) -> None:
        random = np.random.default_rng(seed)
        self.is_for_cost, self.known = is_for_cost, known
        self.segments = frozenset(NAMES[:size])
        self.bills = {name: Decimal(int(random.integers(-6, 12))) for name in sorted(self.segments)}
        self.fixed = Decimal(int(random.integers(0, 6)))
        outcomes = [P, P, P, N, U, F]
        self.drawn = {part: outcomes[int(random.integers(len(outcomes)))] for part in subsets(self.segments)}
        self.asked: list[Segments] = []

    def saving(self, part: Segments) -> Decimal | None:
        return sum((self.bills[name] for name in part), Decimal(0)) - self.fixed if self.known else None

    def gates(self, part: Segments) -> dict[GateName, GateOutcome]:
        self.asked.append(part)
        saved = self.saving(part)
        saving = (U if saved is None else P if saved > 0 else F) if self.is_for_cost else N
        return {GateName.LATENCY: self.drawn[part], GateName.SAVING: saving}

    def passes(self, part: Segments) -> bool:
        return set(self.gates(part).values()) <= {P, N}

    def chosen(self) -> Choice:
        return best_split(self.segments, saving_of=self.saving, gates_of=self.gates, is_for_cost=self.is_for_cost)

    def brute_force(self) -> Choice:
        whole = self.segments
        does, fails = self.passes(whole), F in self.gates(whole).values()
        if not does and not fails:
            return Choice(whole, passes=False)
        if does and not (self.is_for_cost and self.known):
            return Choice(whole, passes=True)
        good = [part for part in subsets(whole) if self.passes(part)]
        if not good:
            return Choice(whole, passes=False)

        def merit(part: Segments) -> tuple[Decimal, ...]:
            saved, size = self.saving(part) or Decimal(0), Decimal(len(part))
            return (saved, size) if self.is_for_cost else (size, saved)

        most = max(merit(part) for part in good)
        best = min((part for part in good if merit(part) == most), key=sorted)
        return Choice(best, passes=True)


def subsets(segments: Segments) -> Iterator[Segments]:
    names = sorted(segments)
    yield from map(frozenset, chain.from_iterable(combinations(names, size) for size in range(1, len(names) + 1)))


@pytest.mark.parametrize("is_for_cost", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_it_is_what_brute_force_finds(is_for_cost: bool, known: bool) -> None:
    moved_less = 0
    for seed in range(200):
        case = Case(seed, 1 + seed % 5, is_for_cost=is_for_cost, known=known)
        found = case.chosen()
        assert found == case.brute_force(), seed
        moved_less += found.moved != case.segments
    assert (moved_less > 20) == (known or not is_for_cost)


@pytest.mark.parametrize("seed", range(20))
def test_what_moves_passes_saves_at_least_as_much_and_is_never_nothing(seed: int) -> None:
    case = Case(seed, 4, is_for_cost=True)
    found = case.chosen()
    assert found.moved
    assert found.moved <= case.segments
    if found.passes:
        assert case.passes(found.moved)
        saved, all_saved = case.saving(found.moved), case.saving(case.segments)
        assert saved is not None
        assert all_saved is not None
        assert saved >= all_saved or not case.passes(case.segments)


def simple(bills: dict[str, int], fails: frozenset[str] = frozenset(), *, is_for_cost: bool = True) -> Choice:
    """Any set with one of `fails` fails a condition."""
    return best_split(
        frozenset(bills),
        saving_of=lambda part: Decimal(sum(bills[name] for name in part)),
        gates_of=lambda part: {GateName.LATENCY: F if part & fails else P, GateName.SAVING: P},
        is_for_cost=is_for_cost,
    )


@pytest.mark.parametrize(
    ("bills", "fails", "is_for_cost", "moved"),
    [
        ({"a": 5, "b": 3}, "", True, "ab"),
        ({"a": 5, "b": -1}, "", True, "a"),
        ({"a": 5, "b": 0}, "", True, "ab"),  # nothing is saved by leaving it
        ({"a": 5, "b": -1}, "", False, "ab"),  # cost is not the reason
        ({"a": 5, "b": 30}, "b", True, "a"),
        ({"a": 5, "b": 30, "c": 1}, "b", False, "ac"),
        ({"a": 5, "b": 7, "c": -2}, "b", True, "a"),
        ({"a": 5, "b": -9, "c": -2}, "", True, "a"),
    ],
)
def test_each_rule(bills: dict[str, int], fails: str, is_for_cost: bool, moved: str) -> None:
    assert simple(bills, frozenset(fails), is_for_cost=is_for_cost) == Choice(frozenset(moved), passes=True)


def test_where_nothing_passes_all_of_it_is_named_as_not_passing() -> None:
    assert simple({"a": 5, "b": 3}, frozenset("ab")) == Choice(frozenset("ab"), passes=False)
    assert best_split(frozenset(), saving_of=lambda _: None, gates_of=lambda _: {}, is_for_cost=True).passes is False


def test_conditions_are_asked_in_order_of_saving_and_no_further_than_needed() -> None:
    case = Case(0, 5, is_for_cost=True)
    case.drawn = dict.fromkeys(case.drawn, P)
    case.bills = {"a": Decimal(9), "b": Decimal(8), "c": Decimal(7), "d": Decimal(-1), "e": Decimal(-2)}
    case.fixed = Decimal(0)
    assert case.chosen().moved == frozenset("abc")
    assert case.asked == [frozenset("abcde"), frozenset("abc")]


def test_of_many_segments_a_chain_is_tried_that_drops_the_worst() -> None:
    names = [f"s{number:02d}" for number in range(MOST_ENUMERATED + 4)]
    bills = {name: number - 3 for number, name in enumerate(names)}

    def saving(part: Segments) -> Decimal:
        return Decimal(sum(bills[name] for name in part))

    parts = list(parts_of(frozenset(names), saving))
    assert [len(part) for part in parts] == list(range(len(names), 0, -1))
    assert parts[3] == frozenset(names[3:])
    found = best_split(frozenset(names), saving_of=saving, gates_of=lambda _: {GateName.LATENCY: P}, is_for_cost=True)
    assert found.moved == frozenset(names[3:])  # what costs more is left out, what costs the same moves


def test_the_frontier_is_the_best_set_of_each_size() -> None:
    case = Case(3, 5, is_for_cost=True)
    found = frontier_of(case.segments, case.saving)
    assert [len(part) for part, _ in found] == [1, 2, 3, 4, 5]
    for part, saved in found:
        rivals = [case.saving(other) for other in subsets(case.segments) if len(other) == len(part)]
        assert saved == max(rival for rival in rivals if rival is not None)
    assert frontier_of(case.segments, lambda _: None) == []
