"""The confusion table of each segment whose grader compares labels."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from app.domain.configuration import PilotConfiguration
from app.domain.confusion import LEAST_REPLIES, MAX_LABELS, NO_LABEL, RARER, ConfusionModel
from app.domain.estimate_models import EstimateModel
from app.domain.grader_names import function_of
from app.domain.scorecard import SegmentModel
from app.graders.label import NAME as LABEL
from app.statistics.fixed_sample import WILSON_METHOD, wilson
from app.store.confusions import LabelCount


def labelling_graders(configuration: PilotConfiguration) -> dict[str, str]:
    """The grader of each segment whose grades may name labels."""
    tables = [table for table in configuration.segment if table.incumbent_is_reference]
    return {table.name: table.grader for table in tables if table.grader == LABEL or function_of(table.grader) is not None}


def with_confusions(
    segments: Mapping[str, SegmentModel], counts: Iterable[LabelCount], *, arm_id: int, days: Collection[int]
) -> dict[str, SegmentModel]:
    """The segments with the tables of one candidate, over the pairs of these days."""
    found: dict[str, Counter[tuple[str, str]]] = {}
    for each in counts:
        if each.arm_id == arm_id and each.day in days:
            cells = found.setdefault(each.segment, Counter())
            cells[each.incumbent_label, each.arm_label if each.arm_label is not None else NO_LABEL] += each.pairs
    return {
        name: model.model_copy(update={"confusion": confusion_of(found[name])}) if name in found else model
        for name, model in segments.items()
    }


def confusion_of(cells: Mapping[tuple[str, str], int]) -> ConfusionModel:
    """The table of pairs counted by (incumbent's label, candidate's label).

    Beyond 20 labels, and of fewer than 3 replies, the rarer ones are one.
    """
    totals: Counter[str] = Counter()
    for (incumbent, arm), pairs in cells.items():
        totals[incumbent] += pairs
        totals[arm] += pairs
    labels = sorted((label for label in totals if label != NO_LABEL), key=lambda label: (-totals[label], label))
    told = [label for label in labels if totals[label] >= LEAST_REPLIES][:MAX_LABELS]
    shown = {label: label for label in (*told, NO_LABEL)}
    counted: Counter[tuple[str, str]] = Counter()
    for (incumbent, arm), pairs in cells.items():
        counted[shown.get(incumbent, RARER), shown.get(arm, RARER)] += pairs
    order = [*told, RARER, NO_LABEL]
    rows = {row: {column: counted[row, column] for column in order if counted[row, column]} for row in order}
    agreed, pairs_of_all = sum(pairs for (one, other), pairs in cells.items() if one == other), sum(cells.values())
    low, high = wilson(successes=agreed, trials=pairs_of_all)
    return ConfusionModel(
        counts={row: columns for row, columns in rows.items() if columns},
        agreement=EstimateModel(value=agreed / pairs_of_all, low=low, high=high, n=pairs_of_all, method=WILSON_METHOD),
        rarer_labels=len(labels) - len(told),
    )
