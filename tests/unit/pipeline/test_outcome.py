"""The table from gates to an outcome: one case a line, one a boundary."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.words import GateName, GateOutcome, Outcome
from app.pipeline.outcome import Decision, Findings, Line, Split, decide, splits

P, F, U, N = GateOutcome.PASSES, GateOutcome.FAILS, GateOutcome.UNKNOWN, GateOutcome.NOT_REQUIRED
SHORT = {
    "q": GateName.QUALITY,
    "l": GateName.LATENCY,
    "r": GateName.RELIABILITY,
    "s": GateName.SAVING,
    "c": GateName.CONSTRAINTS,
}


def findings(
    *,
    day: int = 28,
    segments: Mapping[str, GateOutcome] | None = None,
    parts: Mapping[str, Mapping[str, GateOutcome]] | None = None,
    **gates: GateOutcome,
) -> Findings:
    """All gates pass unless said otherwise (q, l, r, s, c); a split ("a", "a+b") has the whole's gates but those in `parts`."""
    whole = {name: gates.get(letter, P) for letter, name in SHORT.items()}

    def operation(split: Split) -> dict[GateName, GateOutcome]:
        own = (parts or {}).get("+".join(sorted(split)) if split is not None else "all", {})
        return whole | {SHORT[letter]: outcome for letter, outcome in own.items()}

    return Findings(day, whole, segments or {}, operation)


CASES: list[tuple[str, dict[str, Any], Outcome]] = [
    # Line 1: a blocking constraint fails.
    ("a failing constraint decides alone", {"c": F}, Outcome.DONT_MIGRATE),
    ("it does so however good the rest is", {"c": F, "segments": {"a": P, "b": P}}, Outcome.DONT_MIGRATE),
    ("it does so on the first day", {"c": F, "day": 1}, Outcome.DONT_MIGRATE),
    ("an unknown constraint only holds back", {"c": U}, Outcome.EXTEND),
    ("a constraint that is not required blocks nothing", {"c": N}, Outcome.MIGRATE),
    # Line 2: a required gate other than quality fails for every split.
    ("latency fails for all traffic and nothing is registered", {"l": F}, Outcome.DONT_MIGRATE),
    ("reliability fails for all traffic and nothing is registered", {"r": F}, Outcome.DONT_MIGRATE),
    ("the saving fails for all traffic and nothing is registered", {"s": F}, Outcome.DONT_MIGRATE),
    ("the saving fails for every split", {"s": F, "segments": {"a": P, "b": P}}, Outcome.DONT_MIGRATE),
    (
        "one split saves: not every split fails",
        {"s": F, "segments": {"a": P, "b": P}, "parts": {"a": {"s": P}}},
        Outcome.EXTEND,
    ),
    (
        "the split that saves has a segment that fails: it is no split",
        {"s": F, "segments": {"a": F, "b": P}, "parts": {"a": {"s": P}, "a+b": {"s": P}}},
        Outcome.DONT_MIGRATE,
    ),
    (
        "segments of unknown quality may still be a split",
        {"s": F, "segments": {"a": U, "b": F}, "parts": {"a": {"s": P}}},
        Outcome.EXTEND,
    ),
    ("a split whose gate is unknown does not fail", {"l": F, "segments": {"a": P}, "parts": {"a": {"l": U}}}, Outcome.EXTEND),
    (
        "all traffic fails one gate, each split another",
        {"l": F, "segments": {"a": P}, "parts": {"a": {"l": P, "s": F}}},
        Outcome.DONT_MIGRATE,
    ),
    ("a gate that is not required cannot fail", {"s": N, "l": N, "r": N}, Outcome.MIGRATE),
    # Line 3: all required gates pass and no registered segment fails.
    ("everything passes", {}, Outcome.MIGRATE),
    ("everything passes and so do the segments", {"segments": {"a": P, "b": P}}, Outcome.MIGRATE),
    ("an unknown segment does not stop it", {"segments": {"a": P, "b": U}}, Outcome.MIGRATE),
    ("all segments unknown do not stop it", {"segments": {"a": U, "b": U}}, Outcome.MIGRATE),
    ("quality unknown stops it", {"q": U}, Outcome.EXTEND),
    ("latency unknown stops it", {"l": U}, Outcome.EXTEND),
    ("reliability unknown stops it", {"r": U}, Outcome.EXTEND),
    ("saving unknown stops it", {"s": U}, Outcome.EXTEND),
    # Line 4: the segments that pass may move.
    ("one segment fails, the others move", {"segments": {"a": P, "b": P, "c": F}}, Outcome.HYBRID),
    ("quality fails overall, one segment passes", {"q": F, "segments": {"a": P, "b": F}}, Outcome.HYBRID),
    ("quality is unknown overall, one segment passes", {"q": U, "segments": {"a": P, "b": U}}, Outcome.HYBRID),
    (
        "all traffic saves nothing, the passing segment does",
        {"s": F, "segments": {"a": P, "b": F}, "parts": {"a": {"s": P}}},
        Outcome.HYBRID,
    ),
    (
        "the passing segment saves nothing",
        {"q": U, "segments": {"a": P, "b": F}, "parts": {"a": {"s": F}}},
        Outcome.EXTEND,
    ),
    (
        "only the set of all that pass is looked at, not a part of it",
        {"q": U, "segments": {"a": P, "b": P, "c": F}, "parts": {"a+b": {"l": U}, "a": {"l": P}}},
        Outcome.EXTEND,
    ),
    ("latency of the passing segment is unknown", {"q": U, "segments": {"a": P}, "parts": {"a": {"l": U}}}, Outcome.EXTEND),
    ("an unknown constraint holds a split back too", {"c": U, "segments": {"a": P, "b": F}}, Outcome.EXTEND),
    ("no segment passes", {"q": U, "segments": {"a": U, "b": F}}, Outcome.EXTEND),
    # Line 5: quality fails overall and everywhere.
    ("quality fails and nothing is registered", {"q": F}, Outcome.DONT_MIGRATE),
    ("quality fails overall and for every segment", {"q": F, "segments": {"a": F, "b": F}}, Outcome.DONT_MIGRATE),
    ("quality fails overall, one segment is unknown", {"q": F, "segments": {"a": F, "b": U}}, Outcome.EXTEND),
    ("every segment fails, but not quality overall", {"q": U, "segments": {"a": F}}, Outcome.EXTEND),
    # Line 6: else.
    ("nothing is known", {"q": U, "l": U, "r": U, "s": U, "c": U}, Outcome.EXTEND),
    # Day 14.
    ("no MIGRATE on day 13", {"day": 13}, Outcome.EXTEND),
    ("MIGRATE on day 14", {"day": 14}, Outcome.MIGRATE),
    ("no HYBRID on day 13", {"day": 13, "segments": {"a": P, "b": F}}, Outcome.EXTEND),
    ("HYBRID on day 14", {"day": 14, "segments": {"a": P, "b": F}}, Outcome.HYBRID),
    ("the saving says nothing on day 13", {"day": 13, "s": F}, Outcome.EXTEND),
    ("it does on day 14", {"day": 14, "s": F}, Outcome.DONT_MIGRATE),
    ("latency may say no on day 1", {"day": 1, "l": F}, Outcome.DONT_MIGRATE),
    ("reliability may say no on day 1", {"day": 1, "r": F}, Outcome.DONT_MIGRATE),
    ("quality may say no on day 1", {"day": 1, "q": F}, Outcome.DONT_MIGRATE),
    ("quality says no on day 13 beside a saving that fails", {"day": 13, "q": F, "s": F}, Outcome.DONT_MIGRATE),
    (
        "latency fails for all traffic, the saving for the rest: too early",
        {"day": 13, "l": F, "segments": {"a": P}, "parts": {"a": {"l": P, "s": F}}},
        Outcome.EXTEND,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("case", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_table(case: dict[str, Any], expected: Outcome) -> None:
    assert decide(findings(**case)).outcome is expected


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"day": 13}, Outcome.MIGRATE),
        ({"day": 13, "segments": {"a": P, "b": F}}, Outcome.HYBRID),
        ({"day": 13, "s": F}, Outcome.DONT_MIGRATE),
        ({"day": 13, "q": U}, None),
        ({"day": 14}, None),
    ],
)
def test_before_day_14_it_says_what_it_would_be(case: dict[str, Any], expected: Outcome | None) -> None:
    assert decide(findings(**case)).held_back is expected


