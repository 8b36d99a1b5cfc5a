"""The PDF: tagged as PDF/UA-1, page one alone, nothing from outside is markup, the same bytes each time."""

import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from pypdf import PdfReader

from app.domain.report import Decision, Provenance
from app.domain.words import Outcome
from app.reports.document import Section, Table, cells
from app.reports.letters import BREAK, FONTS, breakable, letters, shown
from app.reports.pdf import render_pdf
from app.reports.pdf_columns import GUTTER_POINTS, PAGE_POINTS, columns_of
from app.reports.view import ReportView
from tests.unit.reports.examples import MADE_AT, SCORECARDS, a_document
from tests.unit.reports.hostile_example import a_hostile_view

ORIGIN = Provenance(by="ada@example.com", expires_at=MADE_AT + timedelta(days=90), code_version="0.7.0", seeds={"money": 1})


@cache
def whole() -> PdfReader:
    return PdfReader(io.BytesIO(render_pdf(ReportView(a_document("people"), report_id=7, provenance=ORIGIN))))


def text_of(reader: PdfReader, page: int) -> str:
    return " ".join(reader.pages[page].extract_text().replace(BREAK, "").split())


def without_evidence(example: str, **more: Any) -> ReportView:
    return ReportView(a_document(example).model_copy(update={"sections": ()}), **more)


def tags_of(reader: PdfReader) -> Iterator[dict[str, Any]]:
    """All elements of the structure tree."""
    root: Any = reader.trailer["/Root"]
    waiting = [root["/StructTreeRoot"]]
    while waiting:
        element = waiting.pop().get_object()
        if isinstance(element, list):
            waiting += element
        elif isinstance(element, dict):
            if "/S" in element:
                yield element
            waiting += [element["/K"]] if "/K" in element else []


@pytest.mark.parametrize("example", SCORECARDS)
def test_page_one_of_each_candidate_carries_the_decision_alone(example: str) -> None:
    view = without_evidence(example, provenance=ORIGIN)
    reader = PdfReader(io.BytesIO(render_pdf(view)))
    pages = view.document.leadership
    for place, page in enumerate(pages):
        text = text_of(reader, place)
        assert f"The decision on {page.candidate}" in text
        assert page.words in text
        assert page.outcome.value in text
        assert "Who decides" in text
        assert "The answer holds until 28 Feb 2027" in text
        assert f"Page {place + 1} of" in text
        assert "Contents" not in text
    assert "Contents" in text_of(reader, len(pages))


def test_a_signature_stands_where_the_lines_for_it_were() -> None:
    signed = Decision(
        id=1, report_id=7, candidate="qwen", verdict=Outcome.HYBRID, outcome=Outcome.DONT_MIGRATE, signed_name="Grace Hopper",
        signed_role="CTO", reason="Not this quarter.", expires_at=None, data_hash="x", record_hash="cd" * 32, by="g",
        signed_at=MADE_AT,
    )  # fmt: skip
    text = text_of(PdfReader(io.BytesIO(render_pdf(without_evidence("hybrid", decisions=[signed])))), 0)
    assert "Grace Hopper CTO DONT_MIGRATE" in text
    assert "Who decides" not in text


def test_it_says_what_it_is_to_a_screen_reader() -> None:
    reader = whole()
    root: Any = reader.trailer["/Root"]
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == ("en", True)
    assert reader.metadata is not None
    assert reader.metadata.title == "support-bot: can qwen replace gpt-5.1?"
    assert "pdfuaid:part" in root["/Metadata"].get_object().get_data().decode()
    tags = list(tags_of(reader))
    alternatives = [tag["/Alt"] for tag in tags if tag["/S"] == "/Figure" and "/Alt" in tag]
    assert len(alternatives) >= 8
    assert all(len(words) > 20 for words in alternatives)
    kinds = {tag["/S"] for tag in tags}
    assert {"/H1", "/H2", "/Table", "/TH", "/TD", "/THead", "/L", "/TOC", "/Link"} <= kinds


def test_pages_are_numbered_and_the_contents_lead_to_them() -> None:
    reader = whole()
    last = len(reader.pages)
    assert f"Page {last} of {last}" in text_of(reader, last - 1)
    assert len(reader.pages[1].get("/Annots", [])) >= 15
    assert "SHA-256" in " ".join(text_of(reader, place) for place in range(2, last))


def test_text_from_outside_is_text() -> None:
    reader = PdfReader(io.BytesIO(render_pdf(a_hostile_view())))
    every = "".join(text_of(reader, place) for place in range(4))
    assert '#eval("1+1") $x^2$ *bold* _it_ `raw` @ref <label> \\ #import "/etc/passwd": *' in every
    assert "Who decides" in text_of(reader, 0)
    assert "Contents" in text_of(reader, 1)
    assert "▯" in every


def test_the_same_view_gives_the_same_bytes() -> None:
    assert render_pdf(without_evidence("migrate")) == render_pdf(without_evidence("migrate"))


def test_columns_have_room_for_their_words_and_together_for_the_page() -> None:
    long = "Organisation/Some-Very-Long-Model-Name-72B-Instruct-2026-11-AWQ"
    table = Table(caption="c", columns=("Conversations",) * 12, rows=(cells(*[long] * 12), cells(*["1,234"] * 12)))
    for each in (table, Table(caption="c", columns=("A", "B"), rows=(cells("x", "y " * 400),))):
        columns = columns_of(each)
        assert sum(columns.points) + GUTTER_POINTS * (len(columns.points) - 1) <= PAGE_POINTS + 0.5
        for place, points in enumerate(columns.points):
            words = [word for row in each.rows for word in breakable(row[place].text, columns.longest_word).split(BREAK)]
            assert all(letters().width(part, columns.size) <= points for word in words for part in word.split())


def test_letters_that_no_font_has_are_boxes_and_what_cannot_be_seen_goes() -> None:
    assert shown("a😀\x07\u202eb✓é—κ") == "a▯b✓é—κ"
    assert breakable("x" * 20, 16).replace(BREAK, "") == "x" * 20
    assert BREAK not in breakable("sixteen letters-", 16)
    assert letters().width("iiii", 10) < letters().width("WWWW", 10) < letters(bold=True).width("WWWW", 10) + 1e-9


def test_the_fonts_are_those_of_their_sums() -> None:
    told = (FONTS / "FONTS.md").read_text()
    for font in sorted(FONTS.glob("*.ttf")):
        assert f"`{font.name}`" in told
        assert hashlib.sha256(font.read_bytes()).hexdigest() in told


def test_a_report_without_page_one_begins_with_its_answers() -> None:
    document = a_document("nothing_imported").model_copy(update={"leadership": ()})
    small = document.model_copy(update={"sections": tuple(Section(slug=s.slug, title=s.title) for s in document.sections[:2])})
    text = text_of(PdfReader(io.BytesIO(render_pdf(ReportView(small)))), 0)
    assert document.title in text
    assert "The answer on qwen" in text
