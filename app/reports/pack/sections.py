"""All sections of a report as one reader sees it: its document, pairs, signatures, and where it came from."""

from collections.abc import Iterator

from app.domain.report import Decision
from app.reports import figures
from app.reports.document import Cell, Paragraph, Section, Table, cells
from app.reports.examples import example_sections, with_examples
from app.reports.view import ReportView

SIGNERS = ("Who asks", "Who decides", "Who pays")
LINE = "………………"
WEEK = "week"


def whole_sections(view: ReportView) -> tuple[Section, ...]:
    """The answers, the signatures under them, the evidence with its pairs, the report's origin; at the top a week."""
    sections = with_examples(view.document, example_sections(view))
    week = tuple(section for section in sections if section.slug == WEEK)
    answers = tuple(section for section in sections if is_answer(section))
    rest = tuple(section for section in sections if not is_answer(section) and section.slug != WEEK)
    return (*week, *answers, signatures_section(view), *rest, origin_section(view))


def is_answer(section: Section) -> bool:
    """Whether it is the answer on a candidate, which page one carries."""
    return section.slug.startswith("answer-")


def signatures_section(view: ReportView) -> Section:
    """What was signed, or lines for it."""
    return Section(slug="signatures", title="Signatures", blocks=(*_validity(view), _signatures(view)))


def _validity(view: ReportView) -> tuple[Paragraph, ...]:
    said = [words for words in (asked_by(view), valid_until(view)) if words]
    return (Paragraph(text=" ".join(said)),) if said else ()


def asked_by(view: ReportView) -> str:
    """Who asked for the report; nothing where nobody noted it."""
    return f"Asked for by {view.provenance.by}." if view.provenance.by else ""


def valid_until(view: ReportView) -> str:
    """Until when the answer holds; nothing where nobody said."""
    until = view.provenance.expires_at
    if until is None:
        return ""
    day = figures.local_time(until, view.document.timezone).split(",")[0]
    return f"The answer holds until {day}; after that prices and models may have moved, and it is to be looked at again."


def _signatures(view: ReportView) -> Table:
    timezone = view.document.timezone
    if view.decisions:
        rows = tuple(
            cells(
                each.signed_name,
                each.signed_role,
                f"{each.candidate}: {decided(each, timezone)}",
                each.reason or figures.NOTHING,
                figures.local_time(each.signed_at, timezone),
                Cell(text=each.record_hash[:16]),
            )
            for each in view.decisions
        )
        columns = ("Name", "Role", "Decided", "Reason", "Signed", "Record")
        return Table(caption="Signed", columns=columns, rows=rows, note="Record: the beginning of the entry's fingerprint.")
    rows = tuple(cells(role, LINE, LINE, LINE, LINE) for role in SIGNERS)
    return Table(caption="To be signed", columns=("Role", "Name", "Decision", "Date", "Signature"), rows=rows)


def decided(decision: Decision, timezone: str) -> str:
    """What was decided, whether the report says otherwise, and until when it holds."""
    other = " (other than the report says)" if decision.is_override else ""
    until = decision.expires_at
    holds = f", until {figures.local_time(until, timezone).split(',')[0]}" if until is not None else ""
    return f"{decision.outcome.value}{other}{holds}"


def origin_section(view: ReportView) -> Section:
    """Where the report came from, so that somebody else can make it again."""
    rows = tuple(_origin(view))
    table = Table(caption="What made it", columns=("What", "Value"), rows=tuple(cells(*row) for row in rows))
    return Section(slug="origin", title="Where this report came from", blocks=(table,))


def _origin(view: ReportView) -> Iterator[tuple[str, str]]:
    document, origin = view.document, view.provenance
    kind = origin.kind.value.replace("_", " ")
    if view.report_id is not None:
        yield "Report", f"number {view.report_id}, {kind} {origin.period}".strip()
    yield "Made", figures.moment(document.made_at, document.timezone)
    if origin.by:
        yield "Asked for by", origin.by
    yield "Made from (SHA-256)", document.data_hash
    if origin.code_version:
        yield "Version of the program", origin.code_version
    if origin.program_hash:
        yield "Program and libraries (SHA-256)", origin.program_hash
    for drew, seed in sorted(origin.seeds.items()):
        yield f"Seed of {drew}", str(seed)
