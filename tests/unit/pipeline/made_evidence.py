"""Evidence of one candidate row by row, for tests of what is read off it; a test names only what it is about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.evidence import (
    ArmEvidence,
    Evidence,
    ExchangeColumns,
    GradeColumns,
    LabelColumns,
    LiveColumns,
    PairColumns,
    ReplyColumns,
    codes,
    floats,
    words,
)
from app.pipeline.conversations import Conversations, PairValues

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Label:
    """One person's answer; `value` None = skipped."""

    value: float | None = 0.5
    draw: float | None = 0.5
    critical: bool = False
    rater: str = "r1"


@dataclass(frozen=True, slots=True)
class Grade:
    """One grade of the judge `m`, version `v1` unless said otherwise."""

    value: float | None
    first: str = "incumbent"
    grader: str = "judge"
    version: str = "v1"


@dataclass(frozen=True, slots=True)
class Made:
    """One exchange with both replies and its preference; day 1 is the first."""

    conversation: str
    value: float | None = 0.5
    day: int = 1
    segment: str = "other"
    turn: float | None = None
    tokens: float | None = 100.0
    candidate_tokens: float | None = None
    weight: float = 1.0
    failed: bool = False
    judged: bool = True
    counted: bool = True
    labels: tuple[Label, ...] = ()
    grades: tuple[Grade, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class MadeEvidence:
    """All that the functions under test take."""

    evidence: Evidence
    arm: ArmEvidence
    pairs: PairValues
    talks: Conversations


def made(rows: Sequence[Made]) -> MadeEvidence:
    """The rows as evidence; a row's place is its moment within the day, and `e-0000` and so on its id."""
    arm = ArmEvidence(
        replies=_replies(rows, [row.candidate_tokens for row in rows]),
        pairs=_pairs(rows),
        grades=_grades(rows),
        labels=_labels(rows),
    )
    exchanges = ExchangeColumns(
        ids=np.arange(len(rows)),
        external_ids=words([f"e-{number:04d}" for number in range(len(rows))]),
        arrived_us=np.array([row.day * DAY_US + number for number, row in enumerate(rows)], dtype=np.int64),
        conversations=words([row.conversation for row in rows]),
        segments=words([row.segment for row in rows]),
        inclusion_probability=floats([1 / row.weight for row in rows]),
        sample_points=np.zeros(len(rows)),
        reasons=words(["captured"] * len(rows)),
        sources=words(["imported"] * len(rows)),
        is_closed=np.ones(len(rows), dtype=bool),
        turns=floats([row.turn for row in rows]),
    )
    evidence = Evidence(exchanges, _replies(rows, [row.tokens for row in rows]), {"qwen": arm})
    return MadeEvidence(evidence, arm, _values(rows), _talks(rows))


def live_with_control(evidence: Evidence) -> LiveColumns:
    """The candidate's evidence as that of a control arm."""
    many = len(evidence.exchanges)
    return LiveColumns(
        is_live=np.ones(many, dtype=bool),
        sampling_rates=np.ones(many),
        users=words([""] * many),
        folded_attempts=np.zeros(many, dtype=np.int64),
        failed_attempts=np.zeros(many, dtype=np.int64),
        skipped={},
        queue_lag_seconds={},
        control=evidence.arms["qwen"],
    )


def _values(rows: Sequence[Made]) -> PairValues:
    counted = np.array([row.counted for row in rows], dtype=bool)
    judged = np.array([row.judged for row in rows], dtype=bool)
    failed = np.array([row.failed for row in rows], dtype=bool)
    nothing = np.zeros(len(rows), dtype=bool)
    return PairValues(counted, floats([row.value for row in rows]), failed, judged, judged, nothing, _grades(rows), {})


def _talks(rows: Sequence[Made]) -> Conversations:
    number, names = codes(words([row.conversation for row in rows]))
    first = {name: next(row for row in rows if row.conversation == name) for name in names}
    counted = np.array([row.counted for row in rows], dtype=bool)
    segments = words([first[name].segment for name in names])
    return Conversations(
        np.where(counted, number, -1), np.array([first[name].day for name in names], dtype=np.int64), segments, segments[number]
    )


def _replies(rows: Sequence[Made], tokens: Sequence[float | None]) -> ReplyColumns:
    unknown, empty = np.full(len(rows), np.nan), words([""] * len(rows))
    there = np.ones(len(rows), dtype=bool)
    return ReplyColumns(there, empty, unknown, empty, empty, empty, floats(list(tokens)), *(unknown,) * 11)


def _pairs(rows: Sequence[Made]) -> PairColumns:
    there = np.ones(len(rows), dtype=bool)
    return PairColumns(there, there, words(["grader"] * len(rows)), np.full(len(rows), np.nan), words([""] * len(rows)))


def _grades(rows: Sequence[Made]) -> GradeColumns:
    found = [(number, grade) for number, row in enumerate(rows) for grade in row.grades]
    return GradeColumns(
        rows=np.array([number for number, _ in found], dtype=np.int64),
        graders=words([grade.grader for _, grade in found]),
        raters=words(["m"] * len(found)),
        shown_first=words([grade.first for _, grade in found]),
        values=floats([grade.value for _, grade in found]),
        ungraded=words(["unparsed" if grade.value is None else "" for _, grade in found]),
        is_imported=np.zeros(len(found), dtype=bool),
        graded_us=np.zeros(len(found), dtype=np.int64),
        versions=words([grade.version for _, grade in found]),
    )


def _labels(rows: Sequence[Made]) -> LabelColumns:
    found = [(number, label) for number, row in enumerate(rows) for label in row.labels]
    return LabelColumns(
        rows=np.array([number for number, _ in found], dtype=np.int64),
        raters=words([label.rater for _, label in found]),
        values=floats([label.value for _, label in found]),
        draw_probability=floats([label.draw for _, label in found]),
        labelled_us=np.zeros(len(found), dtype=np.int64),
        is_critical=np.array([label.critical for _, label in found], dtype=bool),
        sources=words(["page"] * len(found)),
    )
