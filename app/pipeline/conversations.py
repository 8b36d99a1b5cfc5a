"""From grades to the preference of each pair, from pairs to conversations, from conversations to daily sums."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.evidence import (
    ArmEvidence,
    Evidence,
    Flags,
    Floats,
    GradeColumns,
    Numbers,
    Words,
    codes,
    places_by_number,
    words,
)
from app.domain.rubric_table import asks_a_model
from app.domain.words import Rule
from app.graders.catalogue import is_function, version_of
from app.pipeline.closing import Selection
from app.pipeline.settlement import judge_of, model_version
from app.statistics.sums import Sums

ALL = ""
VALUE, LOW, HIGH = "value", "low", "high"
WITHOUT_FAILURES = "without_failures"
PENDING = "pending"
JUDGE = "judge"
_LARGEST = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class PairValues:
    """One candidate's pairs, one row an exchange.

    Attributes:
        counted: Pairs of captured exchanges in closed days that have the candidate's reply.
        values: Preference for the candidate; NaN = none.
        failed: Decided by a failure.
        by_grade: Settled, and left to the segment's grader.
        judged: Decided by a grade of the judge, by a rubric or in pairs.
        flips: Both orders were graded and each named the other winner.
        grades: The grades that count: of the own segment's grader (of the judge's rater), one an order.
        ungraded: How many answers have no value, by reason; a pair without any answer counts once.
    """

    counted: Flags
    values: Floats
    failed: Flags
    by_grade: Flags
    judged: Flags
    flips: Flags
    grades: GradeColumns
    ungraded: dict[str, int]

    @property
    def ties(self) -> Flags:
        """Pairs that neither side won, flips not among them."""
        return np.asarray(self.counted & (self.values == 0.5) & ~self.flips, dtype=bool)  # noqa: PLR2004 - the middle


def pair_values(configuration: PilotConfiguration, evidence: Evidence, arm: ArmEvidence, selection: Selection) -> PairValues:
    """The preference of each pair (CONTRACTS section 5, preference of a pair)."""
    rows = len(evidence.exchanges)
    counted = selection.counted & arm.replies.is_there
    own = _own_grades(configuration, evidence.exchanges.segments, arm.grades)
    grades = one_an_order(own)
    by_grade = counted & arm.pairs.is_settled & (arm.pairs.rules == Rule.GRADER.value)
    graded = grades.where(~np.isnan(grades.values))
    number = np.bincount(graded.rows, minlength=rows)
    total = np.bincount(graded.rows, weights=graded.values, minlength=rows)
    with np.errstate(invalid="ignore"):
        mean = np.where(number > 0, total / number, np.nan)
    decided = counted & arm.pairs.is_settled & np.isin(arm.pairs.rules, [r.value for r in Rule if r is not Rule.GRADER])
    values = np.where(by_grade, mean, np.where(decided, arm.pairs.preferences, np.nan))
    by_judge = np.zeros(rows, dtype=bool)
    by_judge[graded.rows[by_a_model(graded)]] = True
    return PairValues(
        counted=counted,
        values=values,
        failed=decided & np.asarray(arm.pairs.rules == Rule.FAILURE.value, dtype=bool),
        by_grade=by_grade,
        judged=by_grade & by_judge,
        flips=by_grade & _flipped(graded, rows),
        grades=grades.where(counted[grades.rows] & by_grade[grades.rows]),
        ungraded=_ungraded(arm, counted & np.isnan(values), by_grade, grades),
    )


def by_a_model(grades: GradeColumns) -> Flags:
    """Which grades are a model's word, not a rule's."""
    graders = [grader for grader in set(grades.graders.tolist()) if asks_a_model(grader)]
    return np.asarray(np.isin(grades.graders, graders), dtype=bool)


def one_an_order(grades: GradeColumns) -> GradeColumns:
    """One grade a pair, rater and order: one with a value before one without, one that we asked for before an imported one."""
    keys = [codes(column)[0] for column in (grades.shown_first, grades.raters, grades.graders)]
    if _is_one_an_order(grades.rows, keys):
        return grades
    order = np.lexsort((-grades.graded_us, grades.is_imported, np.isnan(grades.values), *keys, grades.rows))
    identity = np.stack([grades.rows, *keys])[:, order] if len(grades) else np.empty((4, 0), dtype=np.int64)
    is_first = np.ones(len(grades), dtype=bool)
    is_first[1:] = (identity[:, 1:] != identity[:, :-1]).any(axis=0)
    return grades.where(order[is_first])


def _is_one_an_order(rows: Numbers, keys: list[Numbers]) -> bool:
    """Whether the grades are in order and no two of them are of one pair, rater and order: as stored, they mostly are."""
    place = rows
    for key in reversed(keys):
        size = int(key.max(initial=0)) + 1
        if int(place.max(initial=0)) > _LARGEST // size:
            return False
        place = place * size + key
    return bool((place[1:] > place[:-1]).all())


def winners(values: Floats) -> Numbers:
    """1 = the candidate, -1 = the incumbent, 0 = a tie."""
    return np.sign(values - 0.5).astype(np.int64)


def orders_of(graded: GradeColumns, rows: int) -> tuple[Numbers, Numbers, Flags]:
    """The winner with the incumbent shown first, with the candidate shown first, and which rows have both."""
    one, other = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    there = np.zeros((2, rows), dtype=bool)
    is_known = graded.shown_first != ""
    incumbent_first = is_known & (graded.shown_first == "incumbent")
    for column, chosen, place in ((one, incumbent_first, 0), (other, is_known & ~incumbent_first, 1)):
        column[graded.rows[chosen]] = winners(graded.values[chosen])
        there[place, graded.rows[chosen]] = True
    return one, other, there[0] & there[1]


def _own_grades(configuration: PilotConfiguration, segments: Words, grades: GradeColumns) -> GradeColumns:
    """Grades by the grader of the exchange's own segment, in its present version; of several judges only the pilot's.

    Of a user's own function the present version is known only where it runs: all of its grades count, the newest first.
    """
    number, names = codes(segments)
    graders = [configuration.grader_of(name) for name in names]
    judge, segment = judge_of(configuration), number[grades.rows]
    present = [model_version(configuration, grader) or version_of(grader) for grader in graders]
    is_known = np.array([not is_function(grader) for grader in graders], dtype=bool)[segment]
    is_present = grades.is_imported | ~is_known | (grades.versions == words(present)[segment])
    is_its = ~by_a_model(grades) | (grades.raters == (judge.rater if judge is not None else None))
    is_own = (grades.graders == words(graders)[segment]) & is_present & is_its
    return grades.where(np.asarray(is_own, dtype=bool))


def _flipped(graded: GradeColumns, rows: int) -> Flags:
    one, other, both = orders_of(graded, rows)
    return np.asarray(both & (one * other < 0), dtype=bool)


def _ungraded(arm: ArmEvidence, without: Flags, by_grade: Flags, grades: GradeColumns) -> dict[str, int]:
    counts: dict[str, int] = {}
    missing = grades.where(np.isnan(grades.values) & by_grade[grades.rows])
    has_answer = np.zeros(len(without), dtype=bool)
    has_answer[missing.rows] = True
    alone = without & ~has_answer
    reasons = [*missing.ungraded.tolist(), *(reason or PENDING for reason in _pair_reasons(arm, alone))]
    for reason in sorted(reasons):
        counts[reason] = counts.get(reason, 0) + 1
    return counts


def _pair_reasons(arm: ArmEvidence, chosen: Flags) -> list[str]:
    settled = arm.pairs.is_settled[chosen].tolist()
    return [reason if done else "" for done, reason in zip(settled, arm.pairs.ungraded[chosen].tolist(), strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class Conversations:
    """Which conversation each exchange belongs to, and each conversation's day and segment: those of its first exchange.

    Attributes:
        of_row: The conversation's number, one row an exchange; -1 = the exchange does not count.
        days: By conversation.
        segments: By conversation.
        segment_of_row: The conversation's segment, one row an exchange; "" where the exchange does not count.
    """

    of_row: Numbers
    days: Numbers
    segments: Words
    segment_of_row: Words


def conversations_of(evidence: Evidence, selection: Selection) -> Conversations:
    """Groups the exchanges that count; the first is the earliest, of equally early ones the one with the least id."""
    exchanges = evidence.exchanges
    rows = np.flatnonzero(selection.counted)
    number, names = codes(exchanges.conversations[rows])
    by_arrival = rows[np.argsort(exchanges.arrived_us[rows], kind="stable")]
    of_row = np.full(len(exchanges), -1, dtype=np.int64)
    of_row[rows] = number
    first = np.full(len(names), -1, dtype=np.int64)
    first[of_row[by_arrival][::-1]] = by_arrival[::-1]
    segment_of_row = np.full(len(exchanges), "", dtype=object)
    segment_of_row[rows] = exchanges.segments[first][number]
    return Conversations(of_row, selection.days[first], exchanges.segments[first], segment_of_row)


def series_sums(values: PairValues, conversations: Conversations, weights: Floats) -> Iterator[tuple[str, str, int, Sums]]:
    """The daily sums of every series, as (segment, series, day, sums); segment "" = all.

    Series `value` leaves pairs without a preference out, `low` counts them 0 and `high` 1.

    Args:
        values: The pairs.
        conversations: What each belongs to.
        weights: 1 / inclusion probability of each exchange; a conversation weighs the mean of its pairs'.
    """
    segment, names = codes(conversations.segments)
    for prefix, chosen in (("", values.counted), (WITHOUT_FAILURES, values.counted & ~values.failed)):
        for series, filled in ((VALUE, np.nan), (LOW, 0.0), (HIGH, 1.0)):
            x = np.where(np.isnan(values.values), filled, values.values)
            rows = np.flatnonzero(chosen & ~np.isnan(x))
            name = series if not prefix else prefix if series == VALUE else f"{prefix}_{series}"
            for place, day, sums in _sums(x, rows, conversations, weights, segment):
                yield names[place] if place >= 0 else ALL, name, day, sums


def _sums(
    x: Floats, rows: Numbers, conversations: Conversations, weights: Floats, segment: Numbers
) -> Iterator[tuple[int, int, Sums]]:
    """By the segment's place and day; -1 = all segments."""
    size = len(conversations.days)
    of_row = conversations.of_row[rows]
    number = np.bincount(of_row, minlength=size)
    there = np.flatnonzero(number)
    means = np.clip(np.bincount(of_row, weights=x[rows], minlength=size)[there] / number[there], 0.0, 1.0)
    weight = np.bincount(of_row, weights=weights[rows], minlength=size)[there] / number[there]
    segment = segment[there]
    for day, on_day in places_by_number(conversations.days[there]):
        yield -1, day, Sums.of(values=means[on_day], weights=weight[on_day])
        for place, within in places_by_number(segment[on_day]):
            chosen = on_day[within]
            yield place, day, Sums.of(values=means[chosen], weights=weight[chosen])
