"""The pairwise judge's course: one order, and where it is decisive (or the pair is drawn for both) the other one."""

from app.domain.exchange import Json, Reply
from app.domain.grading import NewGrade, PairRecord, Settlement, StoredGrade, Taken
from app.domain.pilot import Pilot
from app.domain.words import ArmRole
from app.graders.judge import NAME, cut_chars, limits_of, pairwise_question, preference_value
from app.graders.judge_answer import JudgeAnswer
from app.graders.judge_prompt import REFERENCE, SECTIONS, Comparison
from app.graders.judge_texts import NO_LIMITS
from app.graders.question import Question
from app.pipeline.judge_asking import Asked
from app.pipeline.settlement import (
    Judge,
    arm_name,
    as_shown,
    asked_twice,
    first_shown,
    grades_that_count,
    needed_orders,
    settle_judged,
)


class PairwiseCourse:
    """Asks which reply is better, until each needed order has an answer."""

    def __init__(self, record: PairRecord, pilot: Pilot, judge: Judge, facts: Json) -> None:
        self._record, self._pilot, self._judge, self._facts = record, pilot, judge, facts
        self._arm = arm_name(pilot, record.key.arm_id)
        self._first, self._both = first_shown(record, self._arm), asked_twice(record, judge, self._arm)
        self._grades = grades_that_count(record, judge)

    def next_question(self) -> Question[JudgeAnswer] | None:
        """The comparison in the order that is still missing."""
        order = self._next_order()
        return None if order is None else pairwise_question(comparison_of(self._pilot, self._record, order))

    def take(self, asked: Asked[JudgeAnswer]) -> Taken:
        """The judge's grade of the pair in that order."""
        order = self._next_order()
        assert order is not None  # noqa: S101 - there was a question
        facts = facts_of(comparison_of(self._pilot, self._record, order), order, self._arm)
        grade = grade_of(self._record, self._arm, order, asked, self._judge, facts)
        self._grades.append(StoredGrade(grade.version, grade.shown_first, grade.value, grade.ungraded))
        return Taken(grade)

    def end(self, *, unasked: str | None = None) -> Settlement:
        """The pair as its grades decide it."""
        return settle_judged(self._record, self._grades, self._facts, unasked=unasked)

    def _next_order(self) -> str | None:
        needed = needed_orders(self._grades, self._judge, self._arm, self._first, after_a_tie=self._both)
        return needed[0] if needed else None


def comparison_of(pilot: Pilot, record: PairRecord, shown_first: str) -> Comparison:
    """A pair as the judge sees it; `ValueError` if its texts are not kept."""
    request, incumbent, other = record.request, record.incumbent, record.other
    if request is None or not isinstance(incumbent, Reply) or not isinstance(other, Reply):
        message = f"exchange {record.external_id} has nothing to compare"
        raise ValueError(message)  # `settle` has asked for no judge then
    shown = as_shown(pilot, record.key.arm_id, other)
    pair = (incumbent, shown) if shown_first == ArmRole.INCUMBENT.value else (shown, incumbent)
    table = pilot.configuration.judge
    return Comparison(request, *pair, record.reference, limits_of(table) if table is not None else NO_LIMITS)


def facts_of(comparison: Comparison, shown_first: str, arm: str) -> Json:
    """What is to be known of what the judge was shown: that a reference was among it, and what was cut."""
    incumbent = ArmRole.INCUMBENT.value
    first, second = (incumbent, arm) if shown_first == incumbent else (arm, incumbent)
    names = dict(zip(SECTIONS, ("conversation", first, second), strict=True)) | {REFERENCE: "reference"}
    cut = {names[title]: chars for title, chars in cut_chars(comparison).items()}
    return ({"reference": True} if comparison.reference is not None else {}) | ({"cut_chars": cut} if cut else {})


def grade_of(
    record: PairRecord, arm: str, shown_first: str, asked: Asked[JudgeAnswer], judge: Judge, facts: Json | None = None
) -> NewGrade:
    """What came of asking, as the judge's grade of the pair in that order."""
    outcome, value, ungraded = asked.outcome, None, None
    if isinstance(outcome, JudgeAnswer):
        value, reason = preference_value(outcome.preference, arm_is_first=shown_first == arm), outcome.reasoning
    else:
        ungraded, reason = outcome.reason, outcome.message
    return NewGrade(
        key=record.key,
        grader=NAME,
        rater=judge.rater,
        version=judge.version or "",
        shown_first=shown_first,
        value=value,
        ungraded=ungraded,
        reason=reason,
        at=record.arrived_at,
        facts={"calls": asked.calls} | ({"model": asked.model} if asked.model else {}) | (facts or {}),
        cost_usd=asked.usd,
    )
