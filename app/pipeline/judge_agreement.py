"""How far a judge can be trusted: against people, against itself in the other order, and in favour of a place."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.domain.evidence import ArmEvidence, Flags, Floats, GradeColumns, LabelColumns
from app.domain.labelling import LabelSource
from app.domain.scorecard import EstimateModel, JudgeAgreement
from app.domain.words import Rule
from app.pipeline.conversations import JUDGE, Conversations, PairValues, one_an_order, orders_of, winners
from app.statistics.agreement import accuracy_estimate, kappa_estimate
from app.statistics.fixed_sample import mean_estimate

TIE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """What people said of each pair.

    Attributes:
        preferences: Mean over all who answered, one row an exchange; NaN = nobody did.
        drawn: Whether one of the answers has a draw probability.
    """

    preferences: Floats
    drawn: Flags


def people_of(labels: LabelColumns, rows: int) -> People:
    """Several people on one pair count by their mean; skipped answers do not count, nor those of the uncertain queue."""
    # Answers of the uncertain queue are about pairs on which the judge wavers: they measure nothing but those.
    chosen = ~np.isnan(labels.draw_probability) | (labels.sources != LabelSource.PAGE.value)
    said = ~np.isnan(labels.values) & chosen
    at, values = labels.rows[said], labels.values[said]
    number = np.bincount(at, minlength=rows)
    with np.errstate(invalid="ignore"):
        means = np.where(number > 0, np.bincount(at, weights=values, minlength=rows) / number, np.nan)
    with_draw = labels.rows[said & ~np.isnan(labels.draw_probability)]
    return People(means, np.bincount(with_draw, minlength=rows) > 0)


def agreement_of(rater: str, grades: GradeColumns, pairs: PairValues, people: People, talks: Conversations) -> JudgeAgreement:
    """One rater's answers against people and against each other.

    Args:
        rater: Whose answers they are.
        grades: The rater's answers of the pairs that count, one an order.
        pairs: The preferences of all pairs: those that no grader decides are the same for every rater.
        people: What people said.
        talks: Answers of one conversation are not independent.
    """
    rows = len(pairs.values)
    parsed = grades.where(~np.isnan(grades.values))
    one, other, both = orders_of(parsed, rows)
    flips = both & (one * other < 0)
    decisive = parsed.where((parsed.shown_first != "") & (parsed.values != TIE))
    chose_first = (decisive.shown_first == "incumbent") == (decisive.values < TIE)
    said = people.preferences[parsed.rows]
    told = parsed.where(~np.isnan(said) & (said != TIE))
    theirs, its = winners(people.preferences[told.rows]), winners(told.values)
    clusters, named = talks.of_row[told.rows], its != 0
    return JudgeAgreement(
        rater=rater,
        accuracy=EstimateModel.of(accuracy_estimate(agrees=its == theirs, clusters=clusters)),
        kappa=EstimateModel.of(
            kappa_estimate(first=its[named] > 0, second=theirs[named] > 0, clusters=clusters[named])
        ),
        parsed_answers=len(parsed),
        position_consistency_rate=float(np.mean(one[both] == other[both])) if both.any() else None,
        position_consistency_n=int(both.sum()),
        first_shown_rate=float(np.mean(chose_first)) if len(decisive) else None,
        first_shown_n=len(decisive),
        flips=int(flips.sum()),
        ungraded=_reasons(grades),
        win_rate_fixed=EstimateModel.of(mean_estimate(values=_preferences(parsed, pairs))),
    )  # fmt: skip


def raters_of(arm: ArmEvidence, pairs: PairValues, people: People, talks: Conversations) -> Iterator[JudgeAgreement]:
    """Every judge that graded pairs that a grader decides, by name; descriptive."""
    decided = pairs.counted & np.asarray(arm.pairs.rules == Rule.GRADER.value, dtype=bool)
    judged = one_an_order(arm.grades.where(np.asarray(arm.grades.graders == JUDGE, dtype=bool)))
    judged = judged.where(decided[judged.rows])
    for rater in sorted(set(judged.raters.tolist())):
        yield agreement_of(rater, judged.where(np.asarray(judged.raters == rater, dtype=bool)), pairs, people, talks)


def labelled_pairs(people: People, pairs: PairValues) -> int:
    """How many pairs have a person's answer and a decisive one of the judge to compare it with."""
    said = people.preferences
    return int((pairs.judged & ~np.isnan(said) & (said != TIE)).sum())


def _preferences(parsed: GradeColumns, pairs: PairValues) -> Floats:
    """Each pair's preference if this rater were the judge."""
    rows = len(pairs.values)
    number = np.bincount(parsed.rows, minlength=rows)
    means = np.bincount(parsed.rows, weights=parsed.values, minlength=rows)[number > 0] / number[number > 0]
    by_rule = pairs.counted & ~np.isnan(pairs.values) & ~pairs.by_grade
    return np.concatenate([means, pairs.values[by_rule]])


def _reasons(grades: GradeColumns) -> dict[str, int]:
    reasons = grades.ungraded[np.isnan(grades.values)].tolist()
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}
