"""What becomes of a pair: its preference, the grade of its segment's grader, or what the judge still has to be asked."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.configuration import CandidateTable, PilotConfiguration
from app.domain.exchange import Failure, Json, Reply
from app.domain.grading import NewGrade, PairRecord, Settlement, StoredGrade
from app.domain.judge_table import JudgeTable
from app.domain.pilot import Pilot
from app.domain.second_order import is_asked_twice
from app.domain.words import ArmRole, CoverageReason, Rule
from app.graders.autoevals_adapter import NOT_INSTALLED
from app.graders.catalogue import Functions, is_by_rule, is_function
from app.graders.grade import Grade, Ungraded
from app.graders.judge import NAME as JUDGE
from app.graders.judge import judge_version, limits_of
from app.graders.user_function import FUNCTION_FAILED, FUNCTION_TIMEOUT
from app.pipeline.preference import Decision, Pair, decide, decide_checked, left_out
from app.pipeline.rubric_pairs import rubric_in_use, scored_pair, settle_by_rubric
from app.providers.think import ThinkSplitter

NO_JUDGE, NOT_IMPORTED, NO_CONTENT, NO_TEXT = "no_judge", "not_imported", "no_content", "no_text"
# Of rules: they may give a grade when they are run again.
PASSING_REASONS = frozenset({FUNCTION_FAILED, FUNCTION_TIMEOUT, NOT_INSTALLED})
TIE = 0.5


@dataclass(frozen=True, slots=True)
class Judge:
    """Whose grades are the judge's, and (`version` not None) who can be asked for more."""

    table: JudgeTable
    rater: str
    version: str | None


def judge_of(configuration: PilotConfiguration) -> Judge | None:
    """The judge of a pilot; `None` without a `[judge]` table."""
    return judge_of_table(configuration.judge) if configuration.judge is not None else None


def judge_of_table(table: JudgeTable) -> Judge:
    """The judge that a table speaks of."""
    version = None
    if table.base_url is not None and table.model:
        version = judge_version(table.model, table.temperature, limits_of(table))
    return Judge(table, table.rater or table.model or "", version)


def model_version(configuration: PilotConfiguration, grader: str) -> str | None:
    """The version of a model's grades that count, by grader; `None` = nobody can be asked, or the grader asks no model."""
    if grader == JUDGE:
        judge = judge_of(configuration)
        return judge.version if judge is not None else None
    use = rubric_in_use(configuration, grader)
    return use.version if use is not None else None


def settle(
    record: PairRecord, pilot: Pilot, judge: Judge | None, functions: Functions | None = None
) -> tuple[Settlement, NewGrade | None]:
    """What can be said of a pair without asking a model; the grade is that of a deterministic grader.

    Args:
        record: The pair.
        pilot: Its configuration.
        judge: Who is asked about what rules do not decide.
        functions: Runs users' functions; without, pairs that need one are left as they are.
    """
    grader = pilot.configuration.grader_of(record.segment)
    decision = _decision(record, pilot, judge, functions)
    if is_by_rule(grader):
        return _by_rule(record, grader, decision or Decision(Rule.GRADER), functions)
    if decision is None:
        return _by_model(record, pilot, judge, Decision(Rule.GRADER))
    if decision.rule is not Rule.GRADER:
        return Settlement(record.key, decision.rule, decision.preference, facts=decision.facts), None
    return _by_model(record, pilot, judge, decision)


def _by_rule(
    record: PairRecord, grader: str, decision: Decision, functions: Functions | None
) -> tuple[Settlement, NewGrade | None]:
    """The end of a pair of a segment whose grader asks no model."""
    missing, found = _why_no_text(record), decision.grade
    if is_function(grader) and functions is None and missing is None and decision.rule in (Rule.EQUAL, Rule.GRADER):
        return Settlement(record.key, None, is_settled=False), None
    ungraded, facts = None, decision.facts
    if decision.rule is Rule.GRADER and not isinstance(found, Grade):
        found = found or Ungraded(missing or NO_CONTENT)
        ungraded, facts = found.reason, facts | _noted(found)
    graded = found.value if isinstance(found, Grade) else None
    settlement = Settlement(record.key, decision.rule, decision.preference, ungraded, facts, graded=graded)
    if not isinstance(found, Grade):
        return settlement, None
    grade = NewGrade(
        key=record.key,
        grader=grader,
        rater="",
        version=decision.version,
        shown_first=None,
        value=found.value,
        ungraded=None,
        reason=found.reason,
        at=record.arrived_at,
        facts=found.facts,
    )
    return settlement, grade


