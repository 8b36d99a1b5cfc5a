"""What the report says of people, freezes, epochs and falling candidates."""

from collections.abc import Iterator

import pytest

from app.domain.estimate_models import EstimateModel
from app.domain.groups import CriticalModel
from app.domain.scorecard import Scorecard
from app.domain.words import GateOutcome
from app.reports.build import build_document
from app.reports.document import Answer, Block, Chart, Document, Paragraph, Section, Table
from app.reports.markdown import render_markdown
from tests.unit.reports.examples import HOURS, MADE_AT, a_document, a_full_configuration, hybrid, migrate
from tests.unit.reports.verdict_examples import with_people


def blocks_of(document: Document, slug: str) -> list[Block]:
    def walk(sections: tuple[Section, ...]) -> Iterator[Section]:
        for section in sections:
            yield section
            yield from walk(section.sections)

    return [block for section in walk(document.sections) if section.slug == slug for block in section.blocks]


def words_of(document: Document, slug: str) -> str:
    return "\n".join(block.text for block in blocks_of(document, slug) if isinstance(block, Paragraph))


def warnings_of(document: Document) -> list[str]:
    found = blocks_of(document, "answer-1")
    return [block.text for block in found if isinstance(block, Paragraph) and block.tone == "warning"]


def table_of(document: Document, slug: str, caption: str) -> list[list[str]]:
    (found,) = [b for b in blocks_of(document, slug) if isinstance(b, Table) and b.caption == caption]
    return [[cell.text for cell in row] for row in found.rows]


def of(scorecard: Scorecard) -> Document:
    return build_document(scorecard, a_full_configuration(), HOURS, MADE_AT)


def test_page_one_shows_the_win_rate_that_decides() -> None:
    text = render_markdown(a_document("people"))
    assert "Preferred in 45.4% of cases, a tie counting half (40.4 to 50.4%; after correction by people)" in text
    assert "40.4 to 50.4%" in text
    assert "Preferred in 47.4% of cases" in render_markdown(a_document("hybrid"))


def test_raw_corrected_and_equal_length_stand_in_one_picture_and_one_table() -> None:
    document = a_document("people")
    ways = table_of(document, "quality-1", "The win rate, counted several ways")
    assert ways[0] == ["Corrected by people's labels; this one decides", "45.4% (40.4 to 50.4%)", "1,840 conversations"]
    assert [row[0] for row in ways[1:4]] == [
        "As judge and rules say (raw)", "At equal length of the answers", "People alone, all labels",
    ]  # fmt: skip
    (chart,) = [b for b in blocks_of(document, "quality-1") if isinstance(b, Chart) and b.name == "ways-1"]
    assert "corrected 45.4% (40.4 to 50.4%); raw 47.4%" in chart.alt


def test_without_labels_the_raw_number_decides_and_the_reader_is_told_what_that_means() -> None:
    document = a_document("hybrid")
    assert "No labels by people on drawn pairs correct it" in words_of(document, "quality-1")
    ways = table_of(document, "quality-1", "The win rate, counted several ways")
    assert [row[:2] for row in ways[:2]] == [
        ["Corrected by people's labels", "unknown: no labels by people on drawn pairs"],
        ["As judge and rules say (raw); this one decides", "47.4% (44.2 to 50.6%)"],
    ]


def test_the_registered_looks_are_named_and_an_early_look_is_explained() -> None:
    said = words_of(a_document("people"), "quality-1")
    assert "registered for the end of day 14, 21 and 28" in said
    assert "first showed it to be good enough on day 21" in said
    charts = [b for b in blocks_of(a_document("people"), "quality-1") if isinstance(b, Chart)]
    assert [c.name for c in charts] == ["corrected-1", "win-rate-1", "ways-1"]
    assert "registered looks" in charts[1].caption


def test_labels_made_skipped_and_missing_add_up_and_their_cost_is_said() -> None:
    document = a_document("people")
    pairs = [row[1] for row in table_of(document, "people-1", "Pairs shown to people")]
    assert pairs == ["412", "372", "9", "31", "742"]
    said = words_of(document, "people-1")
    assert "9.7% of the drawn pairs have no answer" in said
    assert "Each of the days 27 to 28 still waits" in said


def test_critical_replies_are_told_per_thousand_and_on_page_one() -> None:
    document = a_document("people")
    assert "Of 1,000 answers of qwen about 4.0 (1.0 to 7.0)" in words_of(document, "people-1")
    assert warnings_of(document)[0].startswith("People marked 3 of 742 labelled answers of qwen")


