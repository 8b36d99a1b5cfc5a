"""The pairs of a report: the same blocks for every renderer, withheld where the reader's role says so."""

from typing import Literal

import pytest

from app.domain.report import PairExample
from app.reports.document import Table
from app.reports.examples import TITLE, WITHHELD, example_sections
from app.reports.rendering import render
from app.reports.view import ReportView
from tests.unit.reports.examples import a_document

EVIL = "<script>alert(1)</script> | **x**\n- second line"


def an_example(chosen_as: Literal["worst", "best", "random"] = "worst", **changes: object) -> PairExample:
    given: dict[str, object] = {
        "exchange": "e-17",
        "exchange_number": 17,
        "candidate": "qwen",
        "segment": "triage",
        "day": 3,
        "chosen_as": chosen_as,
        "preference": 0.0,
        "rule": "judge",
        "reasons": ("It missed the date.",),
        "request": EVIL,
        "incumbent_reply": "yes",
        "candidate_reply": "",
    }
    return PairExample.model_validate(given | changes)


def test_each_kind_has_its_pairs_with_the_arms_colours() -> None:
    examples = [an_example(), an_example("best", preference=1.0), an_example("random", preference=0.5)]
    (section,) = example_sections(ReportView(a_document("hybrid"), examples=examples))
    assert [inner.title for inner in section.sections] == ["The worst", "The best", "At random"]
    tables = [block for inner in section.sections for block in inner.blocks if isinstance(block, Table)]
    assert [table.caption for table in tables] == [
        "1. Exchange e-17 (triage, day 3): qwen worse",
        "1. Exchange e-17 (triage, day 3): qwen better",
        "1. Exchange e-17 (triage, day 3): a tie",
    ]
    assert [row[0].arm for row in tables[0].rows] == [None, 0, 1]
    assert tables[0].rows[2][1].text == "(no text is kept)"
    assert tables[0].note == "Decided by judge. Preference for qwen: 0.00. It missed the date."


@pytest.mark.parametrize("name", ["html", "md"])
def test_texts_of_pairs_are_text_after_the_evidence(name: str) -> None:
    text = render(ReportView(a_document("hybrid"), examples=[an_example()]), name).content.decode()
    assert "<script" not in text
    assert text.index("The evidence on qwen") < text.rindex(TITLE) < text.rindex("Coverage")
    assert "second line" in text


@pytest.mark.parametrize("name", ["html", "md"])
def test_who_may_not_read_texts_is_told_that_there_are_some(name: str) -> None:
    assert WITHHELD in render(ReportView(a_document("hybrid"), examples_withheld=True), name).content.decode()
    assert TITLE not in render(ReportView(a_document("hybrid")), name).content.decode()


def test_several_candidates_are_told_apart_and_marks_of_people_are_said() -> None:
    examples = [an_example(is_critical=True), an_example(candidate="llama-70b", rule="people", preference=None)]
    (section,) = example_sections(ReportView(a_document("two_candidates"), examples=examples))
    assert [inner.title for inner in section.sections] == ["The worst: qwen", "The worst: llama-70b"]
    captions = [block.caption for inner in section.sections for block in inner.blocks if isinstance(block, Table)]
    assert "must never happen" in captions[0]
    assert captions[1].endswith("not graded")
