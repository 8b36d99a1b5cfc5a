"""A report as slides: one message each, its figure in the title, text that people can edit, what it rests on in the notes."""

from collections.abc import Iterator
from datetime import UTC
from typing import NamedTuple

from app.domain.words import GateOutcome, Outcome
from app.reports import figures
from app.reports.document import Chart, Document, Section
from app.reports.pack.canvas import FOOT, LEFT, RIGHT, TOP, Box, Deck, Words
from app.reports.pack.fixed_zip import with_fixed_times
from app.reports.pack.model import Leadership, Service
from app.reports.pack.money_words import OF_PART
from app.reports.pack.sections import SIGNERS, asked_by, decided, valid_until
from app.reports.pack.service_words import NO_LIMIT
from app.reports.palette import QUIET, TEXT, arm_ink
from app.reports.part import Fact
from app.reports.pictures import chart_png
from app.reports.view import ReportView
from app.reports.wording import GATE_OUTCOMES, GATE_SIGNS

# Whose answer the slides are about, where there are several.
FIRST = (Outcome.MIGRATE, Outcome.HYBRID, Outcome.EXTEND, Outcome.DONT_MIGRATE)
WIDE = RIGHT - LEFT
HALF = WIDE / 2 - 12
MIDDLE = LEFT + WIDE / 2 + 12
TALL = FOOT - TOP
CAPTION = 10.0


class Shown(NamedTuple):
    """What every slide needs."""

    deck: Deck
    view: ReportView
    page: Leadership
    others: tuple[Leadership, ...]


def render_slides(view: ReportView) -> bytes:
    """Eight slides about the candidate whose answer goes furthest; the others stand beside it on the first."""
    document = view.document
    pages = sorted(document.leadership, key=lambda page: FIRST.index(page.outcome))
    made = f"made {figures.local_time(document.made_at, document.timezone)}"
    footer = f"{document.summary.pilot} · {made} · fingerprint {document.data_hash[:12]}"
    ink = arm_ink(pages[0].arm if pages else 1).light
    deck = Deck(footer=footer, ink=ink, text=TEXT.light, quiet=QUIET.light)
    if pages:
        shown = Shown(deck, view, pages[0], tuple(pages[1:]))
        for slide in (_decision, _money, _quality, _service, _open_ends, _risks, _method, _sign_off):
            slide(shown)
    else:
        _old(deck, document)
    saved = deck.saved(
        title=document.title, subject=document.subtitle, made_at=document.made_at.astimezone(UTC).replace(tzinfo=None)
    )
    return with_fixed_times(saved)


def _old(deck: Deck, document: Document) -> None:
    """A report of an earlier version has no page one: its answers alone."""
    for answer in document.summary.answers:
        deck.begin(f"{answer.candidate}: {answer.words}", [f"Made from {document.data_hash}"])
        text = [answer.sentence, answer.provisional, "This report is of an earlier version; its pages hold the figures."]
        deck.words(Box(LEFT, TOP, WIDE, TALL), [Words(each, 18, space_before=8) for each in text if each])


def _decision(shown: Shown) -> None:
    page, deck = shown.page, shown.deck
    deck.begin(f"{page.words}. {page.sentence}", _notes(shown, "The answer, and what it rests on."))
    said = [
        Words(
            f"Verdict on {page.candidate} ({page.model}): {page.outcome.value}{', final' if page.is_final else ''}",
            14,
            colour=deck.quiet,
        ),
        Words(f"Why: {page.why}", 20, space_before=10),
        *([Words(page.provisional, 16, space_before=8)] if page.provisional else []),
        Words(page.asked, 20, is_bold=True, space_before=14),
        *(Words(warning, 15, colour="#6b4a00", space_before=10) for warning in page.warnings),
        Words(page.quality.sentence, 16, space_before=12),
        *(Words(f"{each.candidate}: {each.words}. {each.sentence}", 14, space_before=8) for each in shown.others),
    ]
    deck.words(Box(LEFT, TOP, 500, TALL - 24), said)
    facts = (page.money[0], page.money[1], *_worse(page), *_speed(page))
    _fact_column(deck, facts, Box(LEFT + 530, TOP, WIDE - 530, TALL - 24))
    deck.words(
        Box(LEFT, FOOT - 22, WIDE, 20),
        [Words(f"How sure this is: {page.confidence_level}. {valid_until(shown.view)}".strip(), 11, colour=deck.quiet)],
    )