def _noted(found: Ungraded) -> Json:
    """Why there is no grade, for people; what another try may give is noted as not asked."""
    message = {"message": found.message} if found.message else {}
    return message | ({"unasked": found.reason} if found.reason in PASSING_REASONS else {})


def needed_orders(
    grades: Sequence[StoredGrade], judge: Judge, arm: str, first: str, *, after_a_tie: bool = False
) -> tuple[str, ...]:
    """Which replies have still to be shown first, in the order of asking.

    Both orders of a decisive pair; nothing after a tie (but see `after_a_tie`), or where a grade was imported whose order is
    not known. An order that was imported is not asked again, nor is one that this version of the judge has answered, or
    failed to.

    Args:
        grades: Those that count.
        judge: The judge; one who cannot be asked needs nothing.
        arm: Name of the pair's arm.
        first: Which reply is shown first in the first call.
        after_a_tie: Whether a tie leaves the other order to be asked, as any other answer does (`asked_twice`).
    """
    if judge.version is None or any(grade.shown_first is None for grade in grades):
        return ()
    if not after_a_tie and any(grade.value == TIE for grade in grades):
        return ()
    there = {grade.shown_first for grade in grades}
    incumbent = ArmRole.INCUMBENT.value
    both = (incumbent, arm) if first == incumbent else (arm, incumbent)
    return tuple(order for order in both if order not in there)


def grades_that_count(record: PairRecord, judge: Judge) -> list[StoredGrade]:
    """Grades of the judge's rater that were imported or given by this version of the judge."""
    return [grade for grade in record.grades if grade.is_imported or grade.version == judge.version]


def first_shown(record: PairRecord, arm: str) -> str:
    """Whose reply the judge sees first in the first call: a coin that falls the same way each time."""
    coin = hashlib.sha256(f"{record.external_id}\x00{arm}".encode()).digest()[0]
    return arm if coin & 1 else ArmRole.INCUMBENT.value


def asked_twice(record: PairRecord, judge: Judge, arm: str) -> bool:
    """Whether the judge is asked in both orders whatever it says first: by configuration, or in the random tenth."""
    return is_asked_twice(judge.table.second_order, record.external_id, arm)


def settle_judged(record: PairRecord, grades: Sequence[StoredGrade], facts: Json, *, unasked: str | None = None) -> Settlement:
    """The end of a pair that the judge decides.

    Args:
        record: The pair.
        grades: All grades of the judge's rater that count.
        facts: What the deterministic steps found.
        unasked: Why an order was not asked, if one was not; noted, so that it is asked when the reason is gone.
    """
    noted = facts | ({"unasked": unasked} if unasked else {})
    mean = mean_grade(grades)
    reasons = [grade.ungraded for grade in grades if grade.ungraded is not None]
    why = None if mean is not None else unasked or (reasons[0] if reasons else NOT_IMPORTED)
    return Settlement(record.key, Rule.GRADER, ungraded=why, facts=noted, graded=mean)


def mean_grade(grades: Sequence[StoredGrade]) -> float | None:
    """The mean over the orders that have a grade; of two in one order the one that we asked for, not the imported one."""
    by_order: dict[str | None, float] = {}
    for grade in sorted(grades, key=lambda grade: grade.is_imported):
        if grade.value is not None:
            by_order.setdefault(grade.shown_first, grade.value)
    return sum(by_order.values()) / len(by_order) if by_order else None


def as_shown(pilot: Pilot, arm_id: int, reply: Reply) -> Reply:
    """A reply without the thoughts in its content, where the arm's configuration hides them."""
    table = _candidate(pilot, arm_id)
    if table is None or not table.strip_think or not reply.content:
        return reply
    splitter = ThinkSplitter()
    splitter.feed(reply.content)
    splitter.finish()
    return Reply(splitter.visible, reply.tool_calls)


