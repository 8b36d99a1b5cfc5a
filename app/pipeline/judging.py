"""Asks the judge about many pairs at once: an event loop, a bounded number of calls in flight, grades stored at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic

from app.costs.prices import Prices
from app.domain.grading import PairRecord
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.graders.grade import Ungraded
from app.graders.judge_client import JudgeTarget, open_judge
from app.pipeline.courses import course_of
from app.pipeline.grade_writing import Finding, GradeWriter
from app.pipeline.judge_asking import OVER_BUDGET, JudgeAsking, Patience
from app.pipeline.replay_money import Purse
from app.pipeline.settlement import Judge, settle
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
        course = course_of(record, self.pilot, self.plan.judge, found.facts)
        while (question := course.next_question()) is not None:
            asked = await self.asking.ask(question)
            if isinstance(asked.outcome, Ungraded) and asked.outcome.reason == OVER_BUDGET:
                await self.writer.put(Finding(None, course.end(unasked=OVER_BUDGET), asked.calls, asked.usd))
                return
            given = course.take(asked)
            last = course.end() if course.next_question() is None else None
            await self.writer.put(Finding(given.grade, last, asked.calls, asked.usd, given.score))
