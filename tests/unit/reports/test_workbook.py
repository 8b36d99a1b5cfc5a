"""The workbook as other programs read it: sheets, names, inputs, formulas; text from outside is never a formula."""

from io import BytesIO
from typing import Any
from zipfile import ZipFile

import openpyxl  # type: ignore[import-untyped]
import pytest

from app.domain.report import Provenance
from app.reports.document import Document
from app.reports.rendering import FORMATS, render
from app.reports.view import ReportView
from app.reports.workbook.money_sheet import AS_REPORTED
from tests.unit.reports.workbook_examples import (
    HOSTILE,
    all_kinds,
    costs,
    named_hostile,
    with_money_charts,
    without_charts,
)

EVIDENCE = ["Quality", "Segments", "Latency", "Reliability", "Coverage", "Charts"]
SHEETS = ["Decision", "Money", "Sensitivity", *EVIDENCE, "Assumptions", "About"]


def opened(document: Document, **read: Any) -> Any:
    view = ReportView(document=document, provenance=Provenance(code_version="9.9.9", seeds={"money": 7}, by="ops"))
    return openpyxl.load_workbook(BytesIO(render(view, "xlsx").content), **read)


def named(book: Any, name: str) -> Any:
    """The cell with a name."""
    ((sheet, cell),) = book.defined_names[name].destinations
    return book[sheet][cell]


def texts(sheet: Any) -> list[str]:
    return [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]


def test_sheets_names_and_inputs_are_those_that_are_promised() -> None:
    document = without_charts("hybrid")
    book, values = (opened(document, data_only=only) for only in (False, True))
    assert book.sheetnames == SHEETS
    for name, value in (
        ("requests", 1_284_000),
        ("gpu_usd", 3),
        ("upkeep_hours", 16),
        ("engineer_usd", 90),
        ("other_usd", 500),
    ):
        cell = named(book, name)
        assert cell.value == value
        assert cell.protection.locked is False
        assert cell.fill.fgColor.rgb == "FFFFF2B3"
    assert book["Money"].protection.sheet
    for name in ("incumbent_usd", "candidate_usd", "saving_usd", "replicas", "payback_months", "break_even_requests", "check"):
        cell = named(book, name)
        assert (cell.data_type, cell.protection.locked) == ("f", True)
    assert named(values, "saving_usd").value == 5282.31
    assert named(values, "check").value == AS_REPORTED
    about = texts(book["About"])
    assert {"9.9.9", "money 7", "ops", document.data_hash} <= set(about)


def test_the_file_has_no_macros_and_no_links_and_only_our_formulas() -> None:
    document = named_hostile()
    content = render(ReportView(document=document), "xlsx").content
    with ZipFile(BytesIO(content)) as packed:
        names = packed.namelist()
        parts = b"".join(packed.read(name) for name in names)
    assert not [name for name in names if "vba" in name.lower() or "external" in name.lower()]
    assert b'TargetMode="External"' not in parts
    book = openpyxl.load_workbook(BytesIO(content))
    assert len(book.sheetnames) == len({name.lower() for name in book.sheetnames}) == len(SHEETS) + 1
    assert all(len(name) <= 31 for name in book.sheetnames)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    formulas = [cell.value for cell in cells if cell.data_type == "f"]
    assert not [formula for formula in formulas if "HYPERLINK" in formula or "cmd" in formula or "@" in formula]
    assert HOSTILE in [cell.value for cell in cells if cell.data_type == "s"]
    assert [cell.quotePrefix for cell in cells if cell.value == "+1+cmd|' /C calc'!A0"] == [True] * 5


def test_each_kind_of_candidate_has_its_own_inputs_and_gives_the_reports_month() -> None:
    book, values = (opened(all_kinds(), data_only=only) for only in (False, True))
    for place, (name, cost) in enumerate(costs().items(), 1):
        ending = "" if place == 1 else f"_{place}"
        assert named(values, f"check{ending}").value == AS_REPORTED
        saving = cost.saving_usd_per_month.value
        assert named(values, f"saving_usd{ending}").value == (pytest.approx(float(saving)) if saving is not None else "unknown")
        assert (f"step_requests{ending}" in book.defined_names) == bool(cost.model is not None and cost.model.steps)
        assert (f"gpu_usd{ending}" in book.defined_names) == (name != "by token")
        if cost.break_even_requests_per_month.value is not None:
            pays = named(values, f"break_even_requests{ending}").value
            assert pays == pytest.approx(cost.break_even_requests_per_month.value)
    assert named(values, "break_even_requests_3").value == "never"
    assert "unknown: nobody knows this price" in texts(book["Money unpriced"])
    assert "unknown" in texts(values["Sensitivity"])


@pytest.mark.parametrize("example", ["nothing_imported", "two_candidates"])
def test_what_is_unknown_is_an_empty_input_and_the_word(example: str) -> None:
    book = opened(without_charts(example), data_only=True)
    errors = [cell.value for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "e"]
    assert errors == []
    ending = "_2" if example == "two_candidates" else ""
    assert named(book, f"gpu_usd{ending}").value is None
    assert named(book, f"saving_usd{ending}").value == "unknown"
    assert named(book, f"check{ending}").value == AS_REPORTED


def test_pictures_have_words() -> None:
    content = render(ReportView(document=with_money_charts()), "xlsx").content
    with ZipFile(BytesIO(content)) as packed:
        pictures = [name for name in packed.namelist() if name.startswith("xl/media/")]
        drawings = b"".join(packed.read(name) for name in packed.namelist() if name.startswith("xl/drawings/drawing"))
    assert len(pictures) == 2
    assert drawings.count(b"descr=") == drawings.count(b"<xdr:pic>") + drawings.count(b"<xdr:graphicFrame")
    assert b"From the bill to the saving" in drawings


def test_the_format_is_known() -> None:
    assert FORMATS["xlsx"].media_type.endswith("spreadsheetml.sheet")
