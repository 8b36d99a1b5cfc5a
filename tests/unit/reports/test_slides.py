"""Slides: one message each, text that fits its place, pictures with words, the same bytes each time."""

import io
import zipfile
from functools import cache
from typing import Any

import pytest
from pptx import Presentation
from pptx.util import Length

from app.reports.pack.canvas import HEIGHT, WIDTH, Box, Words, fitted, height_of, lines_of
from app.reports.pack.fixed_zip import zipped
from app.reports.slides import render_slides
from app.reports.view import ReportView
from tests.unit.reports.examples import SCORECARDS, a_document
from tests.unit.reports.hostile_example import EVIL, a_hostile_view

SHOWN = ("people", "nothing_imported", "two_candidates", "hostile")


@cache
def deck(example: str) -> Any:
    view = a_hostile_view() if example == "hostile" else ReportView(a_document(example), report_id=7)
    return Presentation(io.BytesIO(render_slides(view)))


def points(length: Length | None) -> float:
    assert length is not None
    return length.pt


@pytest.mark.parametrize("example", SHOWN)
def test_eight_slides_each_with_a_sentence_as_its_title_and_notes(example: str) -> None:
    slides = list(deck(example).slides)
    assert len(slides) == 8
    titles = [slide.shapes.title.text_frame.text for slide in slides]
    assert len(set(titles)) == 8
    assert all(len(title) > 15 for title in titles)
    assert all("Made from (SHA-256)" in slide.notes_slide.notes_text_frame.text for slide in slides)


@pytest.mark.parametrize("example", SHOWN)
def test_nothing_reaches_over_its_place(example: str) -> None:
    for slide in deck(example).slides:
        for shape in slide.shapes:
            left, top, width, height = (points(each) for each in (shape.left, shape.top, shape.width, shape.height))
            assert -0.5 <= left <= left + width <= WIDTH + 0.5, shape.name
            assert -0.5 <= top <= top + height <= HEIGHT + 0.5, shape.name
            if shape.has_text_frame and shape.text_frame.text:
                assert height_of(words_in(shape), width) <= height + 0.5, shape.text_frame.text[:80]


def words_in(shape: Any) -> list[Words]:
    return [
        Words(run.text, run.font.size.pt, bool(run.font.bold), is_bullet=paragraph._p.find(".//{*}buChar") is not None)
        for paragraph in shape.text_frame.paragraphs
        for run in paragraph.runs
    ]


def test_pictures_have_words_and_tables_can_be_edited() -> None:
    shapes = [shape for slide in deck("people").slides for shape in slide.shapes]
    pictures = [shape for shape in shapes if shape.shape_type == 13]
    assert len(pictures) == 3
    assert all(len(picture._element.nvPicPr.cNvPr.get("descr")) > 20 for picture in pictures)
    (table,) = [shape.table for shape in shapes if shape.has_table]
    assert [cell.text for cell in table.rows[0].cells] == ["Role", "Name", "Decision", "Date", "Signature"]


def test_the_slides_are_about_the_answer_that_goes_furthest_and_name_the_others() -> None:
    first = deck("two_candidates").slides[0]
    text = "\n".join(shape.text_frame.text for shape in first.shapes if shape.has_text_frame)
    assert "Move extraction and triage to qwen" in text
    assert "llama-70b: Not enough evidence yet" in text


def test_the_decision_and_its_figures_are_on_the_slides() -> None:
    titles = [slide.shapes.title.text_frame.text for slide in deck("people").slides]
    assert titles[0].startswith("Move these kinds of work, keep the rest. Move extraction and triage to qwen.")
    assert "saves about $5,282 a month" in titles[1]
    assert titles[2] == "Of 1,000 answers of qwen about 261 are worse and 189 better than today's, by people's labels"


def test_the_same_view_gives_the_same_bytes_and_no_clock() -> None:
    view = ReportView(a_document("nothing_imported"))
    made = render_slides(view)
    assert made == render_slides(view)
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert {file.date_time for file in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert zipped({"a": b"1"}) == zipped({"a": b"1"})


def test_text_is_made_smaller_then_cut() -> None:
    box = Box(0, 0, 200, 60)
    assert fitted([Words("short", 14)], box, least=0.6)[0].size == 14
    cut = fitted([Words(EVIL * 3, 14), Words("gone", 14)], box, least=0.6)
    assert (len(cut), cut[0].text[-1]) == (1, "…")
    assert height_of(cut, box.width) <= box.height
    assert lines_of("a b", 500, 12) == 1
    assert lines_of("word " * 50, 100, 12) > 10


def test_every_example_has_a_title_for_each_subject() -> None:
    for example in SCORECARDS:
        for page in a_document(example).leadership:
            assert all(len(text) > 15 for text in page.headlines.model_dump().values()), example
