"""Work that is graded by written criteria: the scores of both arms, the criteria that differ, critical faults."""

from collections.abc import Iterator

from app.domain.rubric_model import CriterionModel, RubricModel
from app.domain.rubric_table import rubric_names
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Block, Bullets, Cell, Paragraph, Section, Table, cells

TITLE = "Scores by written criteria"
MOST_CRITERIA = 10
MOST_EXCHANGES = 10
NOTE = (
    "How far a judge found each criterion met, as the mean over conversations, with 95% intervals for one look. The difference "
    "is the candidate's share minus the incumbent's. Faults have points below 0: more of them is worse."
)


def rubric_sections(subject: Subject) -> tuple[Section, ...]:
    """One section; none where no segment is graded by a rubric."""
    rubrics = subject.card.rubrics
    if not rubrics:
        return ()
    blocks = [block for grader, rubric in rubrics.items() for block in _rubric(subject, grader, rubric)]
    return (Section(slug=f"rubrics-{subject.arm}", title=TITLE, blocks=(*blocks, *_critical(subject))),)


def _rubric(subject: Subject, grader: str, rubric: RubricModel) -> Iterator[Block]:
    name, work = " and ".join(rubric_names(grader)), figures.names(rubric.segments)
    if not rubric.exchanges:
        yield Paragraph(text=f"Rubric {name} (for {work}): no exchange has scores of both replies yet.")
        return
    yield Paragraph(
        text=f"Rubric {name} (for {work}), {figures.count(rubric.exchanges)} exchanges with both "
        f"replies scored: {subject.name} gets {figures.share_with_interval(rubric.candidate_score)} of the points, the "
        f"incumbent {figures.share_with_interval(rubric.incumbent_score)}; the difference is "
        f"{figures.share_with_interval(rubric.difference)}, n = {figures.count(rubric.difference.n)} conversations. "
        "Half of it is what the win rate lies above or below 50%, single pairs cut at 0 and 1."
    )
    yield Table(
        caption=f"What differs most by the rubric {name}",
        columns=("Criterion", "Points", f"Met by {subject.name} (95% interval)", "By the incumbent", "Difference"),
        rows=tuple(_row(criterion) for criterion in rubric.criteria[:MOST_CRITERIA]),
        numeric=4,
        note=NOTE + _rest(len(rubric.criteria)),
    )
    yield from _doubts(subject, rubric)


def _row(criterion: CriterionModel) -> tuple[Cell, ...]:
    said = f"{criterion.text} (critical)" if criterion.critical else criterion.text
    return cells(
        said,
        f"{criterion.points:g}",
        figures.share_with_interval(criterion.candidate_rate, small=True),
        figures.share_with_interval(criterion.incumbent_rate, small=True),
        figures.share_with_interval(criterion.difference, small=True),
    )


def _rest(many: int) -> str:
    return f" The {MOST_CRITERIA} greatest differences of {many}." if many > MOST_CRITERIA else ""


def _doubts(subject: Subject, rubric: RubricModel) -> Iterator[Paragraph]:
    if rubric.candidate_unquoted or rubric.incumbent_unquoted:
        yield Paragraph(
            text="Merits that the judge called met without words that stand in the reply: "
            f"{figures.count(rubric.candidate_unquoted)} of {subject.name}, {figures.count(rubric.incumbent_unquoted)} of the "
            "incumbent. They count as it said.",
            tone="note",
        )
    if rubric.candidate_unscored or rubric.incumbent_unscored:
        yield Paragraph(
            text=f"Without a score, because the judge gave none that could be read: {figures.count(rubric.candidate_unscored)} "
            f"replies of {subject.name}, {figures.count(rubric.incumbent_unscored)} of the incumbent.",
            tone="note",
        )


def _critical(subject: Subject) -> Iterator[Block]:
    found = subject.card.critical.by_rubric
    if not found.scored:
        return
    yield Paragraph(
        text=f"Critical faults by these criteria, in {figures.count(found.scored)} exchanges: in "
        f"{figures.share_with_interval(found.candidate_rate, small=True)} of {subject.name}'s replies and in "
        f"{figures.share_with_interval(found.incumbent_rate, small=True)} of the incumbent's."
    )
    if found.exchanges:
        rest = found.candidate_marked - min(MOST_EXCHANGES, len(found.exchanges))
        more = f", and {figures.count(rest)} more" if rest else ""
        items = (f"{', '.join(found.exchanges[:MOST_EXCHANGES])}{more}",)
        yield Bullets(title=f"Critical replies of {subject.name}, by exchange", items=items)
