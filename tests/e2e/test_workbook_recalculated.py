"""The workbook recalculated by LibreOffice: as the report says, and with changed inputs as the product's own formula says."""

import shutil
import subprocess
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from app.costs.break_even import break_even_requests
from app.costs.month_model import Factors, month_of
from app.costs.stored_month import model_of
from app.reports.rendering import render
from app.reports.view import ReportView
from app.reports.workbook.money_sheet import AS_REPORTED, CHANGED
from tests.unit.reports.workbook_examples import all_kinds, costs, without_charts

SOFFICE = shutil.which("soffice")
pytestmark = pytest.mark.skipif(
    SOFFICE is None, reason="no soffice: apt-get install -y --no-install-recommends libreoffice-calc"
)
# A profile in which every file is recalculated when it is opened.
PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
VOLUME, GPU_USD, HOURS, PRICE = 1.7, 2.75, 31.0, "10"


def named(book: Any, name: str) -> Any:
    ((sheet, cell),) = book.defined_names[name].destinations
    return book[sheet][cell]


def changed(content: bytes) -> bytes:
    """Other volume, rent and hours for every candidate, and the price that nobody knew."""
    book = openpyxl.load_workbook(BytesIO(content))
    for place, (name, cost) in enumerate(costs().items(), 1):
        ending = "" if place == 1 else f"_{place}"
        assert cost.model is not None
        named(book, f"requests{ending}").value *= VOLUME
        named(book, f"upkeep_hours{ending}").value = HOURS
        if name != "by token":
            named(book, f"gpu_usd{ending}").value = GPU_USD
        if name == "unpriced":
            (row,) = (row for row in book["Money unpriced"].iter_rows() if str(row[0].value).endswith(": output"))
            assert row[2].value is None
            row[2].value = float(PRICE)
    made = BytesIO()
    book.save(made)
    return made.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as made, and in `out` as LibreOffice recalculates them: one start for all."""
    made = tmp_path_factory.mktemp("workbooks")
    kinds = render(ReportView(document=all_kinds()), "xlsx").content
    (made / "kinds.xlsx").write_bytes(kinds)
    (made / "changed.xlsx").write_bytes(changed(kinds))
    (made / "two.xlsx").write_bytes(render(ReportView(document=without_charts("two_candidates")), "xlsx").content)
    user = made / "profile" / "user"
    user.mkdir(parents=True)
    (user / "registrymodifications.xcu").write_text(PROFILE)
    files = sorted(map(str, made.glob("*.xlsx")))
    command = [str(SOFFICE), "--headless", f"-env:UserInstallation={user.parent.as_uri()}", "--convert-to", "xlsx"]
    command += ["--outdir", str(made / "out"), *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert len(list((made / "out").glob("*.xlsx"))) == len(files), done.stdout + done.stderr
    return made


@pytest.mark.parametrize("file", ["kinds.xlsx", "two.xlsx"])
def test_every_formula_gives_what_the_report_computed(folder: Path, file: str) -> None:
    formulas, given = (openpyxl.load_workbook(folder / file, data_only=only) for only in (False, True))
    found = openpyxl.load_workbook(folder / "out" / file, data_only=True)
    wrong, count = [], 0
    for sheet in formulas:
        for cell in (cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"):
            before, after = (book[sheet.title][cell.coordinate].value for book in (given, found))
            count += 1
            if not is_same(before, after):
                wrong.append(f"{sheet.title} {cell.coordinate}: {before!r}, recalculated {after!r}")
    assert count > 300
    assert wrong == []


def is_same(before: Any, after: Any) -> bool:
    """To the cent; an empty text is an empty cell."""
    if isinstance(before, str) or isinstance(after, str) or before is None or after is None:
        return (before or "") == (after or "")
    return bool(abs(before - after) <= max(0.004, 1e-12 * abs(before)))


def test_totals_are_those_of_the_report_and_changed_inputs_give_the_products_own_formula(folder: Path) -> None:
    as_made, moved = (openpyxl.load_workbook(folder / "out" / f"{name}.xlsx", data_only=True) for name in ("kinds", "changed"))
    for place, cost in enumerate(costs().values(), 1):
        ending = "" if place == 1 else f"_{place}"
        assert named(as_made, f"check{ending}").value == AS_REPORTED
        for name, report in (
            ("incumbent_usd", cost.incumbent_usd_per_month.value),
            ("candidate_usd", cost.candidate_usd_per_month.value),
            ("saving_usd", cost.saving_usd_per_month.value),
        ):
            value = named(as_made, f"{name}{ending}").value
            assert value == ("unknown" if report is None else pytest.approx(float(report), abs=0.005))
        assert cost.model is not None
        lines = [
            line.model_copy(update={"usd_per_million_tokens": line.usd_per_million_tokens or Decimal(PRICE)})
            for line in cost.model.incumbent_tokens
        ]
        rent = None if cost.model.is_paid_by_token else Decimal(str(GPU_USD))
        update = {"upkeep_hours_per_month": Decimal(str(HOURS)), "gpu_usd_per_hour": rent, "incumbent_tokens": lines}
        model = model_of(cost.model.model_copy(update=update))
        assert model is not None
        month = month_of(model, Factors(volume=VOLUME))
        for name, expected in (
            ("incumbent_usd", month.incumbent_usd),
            ("candidate_usd", month.candidate_usd),
            ("saving_usd", month.saving_usd),
        ):
            assert named(moved, f"{name}{ending}").value == pytest.approx(float(expected), abs=0.005), (name, place)
        pays = float(break_even_requests(model)[0])
        found = named(moved, f"break_even_requests{ending}").value
        assert found == ("never" if pays == float("inf") else pytest.approx(pays, rel=1e-9))
        assert named(moved, f"check{ending}").value == CHANGED
