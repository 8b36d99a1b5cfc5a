"""Evidence in any order gives the same sums; days add up to the whole."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.evidence import (
    ArmEvidence,
    Evidence,
    ExchangeColumns,
    GradeColumns,
    LabelColumns,
    PairColumns,
    ReplyColumns,
    floats,
    words,
)
from app.domain.pilot import Arm, Pilot
from app.domain.words import ArmRole, PilotState
from app.pipeline.closing import content_hashes, microseconds, select_evidence
from app.pipeline.conversations import conversations_of, one_an_order, pair_values, series_sums
from tests.builders import a_configuration

START = datetime(2026, 9, 7, tzinfo=UTC)
NOW = START + timedelta(days=60)
SEGMENTS = ("a", "b", "other")


def a_running_pilot() -> Pilot:
    configuration = a_configuration(judge={"rater": "gpt-4"}, segment=[{"name": "a"}, {"name": "b"}])
    arms = (Arm(1, "incumbent", ArmRole.INCUMBENT, "gpt-5.1"), Arm(2, "qwen", ArmRole.CANDIDATE, "qwen"))
    return Pilot(
        id=1, name="p", state=PilotState.RUNNING, configuration=configuration, arms=arms, starts_at=START, extended_days=0,
        is_default=True, is_detached=False, mirror_on=True, created_at=START, started_at=START, stopped_at=None,
    )  # fmt: skip


def replies(there: list[bool], failures: list[str]) -> ReplyColumns:
    unknown = np.full(len(there), np.nan)
    source = words(["imported"] * len(there))
    return ReplyColumns(
        np.array(there, dtype=bool), words(failures), unknown, source, *(words([""] * len(there)),) * 2, *(unknown,) * 12
    )


NO_LABELS = LabelColumns(
    rows=np.array([], dtype=np.int64),
    raters=words([]),
    values=floats([]),
    draw_probability=floats([]),
    labelled_us=np.array([], dtype=np.int64),
    is_critical=np.array([], dtype=bool),
    sources=words([]),
)
Facts = tuple[int, int, str, str, float | None, float | None, float]
ROWS = st.lists(
    st.tuples(
        st.integers(0, 28 * 24 * 60 - 1),  # minute of arrival
        st.integers(0, 5),  # conversation
        st.sampled_from(SEGMENTS),
        st.sampled_from(["grader", "failure", "equal", "missing", "pending"]),
        st.sampled_from([0.0, 0.5, 1.0, None]),
        st.sampled_from([0.0, 0.5, 1.0, None]),
        st.sampled_from([1.0, 0.5, 0.1]),
    ),
    max_size=25,
)


def evidence_of(rows: list[tuple[int, Facts]], grade_order: list[int]) -> Evidence:
    """Evidence as the store reads it: exchanges by their own id; the store's numbers are those of arrival in the database."""
    by_id = sorted(range(len(rows)), key=lambda place: rows[place][0])
    facts = [rows[place][1] for place in by_id]
    there = [fact[3] != "missing" for fact in facts]
    decided = {"failure": 0.0, "equal": 0.5}
    grades = [
        (row, first, value)
        for row, fact in enumerate(facts)
        if fact[3] in ("grader", "pending")
        for first, value in (("incumbent", fact[4]), ("qwen", fact[5]))
    ]
    grades = [grades[place] for place in grade_order if place < len(grades)]
    return Evidence(
        exchanges=ExchangeColumns(
            ids=np.array([place + 100 for place in by_id], dtype=np.int64),
            external_ids=words([f"e{rows[place][0]:03d}" for place in by_id]),
            arrived_us=np.array([microseconds(START) + fact[0] * 60_000_000 for fact in facts], dtype=np.int64),
            conversations=words([f"c{fact[1]}" for fact in facts]),
            segments=words([fact[2] for fact in facts]),
            inclusion_probability=floats([fact[6] for fact in facts]),
            sample_points=np.zeros(len(facts)),
            reasons=words(["captured"] * len(facts)),
            sources=words(["imported"] * len(facts)),
            is_closed=np.ones(len(facts), dtype=bool),
            turns=np.full(len(facts), np.nan),
        ),
        incumbent=replies([True] * len(facts), [""] * len(facts)),
        arms={
            "qwen": ArmEvidence(
                replies=replies(there, ["timeout" if fact[3] == "failure" else "" for fact in facts]),
                pairs=PairColumns(
                    np.array(there, dtype=bool),
                    np.array([fact[3] not in ("pending", "missing") for fact in facts], dtype=bool),
                    words([fact[3] if fact[3] in ("grader", *decided) else "" for fact in facts]),
                    floats([decided.get(fact[3]) for fact in facts]),
                    words([""] * len(facts)),
                ),
                grades=_grades(grades),
                labels=NO_LABELS,
            )
        },
    )