def _worse(page: Leadership) -> tuple[Fact, ...]:
    return (page.quality.counts[0],) if page.quality.derived else ()


def _speed(page: Leadership) -> tuple[Fact, ...]:
    return (_service_fact(page, page.service[0]),)


def _service_fact(page: Leadership, row: Service) -> Fact:
    value, is_decided = row.candidate.split(" (")[0], row.outcome in (GateOutcome.PASSES, GateOutcome.FAILS)
    limit = row.limit if row.limit == NO_LIMIT else f"limit {row.limit}"
    ends = row.candidate.removeprefix(value).strip()
    return Fact(
        label=row.what,
        value=f"{value}  {GATE_SIGNS[row.outcome]} {GATE_OUTCOMES[row.outcome]}" if is_decided else value,
        detail="; ".join(part for part in (ends, limit, f"today ({page.incumbent}): {row.incumbent}") if part),
    )


def _money(shown: Shown) -> None:
    page, deck = shown.page, shown.deck
    deck.begin(page.headlines.money, _notes(shown, "All inputs with their sources stand in the report and the workbook."))
    note = (
        "The chart shows all of it moving; the figures above are those of moving the named kinds." if is_of_part(page) else ""
    )
    _beside_picture(shown, (f"waterfall-{page.arm}", f"money-{page.arm}"), page.money, note)


def is_of_part(page: Leadership) -> bool:
    """Whether the saving is that of a part."""
    return page.outcome is Outcome.HYBRID and OF_PART in page.money[0].detail


def _quality(shown: Shown) -> None:
    page, deck = shown.page, shown.deck
    deck.begin(page.headlines.quality, _notes(shown, page.quality.derived or "Nothing was graded."))
    if not page.quality.derived:
        deck.words(Box(LEFT, TOP, WIDE, TALL), [Words(page.quality.sentence, 20)])
        return
    _beside_picture(shown, (f"segments-{page.arm}", f"ways-{page.arm}"), page.quality.counts, page.quality.derived)


def _service(shown: Shown) -> None:
    page, deck = shown.page, shown.deck
    deck.begin(page.headlines.service, _notes(shown, "In brackets the 95% interval."))
    facts = tuple(_service_fact(page, row) for row in page.service)
    _beside_picture(shown, (f"total-seconds-{page.arm}", f"ttft-any-seconds-{page.arm}"), facts, page.service_note)


def _beside_picture(shown: Shown, names: tuple[str, ...], facts: tuple[Fact, ...], note: str = "") -> None:
    """The first chart of these names that the report has on the left, facts on the right; without a chart the facts alone."""
    charts = {chart.name: chart for section in shown.view.document.sections for chart in _charts(section)}
    chart = next((charts[name] for name in names if name in charts), None)
    room = 84 if note else 0
    box = Box(LEFT, TOP, WIDE, TALL - room) if chart is None else Box(LEFT + 570, TOP, WIDE - 570, TALL - room)
    if chart is not None:
        _picture(shown, chart, Box(LEFT, TOP, 540, TALL))
    _fact_column(shown.deck, facts, box)
    if note:
        shown.deck.words(Box(box.left, FOOT - 80, box.width, 80), [Words(note, 11, colour=shown.deck.quiet)])


def _open_ends(shown: Shown) -> None:
    page, deck = shown.page, shown.deck
    deck.begin(page.headlines.open_ends, _notes(shown, "In full in the report, under the answer."))
    left = _listed(deck, "What was not tested", page.not_tested or ("Nothing was left out.",))
    if page.missing:
        deck.words(Box(LEFT, TOP, HALF, TALL), left)
        rows = [("What is missing", "Who gives it", "By when"), *((each.what, each.who, each.by) for each in page.missing)]
        height = deck.table(Box(MIDDLE, TOP + 4, HALF, TALL - 110), rows, (2.2, 1, 1.1), 12.0)
        rest = Box(MIDDLE, TOP + height + 16, HALF, TALL - height - 16)
        deck.words(rest, _listed(deck, "What it costs to wait", page.waiting))
    else:
        right = _listed(deck, "What would change this answer", page.would_change or ("Nothing that is known of.",))
        deck.columns((Box(LEFT, TOP, HALF, TALL), Box(MIDDLE, TOP, HALF, TALL)), (left, right))


