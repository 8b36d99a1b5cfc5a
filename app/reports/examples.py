"""The pairs that a report shows, as sections of its own kind, so that every renderer has them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from app.domain.report import PairExample
from app.domain.words import Rule
from app.reports import figures
from app.reports.document import Cell, Document, Paragraph, Section, Table
from app.reports.view import ReportView

SLUG, TITLE = "pairs-to-look-at", "Pairs to look at"
WITHHELD = "This report shows pairs with their texts. The texts are withheld for this role: operators and admins may read them."
INTRO = (
    "What an average hides: single requests with both replies. Names, addresses, numbers and keys are masked, and long texts "
    "are cut. The figures of this report rest on all pairs, not on these."
)
NOT_KEPT = "(no text is kept)"
TIE = 0.5
DECIDED: dict[str, str] = {
    Rule.FAILURE: "a failed reply",
    Rule.INVALID: "a reply that breaks the request's own format",
    Rule.EQUAL: "equal replies",
    "people": "people",
}


class Kind(NamedTuple):
    """How pairs were chosen, in words."""

    title: str
    said: str


KINDS = {
    "worst": Kind("The worst", "Where {} did worst, the surest first: people's marks and answers before a judge's."),
    "best": Kind("The best", "Where {} did best, the surest first: people's answers before a judge's."),
    "random": Kind("At random", "Drawn from all graded pairs of closed days, by a seed that was fixed before."),
}


def example_sections(view: ReportView) -> tuple[Section, ...]:
    """One section with the pairs of each candidate: worst, best, at random; none where the report has none."""
    if view.examples_withheld:
        return (Section(slug=SLUG, title=TITLE, blocks=(Paragraph(text=WITHHELD, tone="note"),)),)
    if not view.examples:
        return ()
    arms = {answer.candidate: answer.arm for answer in view.document.summary.answers}
    inner = tuple(_groups(view.examples, arms))
    return (Section(slug=SLUG, title=TITLE, blocks=(Paragraph(text=INTRO),), sections=inner),)


def with_examples(document: Document, examples: Sequence[Section]) -> tuple[Section, ...]:
    """All sections of a report, its pairs after the evidence."""
    sections = document.sections
    evidence = [place for place, section in enumerate(sections, 1) if section.slug.startswith("evidence-")]
    end = evidence[-1] if evidence else len(sections)
    return (*sections[:end], *examples, *sections[end:])


def _groups(examples: Sequence[PairExample], arms: dict[str, int]) -> Iterator[Section]:
    several = len({example.candidate for example in examples}) > 1
    for place, ((candidate, chosen), found) in enumerate(groupby(examples, lambda each: (each.candidate, each.chosen_as)), 1):
        kind = KINDS[chosen]
        tables = [_pair(example, number, arms.get(candidate)) for number, example in enumerate(found, 1)]
        title = f"{kind.title}: {candidate}" if several else kind.title
        yield Section(
            slug=f"{SLUG}-{place}", title=title, blocks=(Paragraph(text=kind.said.format(candidate), tone="note"), *tables)
        )


def _pair(example: PairExample, number: int, arm: int | None) -> Table:
    """One pair: who said what."""
    gone = NOT_KEPT if example.removed_at is None else f"(text removed on {example.removed_at:%Y-%m-%d})"
    said = (
        (Cell(text="Asked"), Cell(text=example.request or gone)),
        (Cell(text="Incumbent", arm=0), Cell(text=example.incumbent_reply or gone)),
        (Cell(text=example.candidate, arm=arm), Cell(text=example.candidate_reply or gone)),
    )
    return Table(caption=_caption(example, number), columns=("Who", "Text, masked"), rows=said, note=_note(example))


def _caption(example: PairExample, number: int) -> str:
    day = "" if example.day is None else f", day {example.day}"
    return f"{number}. Exchange {example.exchange} ({example.segment}{day}): {_outcome(example)}"


def _outcome(example: PairExample) -> str:
    if example.is_critical:
        return "marked by people as something that must never happen"
    if example.preference is None:
        return "not graded"
    if example.preference == TIE:
        return "a tie"
    return f"{example.candidate} {'better' if example.preference > TIE else 'worse'}"


def _note(example: PairExample) -> str:
    value = "" if example.preference is None else f" Preference for {example.candidate}: {figures.number(example.preference)}."
    cut = " Texts are cut." if example.is_cut else ""
    reasons = " ".join(example.reasons)
    return f"Decided by {DECIDED.get(example.rule, example.rule)}.{value}{cut}{' ' if reasons else ''}{reasons}"
