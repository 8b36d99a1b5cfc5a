"""The confusion table of a report: the direction of each disagreement can be read off it."""

from app.domain.confusion import ConfusionModel
from app.pipeline.confusions import confusion_of
from app.reports.confusion import confusion_tables
from app.reports.context import Subject
from app.reports.document import Table
from tests.unit.reports.examples import a_full_configuration, hybrid


def tables(confusion: ConfusionModel | None) -> tuple[Table, ...]:
    card = hybrid()
    candidate = card.candidates["qwen"]
    triage = candidate.segments["triage"].model_copy(update={"confusion": confusion})
    candidate = candidate.model_copy(update={"segments": candidate.segments | {"triage": triage}})
    return confusion_tables(Subject("qwen", 1, candidate, card, a_full_configuration()))


def rows(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_few_labels_are_a_square() -> None:
    (table,) = tables(confusion_of({("spam", "ham"): 1200, ("spam", "spam"): 5, ("ham", "ham"): 7, ("ham", "(no label)"): 2}))
    assert table.caption == "Labels in 'triage': each row a label of gpt-5.1, each column one of qwen"
    assert table.columns == ("gpt-5.1 says", "ham", "spam", "(no label)", "Pairs")
    assert rows(table) == [["ham", "7", "0", "2", "9"], ["spam", "1,200", "5", "0", "1,205"]]
    assert table.note.startswith("Both give the same label in 1.0% (")
    assert "1,214 pairs" in table.note


def test_of_many_labels_the_largest_disagreements_are_listed() -> None:
    cells = {(f"l{n:02}", f"l{n:02}"): 300 - 10 * n for n in range(22)}
    cells |= {("l01", "l00"): 9, ("l00", "l01"): 3, ("l02", "l21"): 5}
    (table,) = tables(confusion_of(cells))
    assert table.columns == ("gpt-5.1 says", "qwen says", "Pairs", "Of pairs that gpt-5.1 calls so")
    assert rows(table) == [["l01", "l00", "9", "299"], ["l02", "(other)", "5", "285"], ["l00", "l01", "3", "303"]]
    assert "2 rarer labels are together in '(other)'" in table.note


def test_where_no_labels_are_compared_there_is_no_table() -> None:
    assert tables(None) == ()
