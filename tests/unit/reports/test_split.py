"""The report's section on what would move: a row a kind of work, blended cost and quality, suggestions that move nothing."""

from decimal import Decimal
from typing import Any

import pytest

from app.domain.estimate_models import EstimateModel, MoneyEstimate
from app.domain.scorecard import VerdictModel
from app.domain.split import FrontierPoint, KindModel, SplitModel, SplitSegment
from app.domain.words import Outcome
from app.reports.context import Subject
from app.reports.document import Facts, Paragraph, Section, Table
from app.reports.html import render_html
from app.reports.markdown import render_markdown
from app.reports.split import split_sections
from tests.unit.reports.examples import a_candidate, a_document, a_full_configuration, a_scorecard, a_verdict, hybrid
from tests.unit.reports.test_verdict_words import of


def usd(amount: str | None) -> MoneyEstimate:
    return MoneyEstimate(value=Decimal(amount) if amount is not None else None)


def kind(name: str, *, holds: bool, bill: str | None) -> KindModel:
    return KindModel(
        name=name, conversations=400, bound=0.47 if holds else 0.31, holds=holds, incumbent_usd_per_month=usd(bill)
    )


SPLIT = SplitModel(
    moved=["triage"],
    stays=["extraction", "other"],
    left_out=["extraction"],
    words="triage may move; everything else stays with the incumbent.",
    segments=[
        SplitSegment(
            name="extraction", moves=False, why="its quality passes, but more is saved if it stays", requests_per_month=9000.4,
            win_rate=EstimateModel(value=0.5, low=0.46, high=0.54, n=790), incumbent_usd_per_month=usd("400"),
            candidate_usd_per_month=usd("460"), saving_beside_usd_per_month=usd("-60"),
        ),
        SplitSegment(name="triage", moves=True, why="its quality passes", incumbent_usd_per_month=usd(None)),
    ],
    moved_share_of_requests=0.25,
    incumbent_usd_per_month=usd("1000"),
    blended_usd_per_month=usd("820.5"),
    saving_usd_per_month=usd("179.5"),
    blended_win_rate=EstimateModel(value=0.5125, low=0.49, high=0.53, n=1401, confidence=0.9),
    frontier=[
        FrontierPoint(moved=["triage"], saving_usd_per_month=Decimal("179.5"), share_of_requests=0.25),
        FrontierPoint(moved=["extraction", "triage"], saving_usd_per_month=Decimal("119.5"), share_of_requests=0.75),
    ],
    by_turn=[kind("1", holds=True, bill="88"), kind("7+", holds=False, bill=None)],
    suggestions=["Of turns the candidate holds at '1'."],
)  # fmt: skip


def section(split: SplitModel) -> Section:
    card = hybrid().candidates["qwen"].model_copy(update={"split": split})
    (found,) = split_sections(Subject("qwen", 1, card, hybrid(), a_full_configuration()))
    return found


def rows(of_section: Section, caption: str) -> list[list[str]]:
    (table,) = [block for block in of_section.blocks if isinstance(block, Table) and block.caption == caption]
    return [[cell.text for cell in row] for row in table.rows]


def test_each_kind_of_work_has_a_row_with_what_its_moving_adds() -> None:
    assert rows(section(SPLIT), "The split by kind of work") == [
        ["extraction", "gpt-5.1", "its quality passes, but more is saved if it stays", "9,000",
         "50.0% (46.0 to 54.0%), n = 790", "$400", "$460", "-$60"],
        ["triage", "qwen", "its quality passes", "unknown", "unknown", "unknown", "unknown", "unknown"],
    ]  # fmt: skip


def test_blended_cost_and_quality_say_what_they_rest_on() -> None:
    (facts,) = [block for block in section(SPLIT).blocks if isinstance(block, Facts)]
    assert [(fact.label, fact.value) for fact in facts.items] == [
        ("Cost a month with this split", "$820"),
        ("Saving a month by this split", "$180"),
        ("Win rate of all traffic with this split", "51.2%"),
        ("Requests that would move", "25.0%"),
    ]
    assert "gpt-5.1 alone costs $1,000" in facts.items[0].detail
    assert facts.items[1].detail.endswith("No range was computed.")
    drawn = MoneyEstimate(value=Decimal("179.5"), low=Decimal(120), high=Decimal(240), n=900)
    card = hybrid().candidates["qwen"]
    cost = card.cost.model_copy(update={"saving_of_split_usd_per_month": drawn, "draws": 100_000})
    subject = Subject("qwen", 1, card.model_copy(update={"split": SPLIT, "cost": cost}), hybrid(), a_full_configuration())
    (facts,) = [block for block in split_sections(subject)[0].blocks if isinstance(block, Facts)]
    assert facts.items[1].detail.endswith("95% of 100,000 draws lie at $120 to $240; n = 900 conversations.")


def test_the_blended_win_rate_says_what_it_rests_on() -> None:
    (facts,) = [block for block in section(SPLIT).blocks if isinstance(block, Facts)]
    assert "49.0 to 53.0%, 90% sure; 1,401 conversations" in facts.items[2].detail


def test_fewer_kinds_and_turns_are_tables_and_a_suggestion_is_a_note() -> None:
    found = section(SPLIT)
    assert rows(found, "The best split by how many kinds move") == [
        ["1", "triage", "25.0%", "$180"], ["2", "extraction and triage", "75.0%", "$120"],
    ]  # fmt: skip
    assert rows(found, "Where the candidate holds, by turn of the conversation") == [
        ["first", "yes", "47.0%", "400", "$88"], ["7 and later", "not shown", "31.0%", "400", "unknown"],
    ]  # fmt: skip
    notes = [block.text for block in found.blocks if isinstance(block, Paragraph) and block.tone == "note"]
    assert notes == SPLIT.suggestions


def test_without_a_split_there_is_no_section_and_without_moves_no_blend() -> None:
    assert "What would move" not in render_markdown(a_document("hybrid"))
    nothing = SPLIT.model_copy(update={"moved": [], "frontier": [], "by_turn": [], "words": "No kind passes."})
    found = section(nothing)
    assert not [block for block in found.blocks if isinstance(block, Facts)]
    assert len([block for block in found.blocks if isinstance(block, Table)]) == 1


def test_every_format_shows_it() -> None:
    card = hybrid()
    candidate = card.candidates["qwen"].model_copy(update={"split": SPLIT})
    document = of(card.model_copy(update={"candidates": {"qwen": candidate}}))
    for text in (render_markdown(document), render_html(document)):
        assert "What would move, and what stays" in text
        assert "more is saved if it stays" in text


def a_no(**replaced: Any) -> VerdictModel:
    return a_verdict(Outcome.DONT_MIGRATE, **replaced)


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (["quality_fails", "neither_fits"], "Neither option is fit: the data must stay"),
        (["quality_fails"], "Stay with gpt-5.1."),
    ],
)
def test_page_one_says_that_neither_option_is_fit(codes: list[str], said: str) -> None:
    document = of(a_scorecard({"qwen": a_candidate(a_no(reason_codes=codes))}))
    assert said in document.summary.answers[0].sentence


def test_the_legal_basis_stands_with_what_was_registered() -> None:
    card = hybrid()
    registration = card.registration.model_copy(update={"legal_basis": "contract: DPA of 2026-03-01"})
    text = render_markdown(of(card.model_copy(update={"registration": registration})))
    assert "legal basis on which a vendor is asked all the same: contract: DPA of 2026-03-01." in text
    assert "legal basis" not in render_markdown(of(card))
