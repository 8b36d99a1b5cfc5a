"""Asks the judge about many pairs at once: an event loop, a bounded number of calls in flight, grades stored at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic

from app.costs.prices import Prices
from app.domain.exchange import Reply
from app.domain.grading import NewGrade, PairRecord, StoredGrade
from app.domain.pilot import Pilot
from app.domain.words import ArmRole, PilotState
from app.graders.grade import Ungraded
from app.graders.judge import NAME, JudgeTarget, open_judge, preference_value
from app.graders.judge_answer import JudgeAnswer
from app.graders.judge_prompt import Comparison
from app.pipeline.grade_writing import Finding, GradeWriter
from app.pipeline.judge_asking import OVER_BUDGET, Asked, JudgeAsking, Patience
from app.pipeline.replay_money import Purse
from app.pipeline.settlement import (
    Judge,
    arm_name,
    as_shown,
    first_shown,
    grades_that_count,
    needed_orders,
    settle,
    settle_judged,
)
from app.store.grades import read_pairs
from app.store.gradings import claim_pairs, release_claims
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope

PAIRS_AT_ONCE = 250
# The first calls begin one after the other: begun at once they would come and go in waves.
RAMP_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class JudgingPlan:
    """Who is asked, what it costs, and within which bounds."""

    judge: Judge
    target: JudgeTarget
    prices: Prices
    budget_usd: Decimal
    spent_usd: Decimal
    concurrency: int
    lease_seconds: float
    seconds: float
    patience: Patience


async def judge_pairs(session_factory: SessionFactory, pilot: Pilot, plan: JudgingPlan, worker: str) -> None:
    """Claims pairs and asks about them, until none is left, the time is over or the pilot has changed."""
    writer = GradeWriter(session_factory, pilot.id, plan.target.model, worker, plan.lease_seconds)
    async with open_judge(plan.target) as client, asyncio.TaskGroup() as group:
        writing = group.create_task(writer.run())
        asking = JudgeAsking(client, plan.prices, Purse(plan.budget_usd, spent_usd=plan.spent_usd), plan.patience)
        run = _Run(session_factory, pilot, plan, worker, asking, writer)
        async with asyncio.TaskGroup() as workers:
            workers.create_task(run.feed())
            for number in range(plan.concurrency):
                workers.create_task(run.work(RAMP_SECONDS * number))
        writing.cancel()
    await asyncio.to_thread(run.release)


@dataclass(slots=True)
class _Run:
    session_factory: SessionFactory
    pilot: Pilot
    plan: JudgingPlan
    worker: str
    asking: JudgeAsking
    writer: GradeWriter
    _queue: "asyncio.Queue[PairRecord | None]" = field(default_factory=lambda: asyncio.Queue(PAIRS_AT_ONCE))
    _ends_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._ends_at = monotonic() + self.plan.seconds

    async def feed(self) -> None:
        """Keeps the queue filled: the database is read while calls are in flight."""
        while not self._is_over() and (records := await asyncio.to_thread(self._claim)):
            for record in records:
                await self._queue.put(record)
        for _ in range(self.plan.concurrency):
            await self._queue.put(None)

    async def work(self, wait_seconds: float) -> None:
        """Judges one pair after the other; those that are left when the time is over are given back."""
        await asyncio.sleep(wait_seconds)
        while (record := await self._queue.get()) is not None:
            if not self._is_over():
                await self._judge(record)

    def release(self) -> None:
        """Gives back the pairs that were claimed and not asked about."""
        with session_scope(self.session_factory) as session:
            release_claims(session, self.pilot.id, worker=self.worker)

    def _is_over(self) -> bool:
        return monotonic() >= self._ends_at

    def _claim(self) -> Sequence[PairRecord]:
        with session_scope(self.session_factory) as session:
            now = get_pilot(session, self.pilot.name)
            if now.configuration != self.pilot.configuration or now.state is PilotState.STOPPED:
                return ()
            keys = claim_pairs(session, now.id, worker=self.worker, lease_seconds=self.plan.lease_seconds, limit=PAIRS_AT_ONCE)
            return read_pairs(session, now, keys, rater=self.plan.judge.rater)

    async def _judge(self, record: PairRecord) -> None:
        found, grade = settle(record, self.pilot, self.plan.judge)
        if found.is_settled:
            await self.writer.put(Finding(grade, found))
            return
        arm = arm_name(self.pilot, record.key.arm_id)
        first = first_shown(record, arm)
        grades = grades_that_count(record, self.plan.judge)
        while needed := needed_orders(grades, self.plan.judge, arm, first):
            asked = await self.asking.ask(comparison_of(self.pilot, record, needed[0]))
            if isinstance(asked.outcome, Ungraded) and asked.outcome.reason == OVER_BUDGET:
                end = settle_judged(record, grades, found.facts, unasked=OVER_BUDGET)
                await self.writer.put(Finding(None, end, asked.calls, asked.usd))
                return
            grade = grade_of(record, arm, needed[0], asked, self.plan.judge)
            grades.append(StoredGrade(grade.version, grade.shown_first, grade.value, grade.ungraded))
            is_over = not needed_orders(grades, self.plan.judge, arm, first)
            last = settle_judged(record, grades, found.facts) if is_over else None
            await self.writer.put(Finding(grade, last, asked.calls, asked.usd))


def comparison_of(pilot: Pilot, record: PairRecord, shown_first: str) -> Comparison:
    """A pair as the judge sees it; `ValueError` if its texts are not kept."""
    request, incumbent, other = record.request, record.incumbent, record.other
    if request is None or not isinstance(incumbent, Reply) or not isinstance(other, Reply):
        message = f"exchange {record.external_id} has nothing to compare"
        raise ValueError(message)  # `settle` has asked for no judge then
    shown = as_shown(pilot, record.key.arm_id, other)
    pair = (incumbent, shown) if shown_first == ArmRole.INCUMBENT.value else (shown, incumbent)
    return Comparison(request, *pair)


def grade_of(record: PairRecord, arm: str, shown_first: str, asked: Asked, judge: Judge) -> NewGrade:
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
        facts={"calls": asked.calls} | ({"model": asked.model} if asked.model else {}),
        cost_usd=asked.usd,
    )
