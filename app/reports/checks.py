"""What rules find in the replies of both arms: described, never decided on."""

from collections.abc import Iterator

from app.domain.checks_model import CheckModel, ChecksModel
from app.domain.estimate_models import EstimateModel
from app.domain.words import OTHER_SEGMENT
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Block, Cell, Paragraph, Section, Table, cells

TITLE = "What rules find in the replies"
OWN = "own:"
RULES = {
    "empty": "Says nothing",
    "truncated": "Cut off at its limit of tokens",
    "refusal": "Begins by refusing",
    "unsafe_hint": "Words that somebody should look at",
    "wrong_language": "Another language than the question's",
    "repetition": "Runs in a loop",
    "json_invalid": "JSON was asked for, and it is none",
    "schema_violation": "JSON that does not fit the schema asked for",
    "tool_call_violation": "A tool call that was not offered, or does not fit",
    "python_syntax": "Python in it does not parse",
}
NOTE = (
    "Each share is the mean over conversations. The difference is the candidate's share minus the incumbent's: above 0 = found "
    "in more of the candidate's replies. Intervals are 95% and for one look; with many rules one may leave out 0 by chance. "
    "Only exchanges that both answered, and where the rule applies to at least one of the replies. Failures stand under "
    "reliability. These rules see the surface alone: they decide nothing, and that one finds nothing proves little."
)
MOST_BY_KIND = 12


def checks_sections(subject: Subject) -> tuple[Section, ...]:
    """One section; none where no reply was looked at."""
    checks = subject.card.checks
    if not checks.rules:
        return ()
    found = [rule for rule in checks.rules if rule.incumbent_found or rule.candidate_found]
    blocks: list[Block] = [*_missing(checks), *_table(subject, found), *_by_kind(subject), *_quiet(checks), *_length(checks)]
    return (Section(slug=f"checks-{subject.arm}", title=TITLE, blocks=tuple(blocks)),)


def rule_words(name: str) -> str:
    """A rule as people read it; the user's own by the name that they gave it."""
    return f"Own rule: {name.removeprefix(OWN)}" if name.startswith(OWN) else RULES.get(name, name.replace("_", " "))


def _missing(checks: ChecksModel) -> Iterator[Paragraph]:
    left = checks.exchanges - checks.looked_at
    if left > 0:
        yield Paragraph(
            text=f"{figures.count(left)} of {figures.count(checks.exchanges)} exchanges that both answered were not looked at: "
            "their text is not kept, or grading has to be asked for again.",
            tone="note",
        )


def _table(subject: Subject, found: list[CheckModel]) -> Iterator[Table]:
    if found:
        yield Table(
            caption=TITLE,
            columns=("Rule", *_columns(subject)),
            rows=tuple((Cell(text=rule_words(rule.name)), *_numbers(rule)) for rule in found),
            numeric=6,
            note=NOTE,
        )


def _by_kind(subject: Subject) -> Iterator[Table]:
    """Kinds of work where a difference is more than luck would make, each looked at alone."""
    parts = subject.card.checks.segments
    clear = [(name, rule) for name, part in parts.items() for rule in part.rules if _is_clear(rule.difference)]
    if len(parts) > 1 and clear:
        clear.sort(key=lambda each: -abs(each[1].difference.value or 0.0))
        yield Table(
            caption="The same by kind of work, where the interval of the difference leaves out 0",
            columns=("Kind of work", "Rule", *_columns(subject)),
            rows=tuple(
                (*cells("other" if name == OTHER_SEGMENT else name, rule_words(rule.name)), *_numbers(rule))
                for name, rule in clear[:MOST_BY_KIND]
            ),
            numeric=6,
            note=f"The {MOST_BY_KIND} greatest of {len(clear)}." if len(clear) > MOST_BY_KIND else "",
        )


def _columns(subject: Subject) -> tuple[str, ...]:
    return (
        f"In {subject.name}'s replies (95% interval)", "In the incumbent's", "Difference", f"Only in {subject.name}'s",
        "Only in the incumbent's", "Exchanges",
    )  # fmt: skip


def _numbers(rule: CheckModel) -> tuple[Cell, ...]:
    return cells(
        figures.share_with_interval(rule.candidate_rate, small=True),
        figures.share_with_interval(rule.incumbent_rate, small=True),
        figures.share_with_interval(rule.difference, small=True),
        figures.count(rule.candidate_only),
        figures.count(rule.incumbent_only),
        figures.count(rule.exchanges),
    )


def _quiet(checks: ChecksModel) -> Iterator[Paragraph]:
    quiet = [rule_words(rule.name) for rule in checks.rules if not rule.incumbent_found and not rule.candidate_found]
    if quiet:
        yield Paragraph(text=f"Looked for and found in no reply of either: {'; '.join(sorted(quiet))}.")


def _length(checks: ChecksModel) -> Iterator[Paragraph]:
    ratio = checks.length_ratio
    if ratio.value is not None:
        yield Paragraph(
            text=f"Length: in the middle conversation the candidate writes {figures.number_with_interval(ratio)} times as many "
            f"characters as the incumbent, n = {figures.count(ratio.n)} conversations."
        )


def _is_clear(difference: EstimateModel) -> bool:
    return difference.low is not None and difference.high is not None and not difference.low <= 0 <= difference.high
