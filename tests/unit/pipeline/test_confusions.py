"""The confusion table: whose label is whose, which labels are shown, and which pairs count."""

import pytest

from app.domain.confusion import NO_LABEL, RARER
from app.domain.scorecard import EstimateModel, SegmentModel
from app.domain.words import GateOutcome
from app.pipeline.confusions import confusion_of, labelling_graders, with_confusions
from app.store.confusions import LabelCount
from tests.builders import a_configuration


def a_model() -> SegmentModel:
    return SegmentModel(win_rate=EstimateModel(), outcome=GateOutcome.UNKNOWN)


def test_the_first_label_is_the_incumbents() -> None:
    found = confusion_of({("approve", "deny"): 5, ("deny", "approve"): 2, ("deny", "deny"): 12, ("approve", "approve"): 11})
    assert found.counts == {"deny": {"deny": 12, "approve": 2}, "approve": {"deny": 5, "approve": 11}}
    assert list(found.counts) == ["deny", "approve"]
    assert (found.agreement.value, found.agreement.n, found.rarer_labels) == (23 / 30, 30, 0)
    assert found.agreement.low == pytest.approx(0.5907, abs=1e-4)
    assert found.agreement.high == pytest.approx(0.8821, abs=1e-4)


def test_beyond_twenty_labels_the_rarer_ones_are_one_and_still_disagree() -> None:
    cells = {(f"l{number:02}", f"l{number:02}"): 50 - number for number in range(25)} | {("l23", "l24"): 3, ("l00", "l24"): 1}
    found = confusion_of(cells)
    assert list(found.counts) == [*(f"l{number:02}" for number in range(20)), RARER]
    assert found.rarer_labels == 5
    assert found.counts[RARER] == {RARER: sum(50 - number for number in range(20, 25)) + 3}
    assert found.counts["l00"] == {"l00": 50, RARER: 1}
    total = sum(50 - number for number in range(25)) + 4
    assert (found.agreement.value, found.agreement.n) == ((total - 4) / total, total)


def test_a_sentence_in_place_of_a_label_is_told_to_nobody() -> None:
    found = confusion_of({("a", "a"): 9, ("a", "dear ms miller, no"): 1, ("sorry", "sorry"): 1, ("b", "b"): 2})
    assert found.counts == {"a": {"a": 9, RARER: 1}, "b": {"b": 2}, RARER: {RARER: 1}}
    assert (found.rarer_labels, found.agreement.value) == (2, 12 / 13)


def test_a_reply_without_a_label_has_a_column_of_its_own() -> None:
    found = confusion_of({("a", NO_LABEL): 1000, ("a", "a"): 1})
    assert found.counts == {"a": {"a": 1, NO_LABEL: 1000}}
    assert found.agreement.value == 1 / 1001


def test_only_pairs_of_the_candidate_and_of_days_that_count_are_in_its_table() -> None:
    counts = [
        LabelCount(2, "triage", 1, "a", "b", 3), LabelCount(2, "triage", 2, "a", None, 1),
        LabelCount(2, "triage", 3, "a", "a", 9),
        LabelCount(3, "triage", 1, "b", "a", 7), LabelCount(2, "elsewhere", 1, "x", "y", 5),
    ]  # fmt: skip
    found = with_confusions({"triage": a_model(), "chat": a_model()}, counts, arm_id=2, days=[1, 2])
    assert found["triage"].confusion is not None
    assert found["triage"].confusion.counts == {"a": {"b": 3, NO_LABEL: 1}}
    assert found["chat"] == a_model()
    other = with_confusions({"triage": a_model()}, counts, arm_id=3, days=[1])["triage"].confusion
    assert other is not None
    assert other.counts == {"b": {"a": 7}}
    assert with_confusions({"triage": a_model()}, counts, arm_id=2, days=[])["triage"].confusion is None


def test_labels_come_from_segments_that_compare_them() -> None:
    tables = [
        ("a", "label", True), ("b", "python:policy:decide", True), ("c", "python:policy:score", False), ("d", "exact", True),
        ("e", "judge", False),
    ]  # fmt: skip
    segments = [
        {"name": name, "match": {"header": name}, "grader": grader, "incumbent_is_reference": is_reference}
        for name, grader, is_reference in tables
    ]
    assert labelling_graders(a_configuration(segment=segments)) == {"a": "label", "b": "python:policy:decide"}