def test_no_critical_reply_is_an_upper_limit_not_a_zero() -> None:
    made = with_people(hybrid())
    none = CriticalModel(rate=EstimateModel(value=0.0, low=0.0, high=0.008, n=372), labelled=372)
    card = made.candidates["qwen"].model_copy(update={"critical": none})
    document = of(made.model_copy(update={"candidates": {"qwen": card}}))
    assert "up to 8.0 of 1,000 may be" in words_of(document, "people-1")
    assert warnings_of(document) == []


@pytest.mark.parametrize(
    ("example", "title", "because"),
    [
        ("frozen_by_drift", "Frozen: extend and look again", "something moved under the comparison"),
        ("frozen_by_control", "Frozen: mend the judge or the set-up first", "does not treat equal models as equal"),
    ],
)
def test_a_frozen_verdict_is_said_first(example: str, title: str, because: str) -> None:
    document = a_document(example)
    answer = blocks_of(document, "answer-1")[0]
    assert isinstance(answer, Answer)
    assert answer.words == title
    assert because in answer.sentence
    assert "Stay with gpt-5.1" in answer.sentence


def test_a_falling_candidate_is_a_warning_with_its_level_and_the_limit() -> None:
    (first, *_) = warnings_of(a_document("frozen_by_drift"))
    assert first.startswith(
        "The answers of qwen are getting worse. Its trend ends at 43.1%, its last seven days stand at 44.4%"
    )
    assert "the limit is 45.0%" in first
    assert "good enough on day 21, which no longer holds" in first


def test_evidence_of_another_model_and_late_changes_stand_on_page_one() -> None:
    epoch, changed = warnings_of(a_document("begun_anew"))
    assert epoch.startswith("Evidence before day 12 was of another model (model of qwen) and does not count.")
    assert "17 days and 1,140 conversations" in epoch
    assert changed.startswith("Something that the decision rests on was changed after the start: quality.margin.")


def test_win_rates_on_both_sides_of_the_limit_are_a_warning() -> None:
    made = with_people(hybrid(), win_rate_length_controlled=EstimateModel(value=0.44, low=0.41, high=0.47, n=2000))
    assert "at equal length of the answers 44.0%: they lie on both sides of the limit 45.0%" in words_of(of(made), "quality-1")


def test_the_watchers_and_the_control_are_told() -> None:
    document = a_document("people")
    mix = table_of(document, "drift-1", "Is the mix of requests the same as in the first week?")
    assert [row[:2] for row in mix] == [["2", "the same"], ["3", "worth a look"]]
    assert "reaches 50.3% (44.3 to 56.3%), n = 240 conversations" in words_of(document, "drift-1")
    assert "There is no control" in words_of(a_document("hybrid"), "drift-1")


def test_turns_and_prompt_lengths_are_shown_with_what_they_rest_on() -> None:
    rows = table_of(a_document("people"), "segments-1", "Win rate by turn of the conversation")
    assert rows[1] == ["2 and 3", "47.0% (41.0 to 53.0%)", "610", "900"]
    assert rows[2][1] == "unknown: no grades"


def test_the_worst_day_the_load_and_the_difference_to_the_incumbent_are_told() -> None:
    document = a_document("people")
    worst = table_of(document, "latency-1", "The worst day of qwen")
    assert worst == [["95 of 100: the whole answer", "9", "3.40 s (3.10 to 3.70 s)", "96"]]
    said = words_of(document, "latency-1")
    assert "The candidate saw 10% of all requests. As the only server qwen would see all of it" in said
    assert "came 0.61 s slower than those of gpt-5.1 (difference +0.41 to +0.81 s" in said
    assert "nothing is said against gpt-5.1: the control's offset is above a tenth of the limit." in said


def test_availability_kinds_and_outages_have_intervals() -> None:
    document = a_document("people")
    assert table_of(document, "reliability-1", "How often it was in service") == [["qwen", "99.8% (99.7 to 99.9%)", "3,140"]]
    assert table_of(document, "reliability-1", "Failures by kind")[0][:2] == ["took too long", "qwen"]
    said = words_of(document, "reliability-1")
    assert "The worst day of qwen was day 9" in said
    assert "came in 3 stretches" in said
    assert "as much as 1,744 independent requests" in said


def test_a_move_of_all_names_the_kinds_of_work_that_are_not_shown_alone() -> None:
    made = migrate()
    card = made.candidates["qwen"]
    segments = card.segments | {"triage": card.segments["triage"].model_copy(update={"outcome": GateOutcome.UNKNOWN})}
    document = of(made.model_copy(update={"candidates": {"qwen": card.model_copy(update={"segments": segments})}}))
    assert warnings_of(document)[0].startswith("Not shown to be good enough alone: triage.")
    assert warnings_of(a_document("migrate")) == []
