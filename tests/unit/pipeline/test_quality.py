"""Quality from evidence to gate: alphas, epochs, what was left out, equal length, people's labels."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.domain.epochs import Epoch
from app.domain.evidence import ArmEvidence, Evidence, LabelColumns, floats, words
from app.domain.registered import RegisteredPlan
from app.domain.words import GateOutcome
from app.pipeline.closing import microseconds, select_evidence
from app.pipeline.conversations import conversations_of
from app.pipeline.quality import LENGTH_STRADDLES, Grounds, Judged, judge_quality
from tests.unit.pipeline.test_conversations import NOW, START, Facts, a_running_pilot, evidence_of

DAYS, DAY_MINUTES = 28, 24 * 60
PLAN = RegisteredPlan("seed", 0.05, (14, 21, 28), {}, 1400, ("a", "b"))


def rows_of(wins: dict[str, float], *, each: int = 18, ties: float = 0.3, days: int = DAYS) -> list[Facts]:
    """So many conversations of one pair a day and segment, with that share of wins among those that are no ties."""
    rows: list[Facts] = []
    chance, conversation = np.random.default_rng(6), 0
    for day in range(days):
        for segment, share in wins.items():
            for _ in range(each):
                value = 0.5 if chance.random() < ties else float(chance.random() < share)
                conversation += 1
                rows.append((day * DAY_MINUTES + conversation % 1000, conversation, segment, "grader", value, value, 1.0))
    return rows


def evidence_with(rows: list[Facts], **replies: Any) -> Evidence:
    """Evidence with some columns of the candidate's replies replaced; the incumbent's replies have 500 characters."""
    evidence = evidence_of([(place, row) for place, row in enumerate(rows)], list(range(2 * len(rows))))
    arm = evidence.arms["qwen"]
    incumbent = replace(evidence.incumbent, content_chars=np.full(len(rows), 500.0))
    arm = replace(arm, replies=replace(arm.replies, **(replies or {"content_chars": np.full(len(rows), 500.0)})))
    return replace(evidence, incumbent=incumbent, arms={"qwen": arm})


def judged(evidence: Evidence, *, plan: RegisteredPlan = PLAN, epoch: Epoch | None = None, now_day: int = 60) -> Judged:
    pilot = a_running_pilot()
    selection = select_evidence(pilot, evidence, now=NOW)
    arm: ArmEvidence = evidence.arms["qwen"]
    grounds = Grounds(plan, epoch or Epoch(0, 1), now_day)
    return judge_quality(pilot, grounds, evidence, arm, selection, conversations_of(evidence, selection), name="qwen")


def test_each_segment_has_its_part_of_alpha_and_only_registered_ones_have_a_say() -> None:
    found = judged(evidence_with(rows_of({"a": 0.6, "b": 0.25, "other": 0.6})))
    assert (found.gate, found.model.rests_on) == (GateOutcome.PASSES, "raw")
    assert found.ruled.bound is not None
    assert found.ruled.bound > 0.45
    assert list(found.segments) == ["a", "b", "other"]
    outcomes = {name: segment.outcome for name, segment in found.segments.items()}
    assert outcomes == {"a": GateOutcome.PASSES, "b": GateOutcome.FAILS, "other": GateOutcome.UNKNOWN}
    assert {segment.alpha for segment in found.segments.values()} == {0.025}
    assert found.terms.alpha == 0.05
    assert found.segments["other"].reason == "not named before the start: it has no say of its own"
    assert [segment.registered for segment in found.segments.values()] == [True, True, False]
    for segment in found.segments.values():
        assert (segment.pairs, segment.conversations) == (18 * DAYS, 18 * DAYS)
    assert found.model.win_rate.n == 3 * 18 * DAYS
    # The known days of all three together are those of the plain mean.
    assert found.model.win_rate.value == pytest.approx(found.model.win_rate_fixed.value)
    assert found.model.win_rate_human_corrected.method == "no_drawn_labels"


def test_evidence_of_an_earlier_epoch_does_not_count_and_a_new_one_has_half_of_alpha() -> None:
    early, late = rows_of({"a": 0.1}, days=7), rows_of({"a": 0.6})
    rows = [*early, *(row for row in late if row[0] >= 7 * DAY_MINUTES)]
    rows = [(row[0], number, *row[2:]) for number, row in enumerate(rows)]
    found = judged(evidence_with(rows), epoch=Epoch(2, 8))
    assert found.terms.alpha == 0.05 / 4
    assert found.terms.begins == 8
    assert found.model.win_rate.n == 18 * 21
    assert found.model.win_rate.value == pytest.approx(0.57, abs=0.04)
    assert min(point.day for point in found.model.by_day) == 8
    assert found.model.passed_on is None or found.model.passed_on >= 21
    first = judged(evidence_with(rows), epoch=Epoch(1, 1))
    assert (first.terms.alpha, first.model.win_rate.n) == (0.025, 18 * 28)


@pytest.mark.parametrize(("missing", "blocked"), [(2, True), (1, False)])
def test_a_day_of_which_more_than_a_twentieth_was_left_out_blocks_the_gate(missing: int, blocked: bool) -> None:
    rows = rows_of({"a": 0.65, "b": 0.65}, each=10)
    there = np.ones(len(rows), dtype=bool)
    there[100 : 100 + missing] = False  # of the 20 on day 6
    found = judged(evidence_with(rows, is_there=there))
    assert found.left_out.days == ((6,) if blocked else ())
    assert (found.gate is GateOutcome.UNKNOWN) == blocked
    if blocked:
        assert found.ruled.reason == (
            "the candidate was not asked more than 5% of the sampled exchanges of 1 days (day 6): 2 not asked"
        )
        assert found.ruled.needed is None
        assert found.segments["b"].outcome is GateOutcome.UNKNOWN
        assert found.segments["b"].reason == "too much of some days was left out"


def a_straddling_case(longer: float) -> Evidence:
    """The judge likes the candidate only where its reply is longer."""
    rows = rows_of({"a": 0.5}, each=60)
    chance = np.random.default_rng(3)
    difference = np.where(chance.random(len(rows)) < 0.9, longer, -longer) + 0.3 * abs(longer) * chance.normal(size=len(rows))
    wins = np.where(difference * np.sign(longer) > 0, 0.57, 0.1)
    values = (chance.random(len(rows)) < wins).astype(float).tolist()
    moved = [(*row[:4], value, value, 1.0) for row, value in zip(rows, values, strict=True)]
    return evidence_with(moved, content_chars=500.0 + difference)


def test_a_win_rate_that_only_length_brings_above_the_limit_does_not_pass() -> None:
    found = judged(a_straddling_case(300.0))
    raw, equal = found.model.win_rate.value, found.model.win_rate_length_controlled.value
    assert raw is not None
    assert equal is not None
    assert found.model.passed_on is not None
    assert equal < 0.45 < raw
    assert (found.gate, found.ruled.is_held_back) == (GateOutcome.UNKNOWN, True)
    assert found.ruled.codes == (LENGTH_STRADDLES,)
    assert f"the judge's win rate is {raw:.1%} and at equal length of the replies {equal:.1%}" in found.ruled.reason
    plain = judged(evidence_with(rows_of({"a": 0.5}, each=60)))
    assert (plain.gate, plain.ruled.codes) == (GateOutcome.PASSES, ())


def labels_of(rows: list[Facts], *, share: float, values: Any, skipped: int = 0) -> LabelColumns:
    """Labels of a random share of the conversations, with their chance; the first few are skips."""
    drawn = np.flatnonzero(np.random.default_rng(8).random(len(rows)) < share)
    said = np.array([values(rows[row]) for row in drawn.tolist()])
    said[:skipped] = np.nan
    minutes = np.array([rows[row][0] for row in drawn.tolist()], dtype=np.int64)
    return LabelColumns(
        rows=drawn.astype(np.int64), raters=words(["r1"] * len(drawn)), values=said,
        draw_probability=np.full(len(drawn), share),
        labelled_us=microseconds(START) + (minutes + 60) * 60_000_000, is_critical=np.zeros(len(drawn), dtype=bool),
        sources=words(["imported"] * len(drawn)),
    )  # fmt: skip


def test_people_correct_a_judge_that_is_too_kind() -> None:
    rows = rows_of({"a": 0.62}, each=40)

    def harsher(row: Facts) -> float:
        return float(row[4] or 0.0) * 0.55

    evidence = evidence_with(rows)
    labels = labels_of(rows, share=0.4, values=harsher, skipped=9)
    arm = replace(evidence.arms["qwen"], labels=labels)
    found = judged(replace(evidence, arms={"qwen": arm}))
    raw, corrected = found.model.win_rate, found.model.win_rate_human_corrected
    assert raw.value is not None
    assert corrected.value == pytest.approx(0.55 * raw.value, abs=0.03)
    assert corrected.method == "prediction_powered_confidence_sequence"
    assert (found.model.rests_on, found.segments["a"].rests_on) == ("corrected", "corrected")
    assert found.gate is GateOutcome.FAILS
    assert judged(evidence).gate is GateOutcome.PASSES
    assert (found.model.drawn, found.model.skipped, found.model.missing) == (len(labels), 9, 0)
    assert (found.segments["a"].drawn, found.segments["a"].skipped) == (len(labels), 9)
    assert found.model.labels == len(labels) - 9
    assert found.model.usable_labels == len(labels) - 9
    assert found.model.people_win_rate.n == len(labels) - 9
    assert len(found.model.corrected_by_day) > 0
    assert found.model.judge_weights[0] == 0.7
    # Labels without a chance measure agreement and correct nothing.
    without = replace(arm, labels=replace(labels, draw_probability=floats([None] * len(labels))))
    uncorrected = judged(replace(evidence, arms={"qwen": without}))
    assert (uncorrected.model.rests_on, uncorrected.model.usable_labels, uncorrected.model.labels) == (
        "raw",
        0,
        len(labels) - 9,
    )
    assert uncorrected.gate is GateOutcome.PASSES


def test_what_has_no_grade_yet_widens_both_ends() -> None:
    rows = rows_of({"a": 0.6}, each=50)
    waiting = [(*row[:3], "pending", None, None, 1.0) if number % 5 == 0 else row for number, row in enumerate(rows)]
    found, known = judged(evidence_with(waiting)), judged(evidence_with(rows))
    assert found.model.ungraded
    assert (known.gate, found.gate) == (GateOutcome.PASSES, GateOutcome.UNKNOWN)
    for estimate in (found.model.win_rate, found.model.win_rate_without_failures):
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.value is not None
        assert estimate.high - estimate.value > 0.07
        assert estimate.value - estimate.low > 0.07
        assert estimate.n == 40 * DAYS


def test_without_any_evidence_nothing_is_said() -> None:
    found = judged(evidence_with([]))
    assert (found.gate, found.ruled.bound, found.model.win_rate.n) == (GateOutcome.UNKNOWN, None, 0)
    assert found.ruled.reason == "there is no graded conversation yet"
