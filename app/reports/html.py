"""A report as one HTML page that loads nothing and runs nothing."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.reports.document import Chart, Document, Section, Table
from app.reports.look import stylesheet
from app.reports.palette import arm_class
from app.reports.svg import chart_svg
from app.reports.wording import GATE_SIGNS

TEMPLATES = Path(__file__).with_name("templates")
WIDE, NARROW = 900, 344
MOST_COLUMNS, LONGEST_CELL = 3, 16


def content_security_policy() -> str:
    """The policy of a report: nothing but its own style sheet, known by its hash."""
    digest = base64.b64encode(hashlib.sha256(stylesheet().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def render_html(document: Document, *, sections: Sequence[Section] | None = None, home: str | None = None) -> str:
    """The page as text.

    Args:
        document: What it says.
        sections: All that this reader may see (`whole_sections`); by itself those of the document.
        home: Address of the page that it belongs to, if it is shown among others.
    """
    template = _environment().get_template("report.html")
    style = Markup(stylesheet())  # noqa: S704 - our own
    shown = {"document": document, "sections": document.sections if sections is None else sections}
    return template.render(**shown, home=home, style=style, policy=content_security_policy())


@cache
def _environment() -> Environment:
    return make_environment(TEMPLATES)


def make_environment(*folders: Path) -> Environment:
    """Templates with escaping and the words and signs of reports; an unknown name in one is an error."""
    made = Environment(
        loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals.update(arm_class=arm_class, gate_signs=GATE_SIGNS, drawing=_drawing, is_wide=_is_wide)
    return made


def _drawing(chart: Chart, size: str) -> Markup:
    """The SVG is made from numbers and escaped text by the chart library."""
    width = WIDE if size == "wide" else NARROW
    return Markup(chart_svg(chart.spec, name=f"{chart.name}-{size}", width=width))  # noqa: S704


def _is_wide(table: Table) -> bool:
    """Whether its rows become cards on a narrow screen: many columns, or long texts in them."""
    longest = max((len(cell.text) for row in table.rows for cell in row[1:]), default=0)
    return len(table.columns) > MOST_COLUMNS or (len(table.columns) == MOST_COLUMNS and longest > LONGEST_CELL)
