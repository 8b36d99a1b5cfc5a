"""Rules of thumb of published guides, each beside the pilot's own number in the same unit."""

from app.domain.rules_of_thumb import RuleOfThumb
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Paragraph, Section, Table, cells

INTRODUCTION = (
    "Four guides of 2026 say when leaving an API pays. They disagree by up to ten times and know nothing of this workload: "
    "they stand here for comparison, and no gate reads them."
)
MILLION = 1_000_000
STANDINGS = {
    "stay": "stay",
    "decision_zone": "decision zone",
    "pays": "pays",
    "below": "below the field's range",
    "within": "within it",
    "above": "above it",
    "unknown": "unknown",
}


def rules_of_thumb_sections(subject: Subject) -> tuple[Section, ...]:
    """Both tables; nothing where a stored scorecard has no rules."""
    rules = subject.card.rules_of_thumb
    if not rules:
        return ()
    thresholds = [rule for rule in rules if rule.table == "threshold"]
    left_out = [rule for rule in rules if rule.table == "left_out"]
    blocks = (
        Paragraph(text=INTRODUCTION, tone="note"),
        _table("From which volume leaving pays, as the field says", "Falls in", thresholds),
        _table("What napkin maths leaves out", "Against the field", left_out),
    )
    return (Section(slug=f"rules-of-thumb-{subject.arm}", title="Rules of thumb beside these numbers", blocks=blocks),)


def _table(caption: str, standing: str, rules: list[RuleOfThumb]) -> Table:
    rows = tuple(
        cells(
            rule.says,
            f"{rule.source}, {rule.as_of}",
            rule.words or figures.NOTHING,
            rule.unit,
            STANDINGS[rule.standing],
            _own(rule),
        )
        for rule in rules
    )
    columns = ("The field says", "Source", "How", "Unit", standing, "This pilot")
    return Table(caption=caption, columns=columns, rows=rows, numeric=1)


def _own(rule: RuleOfThumb) -> str:
    if rule.value is None:
        return "unknown"
    if rule.unit.startswith("share"):
        return figures.percent(rule.value)
    return f"{figures.number(rule.value / MILLION, 1)} M" if rule.value >= MILLION else figures.count(rule.value)
