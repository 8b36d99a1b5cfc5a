"""What quality says of its parts: epochs, registered segments, draws that nobody answered, and length held against a part."""

from dataclasses import fields, replace

import numpy as np
import pytest

from app.domain.epochs import Epoch
from app.domain.evidence import Evidence, LabelColumns
from app.domain.scorecard import EstimateModel
from app.domain.words import GateOutcome
from app.pipeline.closing import microseconds
from app.pipeline.quality import NO_LABELS_THERE, _drawn, _straddles
from tests.unit.pipeline.made_evidence import DAY_US, Made
from tests.unit.pipeline.test_conversations import START, Facts
from tests.unit.pipeline.test_correction import Said, asked
from tests.unit.pipeline.test_quality import DAY_MINUTES, evidence_with, judged, labels_of, rows_of
from tests.unit.pipeline.test_quality_rule import TERMS
from tests.unit.pipeline.test_ruling import a_model

P, F, U = GateOutcome.PASSES, GateOutcome.FAILS, GateOutcome.UNKNOWN


def without_lengths(rows: list[Facts]) -> Evidence:
    """Nothing is fitted at equal length: that takes most of the time and is not the matter."""
    return evidence_with(rows, content_chars=np.full(len(rows), np.nan))


def of_segment(labels: LabelColumns, rows: list[Facts], segment: str) -> LabelColumns:
    chosen = np.array([rows[row][2] == segment for row in labels.rows.tolist()])
    return LabelColumns(**{field.name: getattr(labels, field.name)[chosen] for field in fields(LabelColumns)})


def labelled(evidence: Evidence, labels: LabelColumns) -> Evidence:
    return replace(evidence, arms={"qwen": replace(evidence.arms["qwen"], labels=labels)})


def as_said(row: Facts) -> float:
    return float(row[4] or 0.0)


def test_only_conversations_and_days_of_the_epoch_have_a_say() -> None:
    # In the order of their names the first conversation is of the new epoch.
    days = [9, 8, 8, 5, 5, 5]
    rows: list[Facts] = [
        ((day - 1) * DAY_MINUTES + number, number, "a", "grader", 1.0, 1.0, 1.0) for number, day in enumerate(days)
    ]
    there = np.array([True, False, False, True, True, True])
    found = judged(evidence_with(rows, is_there=there), epoch=Epoch(1, 8))
    assert (found.model.win_rate_fixed.n, found.segments["a"].pairs) == (1, 1)
    # The first day of the epoch is watched for what was left out, the days before it are not.
    assert found.left_out.days == (8,)
    before = judged(evidence_with(rows, is_there=there), epoch=Epoch(0, 1))
    assert before.model.win_rate_fixed.n == 4


def test_an_epoch_that_began_with_the_last_day_has_that_day() -> None:
    row: Facts = (27 * DAY_MINUTES, 0, "a", "grader", 1.0, 1.0, 1.0)
    found = judged(evidence_with([row]), epoch=Epoch(1, 28))
    assert (found.terms.days, found.model.win_rate.n) == (28, 1)


def test_each_part_says_on_which_day_it_was_decided_and_how_its_judge_did() -> None:
    found = judged(without_lengths(rows_of({"a": 0.65, "b": 0.2})))
    good, bad = found.segments["a"], found.segments["b"]
    assert (good.outcome, bad.outcome) == (P, F)
    assert good.passed_on is not None
    assert bad.failed_on is not None
    assert (good.failed_on, bad.passed_on) == (None, None)
    assert good.judge is not None
    assert bad.judge is not None
    assert good.judge.rater == "gpt-4"
    assert (good.judge.parsed_answers, bad.judge.parsed_answers) == (2 * good.pairs, 2 * bad.pairs)


def test_a_failed_whole_says_on_which_day() -> None:
    found = judged(without_lengths(rows_of({"a": 0.1}, days=21)))
    assert found.gate is F
    assert (found.model.failed_on, found.model.passed_on) == (found.ruled.failed_on, None)
    assert found.model.failed_on is not None


