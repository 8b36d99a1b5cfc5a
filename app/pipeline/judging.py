"""Asks the judge about many pairs at once: an event loop, a bounded number of calls in flight, grades stored at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from sqlalchemy.orm import Session

from app.domain.grading import PairKey, PairRecord
from app.domain.judge_money import JudgePurpose
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.graders.canaries import is_suspended
from app.graders.grade import Ungraded
from app.pipeline.canaries import Canary, canaries_among
from app.pipeline.courses import Course, course_of
from app.pipeline.grade_writing import Finding
from app.pipeline.judge_asking import LATER, OVER_BUDGET, Asked
from app.pipeline.judge_spans import JudgedPair, judged
from app.pipeline.judge_turn import JudgingPlan, Turn, judge_turn
from app.pipeline.settlement import settle
from app.pipeline.shared_asking import SharedAsking
from app.store.canaries import count_canaries
from app.store.grades import read_pairs
from app.store.gradings import claim_pairs, release_claims
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope

PAIRS_AT_ONCE = 250
# Where all that is left was judged before: how often new pairs are looked for.
NEW_SECONDS = 2.0
# How much of the time looking for them may take: with a million pairs to judge anew each look reads all of them.
NEW_SHARE = 0.05
# The first calls begin one after the other: begun at once they would come and go in waves.
RAMP_SECONDS = 0.002
# For each call in flight; the others are between two calls: their answers are being stored.
WORKERS_A_CALL = 1.25


async def judge_pairs(session_factory: SessionFactory, pilot: Pilot, plan: JudgingPlan, worker: str) -> str:
    """Claims pairs and asks about them, until none is left, the time is over or the pilot has changed.

    Returns:
        What the rest waits for, if it is today's money or the server's room; else "".
    """
    try:
        async with judge_turn(session_factory, pilot.id, plan, worker) as turn:
            run = _Run(session_factory, pilot, plan, worker, turn)
            number = int(plan.concurrency * WORKERS_A_CALL) + 1
            async with asyncio.TaskGroup() as workers:
                workers.create_task(run.feed(number))
                for place in range(number):
                    workers.create_task(run.work(RAMP_SECONDS * place))
    finally:
        with session_scope(session_factory) as session:
            release_claims(session, pilot.id, worker=worker)
    return run.waits_for


@dataclass(slots=True)
class _Run:
    session_factory: SessionFactory
    pilot: Pilot
    plan: JudgingPlan
    worker: str
    turn: Turn
    shared: SharedAsking = field(init=False)
    waits_for: str = ""
    _look_for_new_at: float = 0.0
    _queue: "asyncio.Queue[PairRecord | Canary | None]" = field(default_factory=lambda: asyncio.Queue(PAIRS_AT_ONCE))

    def __post_init__(self) -> None:
        self.shared = SharedAsking(self.turn.asking)

    async def feed(self, workers: int) -> None:
        """Keeps the queue filled: the database is read while calls are in flight."""
        while not self._is_over() and (records := await asyncio.to_thread(self._claim)):
            for record in records:
                await self._queue.put(record)
        for _ in range(workers):
            await self._queue.put(None)

    async def work(self, wait_seconds: float) -> None:
        """Judges one pair after the other; those that are left when the time is over are given back."""
        await asyncio.sleep(wait_seconds)
        while (record := await self._queue.get()) is not None:
            if self._is_over():
                continue
            if isinstance(record, Canary):
                await self._ask_canary(record)
            else:
                await self._judge(record)

    def _is_over(self) -> bool:
        return bool(self.waits_for) or self.turn.is_over

    async def _ask_canary(self, canary: Canary) -> None:
        asked = await self.turn.asking.ask(canary.question)
        grade = None if asked.is_unasked else canary.grade(asked, self.plan.judge)
        await self.turn.writer.put(Finding.paid(asked, grade=grade, purpose=JudgePurpose.CANARY))

    def _claim(self) -> Sequence[PairRecord | Canary]:
        judge = self.plan.judge
        with session_scope(self.session_factory) as session:
            now = get_pilot(session, self.pilot.name)
            if now.configuration != self.pilot.configuration or now.state is PilotState.STOPPED:
                return ()
            if is_suspended(*count_canaries(session, now.id, rater=judge.rater, version=judge.version or "")):
                return ()
            keys = self._take(session, now.id)
            records = read_pairs(session, now, keys, rater=judge.rater)
            canaries = canaries_among(session, now, judge, records, rate=judge.table.canary_rate)
            # Before the pairs of their batch: a judge that is not to be trusted is found out early.
            return [*canaries, *records]

    def _take(self, session: Session, pilot_id: int) -> list[PairKey]:
        """Pairs that were never judged first. With many to judge anew, new ones are not looked for before each batch."""
        take = partial(
            claim_pairs, session, pilot_id,
            worker=self.worker, lease_seconds=self.plan.lease_seconds, limit=PAIRS_AT_ONCE,
        )  # fmt: skip
        begun = monotonic()
        keys = take(again=False) if begun >= self._look_for_new_at else []
        if not keys:
            if begun >= self._look_for_new_at:
                self._look_for_new_at = monotonic() + max(NEW_SECONDS, (monotonic() - begun) / NEW_SHARE)
            keys = take()
        return keys

    async def _judge(self, record: PairRecord) -> None:
        found, grade = settle(record, self.pilot, self.plan.judge)
        if found.is_settled:
            await self.turn.writer.put(Finding(grade, found))
            return
        with judged(self.pilot, record) as pair:
            await self._ask(course_of(record, self.pilot, self.plan.judge, found.facts), pair)

    async def _ask(self, course: Course, pair: JudgedPair) -> None:
        while (question := course.next_question()) is not None:
            asked = await self.shared.ask(question)
            if self._is_for_later(asked):
                await self.turn.writer.put(Finding.paid(asked))
                return
            if asked.is_unasked:
                await self.turn.writer.put(Finding.paid(asked, settlement=course.end(unasked=OVER_BUDGET)))
                return
            given = course.take(asked)
            pair.graded(given)
            last = course.end() if course.next_question() is None else None
            await self.turn.writer.put(Finding.paid(asked, grade=given.grade, settlement=last, score=given.score))

    def _is_for_later(self, asked: Asked[object]) -> bool:
        if isinstance(asked.outcome, Ungraded) and asked.outcome.reason == LATER:
            self.waits_for = asked.outcome.message
            return True
        return False