def _grades(grades: list[tuple[int, str, float | None]]) -> GradeColumns:
    many = len(grades)
    made = GradeColumns(
        rows=np.array([row for row, _, _ in grades], dtype=np.int64),
        graders=words(["judge"] * many),
        raters=words(["gpt-4"] * many),
        shown_first=words([first for _, first, _ in grades]),
        values=floats([value for _, _, value in grades]),
        ungraded=words(["unparsed" if value is None else "" for _, _, value in grades]),
        is_imported=np.ones(many, dtype=bool),
        graded_us=np.zeros(many, dtype=np.int64),
        versions=words(["imported"] * many),
    )
    return made.where(np.lexsort((made.rows,))) if many else made


def sums_of(evidence: Evidence) -> dict[Any, Any]:
    pilot = a_running_pilot()
    selection = select_evidence(pilot, evidence, now=NOW)
    talks = conversations_of(evidence, selection)
    pairs = pair_values(pilot.configuration, evidence, evidence.arms["qwen"], selection)
    weights = 1.0 / evidence.exchanges.inclusion_probability
    return {(segment, series, day): sums for segment, series, day, sums in series_sums(pairs, talks, weights)}


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_storing_changes_no_sum(rows: list[Facts], chance: Any) -> None:
    named = list(enumerate(rows))
    grades = list(range(2 * len(rows)))
    before = evidence_of(named, grades)
    shuffled, mixed = chance.sample(named, len(named)), chance.sample(grades, len(grades))
    after = evidence_of(shuffled, mixed)
    assert sums_of(before) == sums_of(after)


@given(ROWS)
def test_the_segments_of_a_day_add_up_to_the_day(rows: list[Facts]) -> None:
    sums = sums_of(evidence_of(list(enumerate(rows)), list(range(2 * len(rows)))))
    for (segment, series, day), whole in sums.items():
        if segment == "":
            parts = [part for key, part in sums.items() if key[0] != "" and key[1:] == (series, day)]
            assert sum(part.n for part in parts) == whole.n
            assert sum(part.sum_wx for part in parts) == pytest.approx(whole.sum_wx)


@given(ROWS)
def test_what_is_unknown_lies_between_its_extremes(rows: list[Facts]) -> None:
    sums = sums_of(evidence_of(list(enumerate(rows)), list(range(2 * len(rows)))))
    for (segment, series, day), low in sums.items():
        if series == "low":
            high = sums[segment, "high", day]
            assert (low.n, low.sum_w) == (high.n, high.sum_w)
            assert low.sum_wx <= high.sum_wx + 1e-12
            value = sums.get((segment, "value", day))
            assert value is None or value.n <= low.n


def test_the_hash_of_a_day_knows_only_its_own_evidence() -> None:
    one: Facts = (60, 0, "a", "grader", 1.0, 1.0, 1.0)
    two: Facts = (3000, 1, "a", "grader", 1.0, 1.0, 1.0)
    other: Facts = (3000, 1, "a", "grader", 0.0, 1.0, 1.0)
    pilot = a_running_pilot()
    hashes = []
    for rows in ([one, two], [one, other]):
        evidence = evidence_of(list(enumerate(rows)), list(range(4)))
        hashes.append(content_hashes(evidence, select_evidence(pilot, evidence, now=NOW)))
    assert {day for day in hashes[0] if hashes[0][day] != hashes[1][day]} == {3}


def test_of_two_grades_of_an_order_the_one_with_a_value_then_the_asked_one_counts() -> None:
    made = GradeColumns(
        rows=np.array([0, 0, 0, 1, 1], dtype=np.int64),
        graders=words(["judge"] * 5),
        raters=words(["m"] * 5),
        shown_first=words(["incumbent"] * 5),
        values=floats([0.0, 1.0, None, None, 0.5]),
        ungraded=words(["", "", "unparsed", "unparsed", ""]),
        is_imported=np.array([True, False, False, False, True]),
        graded_us=np.array([9, 1, 5, 5, 1], dtype=np.int64),
        versions=words(["imported", "v1", "v2", "v1", "imported"]),
    )
    assert one_an_order(made).values.tolist() == [1.0, 0.5]
