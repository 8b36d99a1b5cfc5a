"""Asks the judge again, week by week, about pairs of the first week: does it still say what it said then?"""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import uvloop
from sqlalchemy.orm import Session

from app.domain.exchange import Reply
from app.domain.grading import ANCHOR, LEAST_ANCHORS, NewGrade, PairRecord, StoredGrade, anchor_version
from app.domain.judge_money import JudgePurpose
from app.domain.pilot import DAY, Pilot
from app.domain.words import PilotState
from app.errors import ServiceError
from app.graders.judge import pairwise_question
from app.pipeline.grade_writing import Finding
from app.pipeline.grading import GradingLimits, judging_plan, worker_name
from app.pipeline.judge_turn import JudgingPlan, Turn, budget_of, judge_turn
from app.pipeline.pairwise import comparison_of, grade_of
from app.pipeline.settlement import Judge, arm_name, asked_twice, first_shown, judge_of, needed_orders
from app.store.anchors import anchor_grades, choose_anchors
from app.store.grades import read_pairs
from app.store.gradings import only_grader
from app.store.pilots import get_pilot_by_id, list_pilots
from app.store.session import SessionFactory

ANCHORS = 50
WEEK = 7 * DAY
# A judge that answered a moment ago has not changed since: what was imported and judged at once is not asked again at once.
LEAST_AGE = 6 * DAY

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Question:
    """A pair to be judged anew, and what this week's answers are so far."""

    record: PairRecord
    said: tuple[StoredGrade, ...]


@dataclass(frozen=True, slots=True)
class _Check:
    """One week's asking: grades of it have this version and this event time."""

    version: str
    at: datetime
    questions: tuple[_Question, ...]


def check_judges(session_factory: SessionFactory, limits: GradingLimits, *, environment: Mapping[str, str] = os.environ) -> int:
    """Looks at every running pilot; gives how many pairs were judged anew. One pilot's trouble is not another's."""
    now, judged = datetime.now(UTC), 0
    with session_factory() as session:
        pilots = [pilot for pilot in list_pilots(session) if due_week(pilot, now) is not None]
    for pilot in pilots:
        if limits.hold.look():
            break
        try:
            judged += judge_anchors(session_factory, pilot.id, limits, now=now, environment=environment)
        except ServiceError as error:
            log.warning("the judge of %s was not asked again: %s", pilot.name, error.message)
    return judged


def due_week(pilot: Pilot, now: datetime) -> int | None:
    """The last whole week of the window that has passed; `None` if that is the first, or nobody can be asked."""
    judge = judge_of(pilot.configuration)
    if pilot.state is not PilotState.RUNNING or pilot.starts_at is None or judge is None or judge.version is None:
        return None
    weeks = (min(now, pilot.starts_at + pilot.days * DAY) - pilot.starts_at) // WEEK
    return weeks if weeks > 1 else None


def judge_anchors(
    session_factory: SessionFactory,
    pilot_id: int,
    limits: GradingLimits,
    *,
    now: datetime | None = None,
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Has the pairs of the first week judged anew that are not yet for the week that is over; gives how many were asked about.

    Each candidate has its own. Asked by the judge's usual way, within its budget, never beside another grader of the pilot;
    what time or money does not reach for is left to the next call.

    Raises:
        UnknownPrice: Nobody knows the judge's price.
        Conflict: Its key is not set here.
    """
    moment = now or datetime.now(UTC)
    with only_grader(session_factory, pilot_id) as is_mine:
        if not is_mine:
            return 0
        with session_factory() as session:
            pilot = get_pilot_by_id(session, pilot_id)
        judge, week = judge_of(pilot.configuration), due_week(pilot, moment)
        if judge is None or week is None:
            return 0
        check = _check(session_factory, pilot, judge, week, moment)
        if check.questions:
            budget = budget_of(session_factory, pilot_id, judge.table)
            plan = judging_plan(judge, limits, budget=budget, environment=environment)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_Asking(session_factory, pilot, plan, check).run())
        return len(check.questions)


def _check(session_factory: SessionFactory, pilot: Pilot, judge: Judge, week: int, now: datetime) -> _Check:
    assert pilot.starts_at is not None and judge.version is not None  # noqa: S101, PT018 - `due_week` has looked
    version = anchor_version(judge.version, week)
    with session_factory() as session:
        found = [
            question
            for arm in pilot.candidates
            for question in _questions(session, pilot, arm.id, judge, version, graded_before=now - LEAST_AGE)
        ]
    still_open = tuple(question for question in found if _needed(pilot, judge, question.record, question.said))
    return _Check(version, pilot.starts_at + week * WEEK, still_open)


def _questions(
    session: Session, pilot: Pilot, arm_id: int, judge: Judge, version: str, *, graded_before: datetime
) -> list[_Question]:
    own = judge.version or ""
    keys = choose_anchors(session, pilot, arm_id, rater=judge.rater, version=own, graded_before=graded_before, limit=ANCHORS)
    if len(keys) < LEAST_ANCHORS:
        return []
    said = anchor_grades(session, keys, rater=judge.rater, version=version)
    records = read_pairs(session, pilot, keys, rater=None)
    return [_Question(record, tuple(said.get(record.key, ()))) for record in records]


def _needed(pilot: Pilot, judge: Judge, record: PairRecord, said: Sequence[StoredGrade]) -> tuple[str, ...]:
    """Which orders have still to be asked; none where texts are not kept."""
    if record.request is None or not isinstance(record.incumbent, Reply) or not isinstance(record.other, Reply):
        return ()
    arm = arm_name(pilot, record.key.arm_id)
    return needed_orders(said, judge, arm, first_shown(record, arm), after_a_tie=asked_twice(record, judge, arm))


@dataclass(frozen=True, slots=True)
class _Asking:
    """One turn at the questions of a week."""

    session_factory: SessionFactory
    pilot: Pilot
    plan: JudgingPlan
    check: _Check

    async def run(self) -> None:
        """Asks all of them, a bounded number at a time, and stores each answer as it comes."""
        anchor = JudgePurpose.ANCHOR
        async with (
            judge_turn(self.session_factory, self.pilot.id, self.plan, worker_name(), purpose=anchor) as turn,
            asyncio.TaskGroup() as workers,
        ):
            for question in self.check.questions:
                workers.create_task(self._judge(question, turn))

    async def _judge(self, question: _Question, turn: Turn) -> None:
        record, said, judge = question.record, list(question.said), self.plan.judge
        arm = arm_name(self.pilot, record.key.arm_id)
        while not turn.is_over and (needed := _needed(self.pilot, judge, record, said)):
            asked = await turn.asking.ask(pairwise_question(comparison_of(self.pilot, record, needed[0])))
            if asked.is_unasked:
                await turn.writer.put(Finding.paid(asked, purpose=JudgePurpose.ANCHOR))
                return
            grade = self._anchor(grade_of(record, arm, needed[0], asked, judge))
            said.append(StoredGrade(grade.version, grade.shown_first, grade.value, grade.ungraded))
            await turn.writer.put(Finding.paid(asked, grade=grade, purpose=JudgePurpose.ANCHOR))

    def _anchor(self, grade: NewGrade) -> NewGrade:
        return replace(grade, grader=ANCHOR, version=self.check.version, at=self.check.at)
