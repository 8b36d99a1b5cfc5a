"""Page one as blocks of a report, for the page and Markdown."""

from app.reports.document import Block, Bullets, Cell, Facts, Paragraph, Table, cells
from app.reports.pack.model import Leadership
from app.reports.wording import GATE_OUTCOMES

NO_RISK = "None is known beyond those of any change."


def figures_blocks(page: Leadership) -> tuple[Block, ...]:
    """Quality in business words, the service level."""
    counts = (Facts(items=page.quality.counts),) if page.quality.derived else ()
    derived = (Paragraph(text=page.quality.derived, tone="note"),) if page.quality.derived else ()
    return (Paragraph(text=page.quality.sentence), *counts, *derived, service_table(page))


def after_blocks(page: Leadership) -> tuple[Block, ...]:
    """Confidence, what is missing, risks and the way back, where data goes."""
    return (
        Bullets(title=f"How sure this is: {page.confidence_level}", items=page.confidence),
        *_waiting(page),
        Bullets(title="Risks", items=page.risks, when_empty=NO_RISK),
        Bullets(title="The way back", items=page.way_back),
        Bullets(title="What happens next", items=page.plan),
        Bullets(title="Where the data goes", items=page.residency),
    )


def service_table(page: Leadership) -> Table:
    """Candidate, incumbent and limit side by side."""
    return Table(
        caption="Speed and reliability beside the limits",
        columns=("What", page.candidate, page.incumbent, "Limit", "Result"),
        rows=tuple(
            cells(row.what, row.candidate, row.incumbent, row.limit, Cell(text=GATE_OUTCOMES[row.outcome], outcome=row.outcome))
            for row in page.service
        ),
        note=f"In brackets the 95% interval. {page.service_note}".strip(),
    )


def missing_table(page: Leadership) -> Table:
    """What is missing, who gives it, by when."""
    return Table(
        caption="What is missing for an answer",
        columns=("What would change this answer", "Who gives it", "By when"),
        rows=tuple(cells(row.what, row.who, row.by) for row in page.missing),
    )


def _waiting(page: Leadership) -> tuple[Block, ...]:
    return (Bullets(title="What it costs to wait", items=page.waiting),) if page.waiting else ()
