"""The table from gates to an outcome (CONTRACTS section 5, Outcome): pure, one function a line."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from app.domain.words import GateName, GateOutcome, Outcome

FIRST_VERDICT_DAY = 14
# Above so many segments only the largest and the smallest splits are tried, not all 2^k.
MOST_ENUMERATED = 8
OPERATION = (GateName.LATENCY, GateName.RELIABILITY, GateName.SAVING)

Gates = Mapping[GateName, GateOutcome]
Split = frozenset[str] | None
Best = Callable[[frozenset[str]], frozenset[str]]


class Line(StrEnum):
    """The lines of the table, first that applies."""

    CONSTRAINT = "constraint_fails"
    NO_SPLIT = "no_split_passes"
    WHOLE = "all_gates_pass"
    PARTS = "segments_pass"
    QUALITY = "quality_fails"
    ELSE = "not_enough_evidence"


@dataclass(frozen=True, slots=True)
class Findings:
    """What the table looks at.

    Attributes:
        day: Number of the last closed day.
        gates: All five, for all traffic.
        segments: Quality of each registered segment.
        operation: Latency, reliability and saving of a split: the segments that would move, `None` = all traffic.
        best: What of the segments that pass should move, where all of them together may; default: all of them.
    """

    day: int
    gates: Gates
    segments: Mapping[str, GateOutcome]
    operation: Callable[[Split], Gates]
    best: Best = frozenset


@dataclass(frozen=True, slots=True)
class Decision:
    """What the table says.

    Attributes:
        outcome: The outcome.
        line: The line that applied.
        moved: Segments that move with `HYBRID`, or would if day 14 were over.
        held_back: What the table would say if day 14 were over; `None` = the same.
    """

    outcome: Outcome
    line: Line
    moved: frozenset[str] = frozenset()
    held_back: Outcome | None = None


def decide(findings: Findings) -> Decision:
    """The first line that applies; before day 14 only what may be said so early."""
    found = _read(findings, OPERATION)
    if findings.day >= FIRST_VERDICT_DAY or found.outcome is Outcome.EXTEND or found.line is Line.CONSTRAINT:
        return found
    if found.outcome in (Outcome.MIGRATE, Outcome.HYBRID):
        return Decision(Outcome.EXTEND, Line.ELSE, found.moved, held_back=found.outcome)
    # "Don't migrate" may be said early if an always-valid bound says so, never because of the saving.
    early = _read(findings, (GateName.LATENCY, GateName.RELIABILITY))
    if early.outcome is Outcome.DONT_MIGRATE:
        return early
    return Decision(Outcome.EXTEND, Line.ELSE, held_back=found.outcome)


def _read(findings: Findings, blocking: tuple[GateName, ...]) -> Decision:
    passing = frozenset(name for name, quality in findings.segments.items() if quality is GateOutcome.PASSES)
    if findings.gates[GateName.CONSTRAINTS] is GateOutcome.FAILS:
        return Decision(Outcome.DONT_MIGRATE, Line.CONSTRAINT)
    if all(_fails(findings.operation(split), blocking) for split in splits(findings.segments)):
        return Decision(Outcome.DONT_MIGRATE, Line.NO_SPLIT)
    if _all_pass(findings.gates) and GateOutcome.FAILS not in findings.segments.values():
        return Decision(Outcome.MIGRATE, Line.WHOLE)
    if passing and _segments_may_move(findings, passing):
        return Decision(Outcome.HYBRID, Line.PARTS, findings.best(passing))
    if findings.gates[GateName.QUALITY] is GateOutcome.FAILS and _all_fail(findings.segments):
        return Decision(Outcome.DONT_MIGRATE, Line.QUALITY)
    return Decision(Outcome.EXTEND, Line.ELSE)


def splits(segments: Mapping[str, GateOutcome]) -> Iterator[Split]:
    """All traffic, and every non-empty set of registered segments whose quality does not fail, the largest first."""
    yield None
    movable = sorted(name for name, quality in segments.items() if quality is not GateOutcome.FAILS)
    every = range(len(movable), 0, -1)
    sizes = every if len(movable) <= MOST_ENUMERATED else [size for size in every if size in (len(movable), 1)]
    for size in sizes:
        yield from (frozenset(chosen) for chosen in combinations(movable, size))


def _fails(gates: Gates, blocking: tuple[GateName, ...]) -> bool:
    return any(gates[name] is GateOutcome.FAILS for name in blocking)


def _passes(outcome: GateOutcome) -> bool:
    return outcome in (GateOutcome.PASSES, GateOutcome.NOT_REQUIRED)


def _all_pass(gates: Gates) -> bool:
    return gates[GateName.QUALITY] is GateOutcome.PASSES and all(_passes(outcome) for outcome in gates.values())


def _segments_may_move(findings: Findings, passing: frozenset[str]) -> bool:
    operation = findings.operation(passing)
    return _passes(findings.gates[GateName.CONSTRAINTS]) and all(_passes(operation[name]) for name in OPERATION)


def _all_fail(segments: Mapping[str, GateOutcome]) -> bool:
    """Also where none is registered."""
    return all(quality is GateOutcome.FAILS for quality in segments.values())
