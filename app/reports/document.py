"""The one document model of a report: frozen values that every renderer reads and nobody computes with.

All text is plain text; renderers escape it for their format.
"""

# Parts are handed on from here.
# ruff: noqa: PLC0414

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from app.domain.words import GateOutcome, Outcome
from app.reports.pack.model import Leadership
from app.reports.part import Fact as Fact
from app.reports.part import Part as Part

DOCUMENT_VERSION = 1


class Paragraph(Part):
    """A paragraph; `note` is an aside, `warning` something that a reader must not miss."""

    kind: Literal["paragraph"] = "paragraph"
    text: str
    tone: Literal["plain", "note", "warning"] = "plain"


class Bullets(Part):
    """A list under a small heading."""

    kind: Literal["bullets"] = "bullets"
    title: str
    items: tuple[str, ...]
    when_empty: str = ""


class Facts(Part):
    """A row of facts."""

    kind: Literal["facts"] = "facts"
    items: tuple[Fact, ...]


class Cell(Part):
    """A cell; `outcome` puts the sign of a gate before the word, `arm` the arm's colour.

    `address` = a page of the service that the text leads to, from its root: `/pilots/…`.
    """

    text: str
    outcome: GateOutcome | None = None
    arm: int | None = None
    address: str | None = None


class Table(Part):
    """A table whose first column names each row.

    Attributes:
        numeric: How many columns from the right hold numbers.
        has_total: The last row is the sum of the others.
    """

    kind: Literal["table"] = "table"
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: int = 0
    has_total: bool = False
    note: str = ""


class Chart(Part):
    """A Vega-Lite chart with its meaning in words; `data` are its numbers, `None` if a table beside it has them."""

    kind: Literal["chart"] = "chart"
    name: str
    title: str
    spec: dict[str, Any]
    alt: str
    caption: str
    data: Table | None


class Answer(Part):
    """The verdict on one candidate in words; `arm` chooses its colour."""

    kind: Literal["answer"] = "answer"
    candidate: str
    model: str
    arm: int
    outcome: Outcome
    words: str
    sentence: str
    provisional: str = ""
    is_final: bool = False


Block = Annotated[Paragraph | Bullets | Facts | Table | Chart | Answer, Field(discriminator="kind")]


class Section(Part):
    """A heading with what stands under it; `slug` is its address within the page."""

    slug: str
    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple["Section", ...] = ()


class Summary(Part):
    """What a list of reports shows of one."""

    pilot: str
    as_of: datetime | None
    day: int
    days: int
    production_requests: int
    captured: int
    answers: tuple[Answer, ...]


class Document(Part):
    """A whole report; `scorecard` is the JSON that it was made from, `leadership` page one of each candidate, later added."""

    version: int = DOCUMENT_VERSION
    title: str
    subtitle: str
    timezone: str
    made_at: datetime
    data_hash: str
    summary: Summary
    sections: tuple[Section, ...]
    scorecard: dict[str, Any]
    leadership: tuple[Leadership, ...] = ()


def cells(*texts: str | Cell) -> tuple[Cell, ...]:
    """A row of cells from plain texts and cells."""
    return tuple(text if isinstance(text, Cell) else Cell(text=text) for text in texts)
