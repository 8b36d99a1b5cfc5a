"""What stands behind the figures: pictures, assumptions with their sources, and where the report came from."""

from collections.abc import Iterator
from io import BytesIO

from app.reports.document import Chart, Document, Section
from app.reports.figures import UNKNOWN, moment
from app.reports.money_changes import SOURCES
from app.reports.pictures import SCALE, chart_png
from app.reports.view import ReportView
from app.reports.workbook.book import Book, Sheet
from app.reports.workbook.party import Party

_WIDTH = 900
_POINTS_A_PIXEL, _MOST_POINTS = 0.75, 400.0
_SCREEN_DOTS, _METRES_AN_INCH = 96.0, 0.0254
_SHOWN = 0.8


def write_charts(book: Book, document: Document) -> None:
    """The report's pictures, each with its meaning in words."""
    sheet = book.sheet("Charts", (20,) * 7)
    sheet.title(
        "Charts of the report", "Pictures as they were when the report was made; the sheet of money has one that moves."
    )
    for chart in _charts(document.sections):
        sheet.line(chart.title, "strong")
        picture = chart_png(chart.spec, width=_WIDTH)
        options = {
            "image_data": BytesIO(picture),
            "x_scale": _scale(picture),
            "y_scale": _scale(picture),
            "description": f"{chart.title}. {chart.alt}",
            "object_position": 2,
        }
        sheet.made.insert_image(sheet.row, 0, f"{chart.name}.png", options)
        sheet.heights[sheet.row] = _points(picture)
        sheet.row += 1
        sheet.line(chart.caption, "note")
        sheet.row += 1


def _scale(picture: bytes) -> float:
    """The format reckons with the file's own dots per inch."""
    return _shown(picture) * _dots_per_inch(picture) / _SCREEN_DOTS


def _points(picture: bytes) -> float:
    return _height(picture) * _shown(picture) * _POINTS_A_PIXEL + 4


def _shown(picture: bytes) -> float:
    """As large as all pictures, unless a line could not be so high."""
    return min(_SHOWN / SCALE, _MOST_POINTS / (_height(picture) * _POINTS_A_PIXEL))


def _height(png: bytes) -> int:
    """From the head of the file."""
    return int.from_bytes(png[20:24], "big")


def _dots_per_inch(png: bytes) -> float:
    """What the file says of itself; a screen's where it says nothing."""
    at = png.find(b"pHYs", 0, 4096)
    return int.from_bytes(png[at + 4 : at + 8], "big") * _METRES_AN_INCH if at > 0 else _SCREEN_DOTS


def _charts(sections: tuple[Section, ...]) -> Iterator[Chart]:
    for section in sections:
        yield from (block for block in section.blocks if isinstance(block, Chart))
        yield from _charts(section.sections)


def write_assumptions(book: Book, parties: list[Party]) -> None:
    """Each input with its source; what is assumed where something is moved."""
    sheet = book.sheet("Assumptions", (22, 44, 18, 16, 16, 22, 18, 60))
    sheet.title(
        "Assumptions",
        "What each figure of money rests on. Nothing is filled in by a figure of a guide; such are only shown beside.",
    )
    sheet.header(("Candidate", "Input", "Value", "Low", "High", "Unit", "Source", "Citation"), (2, 3, 4))
    for party in parties:
        for each in party.cost.inputs:
            sheet.text(0, party.candidate)
            sheet.text(1, each.name)
            for column, value in enumerate((each.value, each.low, each.high), 2):
                if value is not None or column == 2:  # noqa: PLR2004 - the value itself
                    sheet.value(column, value, "exact")
            sheet.text(5, each.unit)
            sheet.text(6, SOURCES[each.source])
            sheet.text(7, each.citation)
            sheet.row += 1
    _write_scenarios(sheet, parties)


def _write_scenarios(sheet: Sheet, parties: list[Party]) -> None:
    if not any(party.cost.scenarios for party in parties):
        return
    sheet.heading("Scenarios of the report, with their draws", 8)
    sheet.header(("Candidate", "If", "Saving a month", "Low", "High", "Chance that it saves", "n", ""), range(2, 7))
    for party in parties:
        for each in party.cost.scenarios:
            found = each.saving_usd_per_month
            sheet.text(0, party.candidate)
            sheet.text(1, each.words)
            for column, value in enumerate((found.value, found.low, found.high), 2):
                sheet.value(column, value, "usd")
            sheet.value(5, each.probability_saving_positive, "percent")
            sheet.value(6, found.n, "count")
            sheet.row += 1


def write_about(book: Book, view: ReportView, parties: list[Party]) -> None:
    """Where the report came from, and what this file holds."""
    document, origin = view.document, view.provenance
    sheet = book.sheet("About", (34, 90))
    sheet.title(
        "About this workbook",
        "Made by Parallel Pilot from a frozen report. It has no macros, no links and asks nothing of any network.",
    )
    draws = {party.cost.draws for party in parties if party.cost.draws}
    facts = {
        "Report": f"number {view.report_id}" if view.report_id is not None else "not stored",
        "Kind": f"{origin.kind.value.replace('_', ' ')} {origin.period}".strip(),
        "Made at": moment(document.made_at, document.timezone),
        "Made by": origin.by or UNKNOWN,
        "Looked at again by": moment(origin.expires_at, document.timezone) if origin.expires_at is not None else "nobody said",
        "Fingerprint of the data (SHA-256)": document.data_hash,
        "Version of the service": origin.code_version or UNKNOWN,
        "Fingerprint of the program (SHA-256)": origin.program_hash or UNKNOWN,
        "Seeds": ", ".join(f"{name} {seed}" for name, seed in sorted(origin.seeds.items())) or UNKNOWN,
        "Draws of the money": ", ".join(f"{each:,}" for each in sorted(draws)) or "none",
        "Times": document.timezone,
        "Texts of production": "none: this file has figures only",
    }
    for name, value in facts.items():
        sheet.text(0, name, "strong")
        sheet.text(1, value)
        sheet.row += 1
    sheet.row += 1
    for text in (
        "Yellow cells may be changed. The sheets with them are protected without a password: Review, Unprotect Sheet.",
        "Formulas move points. Ranges, chances and everything on other sheets stay as the report has them.",
        "Cells have names (requests, gpu_usd, saving_usd, …): Formulas, Name Manager. Those of a second candidate end in _2.",
    ):
        sheet.line(text)
