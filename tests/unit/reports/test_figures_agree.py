"""One report, every format: the saving, quality and time that decide are the same figures everywhere."""

import io
import json
import re
from functools import cache

import openpyxl  # type: ignore[import-untyped]
import pypdf
import pytest
from pptx import Presentation

from app.domain.estimate_models import EstimateModel
from app.reports.build import build_document
from app.reports.rendering import render
from app.reports.view import ReportView
from tests.unit.reports.examples import HOURS, MADE_AT, a_full_configuration, plain_hybrid
from tests.unit.reports.test_money_report import a_full_cost, between

# What a leader decides on: the saving of the kinds that move, its chance, its payback, quality, time and failures.
SAID = (
    "$3,085", "$1,900 to $4,100", "99.1%", "1.4 months", "1.0 to never", "261", "214 to 308", "2.14 s", "1.94 to 2.35 s",
    "0.57%", "0.37 to 0.91%",
)  # fmt: skip


@cache
def view() -> ReportView:
    card = plain_hybrid()
    cost = a_full_cost(
        saving_of_split_usd_per_month=between(3085, 1900, 4100),
        probability_split_saving_positive=0.991,
        payback_of_split_months=EstimateModel(value=1.4, low=1.0, n=900, method="monte_carlo"),
    )
    candidates = {"qwen": card.candidates["qwen"].model_copy(update={"cost": cost})}
    return ReportView(
        build_document(card.model_copy(update={"candidates": candidates}), a_full_configuration(), HOURS, MADE_AT)
    )


@cache
def content(name: str) -> bytes:
    return render(view(), name).content


def words_of(name: str) -> str:
    if name == "pptx":
        slides = Presentation(io.BytesIO(content(name))).slides
        text = " ".join(shape.text_frame.text for slide in slides for shape in slide.shapes if shape.has_text_frame)
    elif name == "pdf":
        text = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content(name))).pages[:3])
    else:
        text = content(name).decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


@pytest.mark.parametrize("name", ["md", "html", "pptx", "pdf"])
def test_the_deciding_figures_stand_in_every_text_with_their_ranges(name: str) -> None:
    text = words_of(name)
    assert [figure for figure in SAID if figure not in text] == []


def test_workbook_and_data_hold_the_same_figures() -> None:
    rows = openpyxl.load_workbook(io.BytesIO(content("xlsx")), data_only=True)["Decision"].iter_rows(values_only=True)
    sheet = {row[0]: row[1:4] for row in rows if row[0]}
    card = json.loads(content("json"))["candidates"]["qwen"]
    saving, time = card["cost"]["saving_of_split_usd_per_month"], card["latency"]["total_seconds"]["p95"]["candidate"]
    money = tuple(float(saving[end]) for end in ("value", "low", "high"))
    assert sheet["Saving of the split, a month"] == money == (3085, 1900, 4100)
    assert sheet["Chance that the split saves money"][0] == card["cost"]["probability_split_saving_positive"] == 0.991
    assert sheet["95 of 100 answers, candidate"] == pytest.approx(tuple(time[end] for end in ("value", "low", "high")))
    assert sheet["By the split paid back after"] == (1.4, 1.0, "unknown")
    assert f"{1000 * card['shares']['by_people']['worse']['value']:.0f}" == "261"