def test_the_segments_that_move_are_all_that_pass() -> None:
    decision = decide(findings(segments={"a": P, "b": U, "c": P, "d": F}))
    assert decision == Decision(Outcome.HYBRID, Line.PARTS, frozenset({"a", "c"}))


def test_splits_are_all_traffic_and_every_set_of_segments_that_do_not_fail() -> None:
    found = list(splits({"a": P, "b": F, "c": U}))
    assert found == [None, frozenset({"a", "c"}), frozenset({"a"}), frozenset({"c"})]
    assert len(list(splits({str(number): U for number in range(8)}))) == 2**8
    assert len(list(splits({str(number): U for number in range(40)}))) == 1 + 1 + 40


OUTCOMES = st.sampled_from([P, F, U, N])


@given(
    st.fixed_dictionaries(dict.fromkeys(SHORT, OUTCOMES)),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from([P, F, U])),
    st.integers(0, 42),
)
def test_moving_always_rests_on_passing(gates: dict[str, GateOutcome], segments: dict[str, GateOutcome], day: int) -> None:
    decision = decide(findings(day=day, segments=segments, parts=None, **gates))
    if decision.outcome in (Outcome.MIGRATE, Outcome.HYBRID):
        assert day >= 14
        assert not {gates[letter] for letter in "lrsc"} & {F, U}
        assert gates["q"] is P if decision.outcome is Outcome.MIGRATE else P in segments.values()
    if gates["c"] is F:
        assert decision.outcome is Outcome.DONT_MIGRATE