def _risks(shown: Shown) -> None:
    page, deck = shown.page, shown.deck
    deck.begin(page.headlines.risks, _notes(shown, "Where data goes is a condition of its own and is not weighed in dollars."))
    third = (WIDE - 48) / 3
    parts = (("Risks", page.risks), ("The way back", page.way_back), ("What happens next", page.plan))
    boxes = [Box(LEFT + place * (third + 24), TOP, third, TALL - 76) for place in range(3)]
    deck.columns(boxes, [_listed(deck, title, items) for title, items in parts])
    residency = Words(f"Where the data goes: {' '.join(page.residency)}", 13, colour=deck.quiet)
    deck.words(Box(LEFT, FOOT - 66, WIDE, 62), [residency])


def _method(shown: Shown) -> None:
    page, deck = shown.page, shown.deck
    deck.begin(page.headlines.method, _notes(shown, *_method_words(shown.view.document)))
    method = tuple(_method_words(shown.view.document))
    said = (*page.data, *page.confidence, f"How sure this is: {page.confidence_level}.")
    texts = (
        _listed(deck, "How it was measured", method[:6] or ("See the report.",)),
        _listed(deck, "What the figures rest on", said),
    )
    deck.columns((Box(LEFT, TOP, HALF + 40, TALL), Box(MIDDLE + 40, TOP, HALF - 40, TALL)), texts)


def _method_words(document: Document) -> Iterator[str]:
    for section in document.sections:
        if section.slug == "method":
            yield from (block.text for block in section.blocks if block.kind == "paragraph")


def _sign_off(shown: Shown) -> None:
    page, deck, view = shown.page, shown.deck, shown.view
    deck.begin(page.asked, _notes(shown, "Signatures that are recorded stand in the report and its data."))
    signed = [each for each in view.decisions if each.candidate == page.candidate]
    if signed:
        rows: list[tuple[str, ...]] = [("Name", "Role", "Decision", "Reason", "Signed")]
        timezone = view.document.timezone
        rows += [
            (
                each.signed_name,
                each.signed_role,
                decided(each, timezone),
                each.reason or "—",
                figures.local_time(each.signed_at, timezone),
            )
            for each in signed
        ]
    else:
        rows = [("Role", "Name", "Decision", "Date", "Signature"), *((role, "", "", "", "") for role in SIGNERS)]
    height = deck.table(Box(LEFT, TOP + 10, WIDE, 250), rows, (1, 1.2, 1, 1, 1.2), 16.0, least_row=0.0 if signed else 46.0)
    said = [asked_by(view), valid_until(view)]
    box = Box(LEFT, TOP + height + 30, WIDE, TALL - height - 30)
    deck.words(box, [Words(each, 14, colour=deck.quiet, space_before=6) for each in said if each])


def _listed(deck: Deck, title: str, items: tuple[str, ...]) -> list[Words]:
    heading = Words(title, 20, is_bold=True, colour=deck.text)
    return [heading, *(Words(item, 20, is_bullet=True, space_before=8) for item in items)]


def _fact_column(deck: Deck, facts: tuple[Fact, ...], box: Box) -> None:
    each = box.height / max(1, len(facts))
    for place, fact in enumerate(facts):
        said = [
            Words(fact.label, 13, colour=deck.quiet),
            Words(fact.value, 26, is_bold=True, colour=deck.text),
            Words(fact.detail, 12, colour=deck.quiet),
        ]
        deck.words(Box(box.left, box.top + place * each, box.width, each - 4), [words for words in said if words.text])


def _picture(shown: Shown, chart: Chart, box: Box) -> None:
    """The chart with its title and its caption."""
    room = Box(box.left, box.top + 22, box.width, box.height - 76)
    height = chart.spec.get("height", 300)
    width = max(420, min(900, round(height * room.width / room.height)))
    shown.deck.words(Box(box.left, box.top, box.width, 22), [Words(chart.title, 13, is_bold=True)])
    taken = shown.deck.picture(room, chart_png(chart.spec, width=width), chart.alt, chart.title)
    below = taken.top + taken.height + 4
    under = Box(box.left, below, box.width, box.top + box.height - below)
    shown.deck.words(under, [Words(chart.caption, CAPTION, colour=shown.deck.quiet)])


def _charts(section: Section) -> Iterator[Chart]:
    yield from (block for block in section.blocks if isinstance(block, Chart))
    for inner in section.sections:
        yield from _charts(inner)


def _notes(shown: Shown, *said: str) -> list[str]:
    document = shown.view.document
    number = f"Report {shown.view.report_id}. " if shown.view.report_id is not None else ""
    return [*said, f"Source: {number}{document.title} {document.subtitle}. Made from (SHA-256) {document.data_hash}."]
