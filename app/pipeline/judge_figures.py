"""A judge's habits without the choice of whom it is asked about twice, what it was shown, and where it gave no grade."""

from collections.abc import Iterator

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats, GradeColumns, Numbers
from app.domain.judge_figures import AnswersModel, JudgeFigures
from app.domain.judge_table import JudgeTable
from app.domain.second_order import ALWAYS, in_random_tenth
from app.pipeline.conversations import JUDGE, Conversations, PairValues, orders_of
from app.pipeline.settlement import judge_of
from app.statistics.agreement import accuracy_estimate

TIE = 0.5
MEDIUM_CHARS, LONG_CHARS = 1000, 5000
_PLACES = ("incumbent", "candidate", "unknown")
_LENGTHS = ("short", "medium", "long", "unknown")


def judge_figures_of(
    configuration: PilotConfiguration,
    evidence: Evidence,
    name: str,
    pairs: PairValues,
    talks: Conversations,
    cut: Numbers | None,
) -> JudgeFigures:
    """The figures of one candidate.

    Args:
        configuration: The pilot's.
        evidence: All.
        name: The candidate's.
        pairs: Its pairs; what is said is of grades of those that count.
        talks: Answers of one conversation are not independent.
        cut: Numbers of the exchanges of which the judge saw a part of some text only, if any.
    """
    grades = pairs.grades.where(np.asarray(pairs.grades.graders == JUDGE, dtype=bool))
    judge = judge_of(configuration)
    is_asked = judge is not None and judge.version is not None
    consistency, first = _sample(judge.table, evidence, name, grades, talks) if judge and is_asked else (None, None)
    judged = np.unique(grades.rows)
    return JudgeFigures(
        position_consistency_random=consistency or EstimateModel(),
        first_shown_random=first or EstimateModel(),
        judged_pairs=len(judged),
        cut_pairs=int(np.isin(evidence.exchanges.ids[judged], cut if cut is not None else ()).sum()),
        answers=list(_answers(evidence, evidence.arms[name], grades, talks)),
    )


def _sample(
    table: JudgeTable, evidence: Evidence, name: str, grades: GradeColumns, talks: Conversations
) -> tuple[EstimateModel, EstimateModel]:
    """Same winner in both orders, and the share of the reply shown first, over pairs that are always asked twice."""
    parsed = grades.where(~np.isnan(grades.values))
    one, other, both = orders_of(parsed, len(evidence.exchanges))
    chosen = np.flatnonzero(both)
    if table.second_order != ALWAYS:
        names = evidence.exchanges.external_ids[chosen].tolist()
        chosen = chosen[np.fromiter((in_random_tenth(each, name) for each in names), dtype=bool, count=len(names))]
    consistency = accuracy_estimate(agrees=one[chosen] == other[chosen], clusters=talks.of_row[chosen])
    decisive = parsed.where((parsed.shown_first != "") & (parsed.values != TIE) & np.isin(parsed.rows, chosen))
    chose_first = _is_incumbent_first(decisive) == (decisive.values < TIE)
    first = accuracy_estimate(agrees=chose_first, clusters=talks.of_row[decisive.rows])
    return EstimateModel.of(consistency), EstimateModel.of(first)


def _answers(evidence: Evidence, arm: ArmEvidence, grades: GradeColumns, talks: Conversations) -> Iterator[AnswersModel]:
    place = np.where(grades.shown_first == "", 2, np.where(_is_incumbent_first(grades), 0, 1))
    length = _length(np.fmax(evidence.incumbent.content_chars, arm.replies.content_chars)[grades.rows])
    missing = np.isnan(grades.values)
    for first, name in enumerate(_PLACES):
        for size, word in enumerate(_LENGTHS):
            inside = (place == first) & (length == size)
            if inside.any():
                yield _answers_of(name, word, grades.where(inside), missing[inside], talks)


def _answers_of(name: str, length: str, grades: GradeColumns, missing: Flags, talks: Conversations) -> AnswersModel:
    reasons, counts = np.unique(grades.ungraded[missing].astype(str), return_counts=True)
    return AnswersModel(
        shown_first=name,
        length=length,
        answers=len(grades),
        ungraded=int(missing.sum()),
        reasons=dict(zip(reasons.tolist(), counts.tolist(), strict=True)),
        ungraded_rate=EstimateModel.of(accuracy_estimate(agrees=missing, clusters=talks.of_row[grades.rows])),
    )


def _length(chars: Floats) -> Numbers:
    """Place in `_LENGTHS`."""
    known = np.where(chars < MEDIUM_CHARS, 0, np.where(chars < LONG_CHARS, 1, 2))
    return np.where(np.isnan(chars), 3, known)


def _is_incumbent_first(grades: GradeColumns) -> Flags:
    return np.asarray(grades.shown_first == "incumbent", dtype=bool)