def arm_name(pilot: Pilot, arm_id: int) -> str:
    """The name of an arm."""
    return next(arm.name for arm in pilot.arms if arm.id == arm_id)


def _decision(record: PairRecord, pilot: Pilot, judge: Judge | None, functions: Functions | None) -> Decision | None:
    """Steps 1 to 4; `None` where texts that they need are not kept."""
    reason = _why_left_out(record, pilot)
    if reason is not None:
        return left_out(reason)
    incumbent, other = record.incumbent, record.other
    if isinstance(incumbent, Failure) or isinstance(other, Failure):
        unknown = Reply(None)  # what a failure is compared with does not matter
        return decide(Pair({}, incumbent or unknown, other or unknown))
    grader = pilot.configuration.grader_of(record.segment)
    has_imported = _has_imported(record, grader, judge)
    pair: Pair | None = None
    if record.request is not None and incumbent is not None and other is not None:
        shown = as_shown(pilot, record.key.arm_id, other)
        is_reference = pilot.configuration.is_reference(record.segment)
        pair = Pair(record.request, incumbent, shown, grader, has_imported, is_reference, functions)
    if record.incumbent_checks and record.other_checks:
        checks = record.incumbent_checks, record.other_checks
        return decide_checked(*checks, grader, has_imported_grade=has_imported, masked=pair)
    return decide(pair) if pair is not None else None


def _has_imported(record: PairRecord, grader: str, judge: Judge | None) -> bool:
    return grader == "judge" and judge is not None and any(g.is_imported and g.value is not None for g in record.grades)


def _why_left_out(record: PairRecord, pilot: Pilot) -> str | None:
    if record.reason != CoverageReason.CAPTURED.value:
        return record.reason
    if record.sample_point >= pilot.configuration.sampling.rate:
        return CoverageReason.NOT_SAMPLED.value
    if pilot.starts_at is not None and pilot.day_of(record.arrived_at) is None:
        return CoverageReason.OUTSIDE_WINDOW.value
    return None


def _by_model(record: PairRecord, pilot: Pilot, judge: Judge | None, decision: Decision) -> tuple[Settlement, NewGrade | None]:
    use = rubric_in_use(pilot.configuration, pilot.configuration.grader_of(record.segment))
    if use is not None and judge is not None:
        pair = scored_pair(record, use, pilot.incumbent.id)
        return settle_by_rubric(pair, judge.rater, decision.facts, missing=_why_no_text(record), nobody=NOT_IMPORTED)
    return _by_judge(record, pilot, judge, decision), None


def _by_judge(record: PairRecord, pilot: Pilot, judge: Judge | None, decision: Decision) -> Settlement:
    missing = _why_no_text(record)
    if judge is None:
        return Settlement(record.key, Rule.GRADER, ungraded=NO_TEXT if missing == NO_TEXT else NO_JUDGE, facts=decision.facts)
    arm = arm_name(pilot, record.key.arm_id)
    counted = grades_that_count(record, judge)
    both = asked_twice(record, judge, arm)
    if not needed_orders(counted, judge, arm, first_shown(record, arm), after_a_tie=both):
        return settle_judged(record, counted, decision.facts)
    if missing is not None:
        mean = mean_grade(counted)
        why = None if mean is not None else missing
        return Settlement(record.key, Rule.GRADER, ungraded=why, facts=decision.facts, graded=mean)
    return Settlement(record.key, Rule.GRADER, facts=decision.facts, is_settled=False)


def _why_no_text(record: PairRecord) -> str | None:
    """Why there is nothing to show a judge; `None` = there is."""
    if None not in (record.request, record.incumbent, record.other):
        return None
    return NO_TEXT if record.is_erased or record.incumbent_checks or record.other_checks else NO_CONTENT


def _candidate(pilot: Pilot, arm_id: int) -> CandidateTable | None:
    name = arm_name(pilot, arm_id)
    return next((table for table in pilot.configuration.candidate if table.name == name), None)
