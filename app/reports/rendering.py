"""The formats in which a report is given.

What only files need is imported when the first of them is asked for: the API starts sooner.
"""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

from app.errors import InvalidInput, Problem
from app.reports.html import render_html
from app.reports.markdown import render_markdown
from app.reports.pack.fixed_zip import zipped
from app.reports.pack.sections import whole_sections
from app.reports.view import ReportView

PACK = "zip"


class Rendered(NamedTuple):
    """A report in one format."""

    content: bytes
    media_type: str


class Format(NamedTuple):
    """How a format is made; `is_text` = a browser shows it, else it is saved as a file."""

    render: Callable[[ReportView], bytes]
    media_type: str
    is_text: bool = False


def render_json(view: ReportView) -> bytes:
    """The scorecard that the report was made from, as the API gives it."""
    return (json.dumps(view.document.scorecard, ensure_ascii=False, indent=2) + "\n").encode()


def _html(view: ReportView) -> bytes:
    return render_html(view.document, sections=whole_sections(view)).encode()


def _markdown(view: ReportView) -> bytes:
    return render_markdown(view.document, whole_sections(view)).encode()


def _pdf(view: ReportView) -> bytes:
    from app.reports.pdf import render_pdf  # noqa: PLC0415

    return render_pdf(view)


def _workbook(view: ReportView) -> bytes:
    from app.reports.workbook.render import render_workbook  # noqa: PLC0415

    return render_workbook(view)


def _slides(view: ReportView) -> bytes:
    from app.reports.slides import render_slides  # noqa: PLC0415

    return render_slides(view)


def each_format(view: ReportView) -> Iterator[tuple[str, bytes]]:
    """The report in every format but the zip that holds them all."""
    yield from ((name, each.render(view)) for name, each in FORMATS.items() if name != PACK)


def _pack(view: ReportView) -> bytes:
    """All formats in one file, named by pilot and day."""
    summary = view.document.summary
    return zipped({f"{summary.pilot}-day-{summary.day}.{name}": content for name, content in each_format(view)})


FORMATS: dict[str, Format] = {
    "html": Format(_html, "text/html; charset=utf-8", is_text=True),
    "md": Format(_markdown, "text/markdown; charset=utf-8", is_text=True),
    "json": Format(render_json, "application/json", is_text=True),
    "pdf": Format(_pdf, "application/pdf"),
    "xlsx": Format(_workbook, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "pptx": Format(_slides, "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    PACK: Format(_pack, "application/zip"),
}


def render(view: ReportView, format_name: str) -> Rendered:
    """The report in a format; `InvalidInput` names the available ones if there is none of that name."""
    if format_name not in FORMATS:
        message = f"no report format {format_name!r} in this version; available: {', '.join(FORMATS)}"
        raise InvalidInput(message, (Problem(message, field="format"),), available=list(FORMATS))
    chosen = FORMATS[format_name]
    return Rendered(chosen.render(view), chosen.media_type)
