"""Labels of both arms side by side: where they disagree, and in which direction."""

from app.domain.confusion import RARER, ConfusionModel
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Cell, Table, cells

# Wider tables are unreadable: the largest disagreements are listed instead.
MAX_COLUMNS, MAX_LISTED = 8, 15


def confusion_tables(subject: Subject) -> tuple[Table, ...]:
    """One table for each kind of work whose grader compares labels."""
    found = ((name, segment.confusion) for name, segment in subject.card.segments.items())
    return tuple(_table(subject, name, confusion) for name, confusion in found if confusion is not None)


def _table(subject: Subject, segment: str, confusion: ConfusionModel) -> Table:
    columns = list(dict.fromkeys([*confusion.counts, *(arm for row in confusion.counts.values() for arm in row)]))
    return (_square if len(columns) <= MAX_COLUMNS else _listed)(subject, segment, confusion, columns)


def _square(subject: Subject, segment: str, confusion: ConfusionModel, columns: list[str]) -> Table:
    rows = tuple(
        cells(label, *(figures.count(row.get(column, 0)) for column in columns), figures.count(sum(row.values())))
        for label, row in confusion.counts.items()
    )
    return Table(
        caption=f"Labels in '{segment}': each row a label of {subject.incumbent}, each column one of {subject.name}",
        columns=(f"{subject.incumbent} says", *columns, "Pairs"),
        rows=rows,
        numeric=len(columns) + 1,
        note=_note(confusion),
    )


def _listed(subject: Subject, segment: str, confusion: ConfusionModel, _: list[str]) -> Table:
    apart = [
        (pairs, incumbent, arm, sum(row.values()))
        for incumbent, row in confusion.counts.items()
        for arm, pairs in row.items()
        if incumbent != arm
    ]
    rows: list[tuple[Cell, ...]] = [
        cells(incumbent, arm, figures.count(pairs), figures.count(of))
        for pairs, incumbent, arm, of in sorted(apart, key=lambda each: (-each[0], each[1:]))[:MAX_LISTED]
    ]
    return Table(
        caption=f"Labels in '{segment}': the most frequent ways to disagree",
        columns=(f"{subject.incumbent} says", f"{subject.name} says", "Pairs", f"Of pairs that {subject.incumbent} calls so"),
        rows=tuple(rows),
        numeric=2,
        note=_note(confusion),
    )


def _note(confusion: ConfusionModel) -> str:
    rarer = (
        f" {figures.count(confusion.rarer_labels)} rarer labels are together in '{RARER}'." if confusion.rarer_labels else ""
    )
    share = figures.share_with_interval(confusion.agreement)
    return (
        f"Both give the same label in {share} of {figures.count(confusion.agreement.n)} pairs. Pairs with a failed or invalid "
        f"reply have no label.{rarer} This describes; the win rate decides."
    )