def test_skips_alone_correct_nothing_and_one_answer_on_the_last_day_does() -> None:
    rows = rows_of({"a": 0.6}, each=4)
    labels = labels_of(rows, share=0.3, values=as_said)
    skipped = judged(labelled(without_lengths(rows), replace(labels, values=np.full(len(labels), np.nan))))
    assert (skipped.model.rests_on, skipped.model.skipped) == ("raw", len(labels))
    late = replace(labels, labelled_us=np.full(len(labels), microseconds(START) + 40 * DAY_US))
    assert judged(labelled(without_lengths(rows), late), now_day=35).model.rests_on == "corrected"


def test_where_nobody_labelled_the_judge_shows_nothing_good_and_a_failure_stays_one() -> None:
    for share, outcome in ((0.65, U), (0.02, F)):
        rows = rows_of({"a": 0.65, "b": share}, ties=0.0)
        labels = labels_of(rows, share=0.3, values=as_said)
        found = judged(labelled(without_lengths(rows), of_segment(labels, rows, "a")))
        assert found.unlabelled == ("b",)
        part = found.segments["b"]
        assert (part.outcome, part.reason == NO_LABELS_THERE) == (outcome, outcome is U)
        assert found.segments["a"].reason != NO_LABELS_THERE


@pytest.mark.parametrize(("now", "missing"), [(9, 0), (10, 1), (35, 1)])
def test_a_draw_is_missing_after_seven_days_without_any_answer(now: int, missing: int) -> None:
    rows = [Made(f"t{number}", 1.0, day=3, segment="a") for number in range(3)]
    found = asked(rows, [Said(0, 1.0, day=4, source="page"), Said(1, None, day=4, source="page")], now=now)
    everyone = np.ones(3, dtype=bool)
    assert _drawn(found, everyone, now) == {"drawn": 3, "skipped": 1, "missing": missing}
    assert _drawn(found, ~everyone, now) == {"drawn": 0, "skipped": 0, "missing": 0}


@pytest.mark.parametrize(
    ("raw", "equal", "straddles"),
    [
        (0.46, 0.44, True), (0.44, 0.46, True), (0.46, 0.47, False), (0.43, 0.44, False), (0.46, 0.45, True),
        (0.45, 0.46, True), (0.45, 0.44, False), (0.44, 0.45, False), (0.46, None, False), (None, 0.46, False),
    ],
)  # fmt: skip
def test_at_the_limit_is_not_above_it(raw: float | None, equal: float | None, straddles: bool) -> None:
    model = a_model().model_copy(
        update={"win_rate": EstimateModel(value=raw), "win_rate_length_controlled": EstimateModel(value=equal)}
    )
    assert TERMS.threshold == 0.45
    assert _straddles(model, TERMS) == straddles


def test_length_holds_back_the_parts_that_a_judge_decides_and_that_would_pass() -> None:
    """The judge likes longer replies; in segment b a rule finds the replies equal."""
    chance = np.random.default_rng(3)
    rows = rows_of({"a": 0.5, "b": 0.5}, each=40)
    longer = np.where(chance.random(len(rows)) < 0.9, 300.0, -300.0) + 90.0 * chance.normal(size=len(rows))
    values = (chance.random(len(rows)) < np.where(longer > 0, 0.67, 0.1)).astype(float).tolist()
    moved: list[Facts] = [
        (*row[:4], value, value, 1.0) if row[2] == "a" else (*row[:3], "equal", None, None, 1.0)
        for row, value in zip(rows, values, strict=True)
    ]
    found = judged(evidence_with(moved, content_chars=500.0 + longer))
    assert _straddles(found.model, found.terms)
    by_judge, by_rule = found.segments["a"], found.segments["b"]
    assert (by_judge.passed_on is None, by_judge.outcome, by_judge.is_held_back) == (False, U, True)
    assert by_judge.reason.endswith("at equal length lies on the other side of the limit")
    assert (by_rule.outcome, by_rule.is_held_back) == (P, False)
