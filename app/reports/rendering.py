"""The formats in which a report is given."""

import json
from collections.abc import Callable
from typing import NamedTuple

from app.errors import InvalidInput, Problem
from app.reports.document import Document
from app.reports.html import render_html
from app.reports.markdown import render_markdown


class Rendered(NamedTuple):
    """A report in one format."""

    text: str
    media_type: str


def render_json(document: Document) -> str:
    """The scorecard that the report was made from, as the API gives it."""
    return json.dumps(document.scorecard, ensure_ascii=False, indent=2) + "\n"


FORMATS: dict[str, tuple[Callable[[Document], str], str]] = {
    "html": (render_html, "text/html; charset=utf-8"),
    "md": (render_markdown, "text/markdown; charset=utf-8"),
    "json": (render_json, "application/json"),
}


def render(document: Document, format_name: str) -> Rendered:
    """The report in a format; `InvalidInput` names the available ones if there is none of that name."""
    if format_name not in FORMATS:
        message = f"no report format {format_name!r} in this version; available: {', '.join(FORMATS)}"
        raise InvalidInput(message, (Problem(message, field="format"),), available=list(FORMATS))
    make, media_type = FORMATS[format_name]
    return Rendered(make(document), media_type)
