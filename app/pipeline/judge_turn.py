"""One worker's turn with a model that grades: its client, money, limit of calls and writer, the same for all that is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

from app.costs.prices import Prices
from app.domain.judge_money import JudgePurpose
from app.domain.judge_table import JudgeTable
from app.graders.judge_client import JudgeTarget, open_judge
from app.pipeline.call_limiter import CallLimiter, room_of
from app.pipeline.grade_writing import GradeWriter
from app.pipeline.hold import NO_HOLD, Hold, watch
from app.pipeline.judge_asking import JudgeAsking, Patience
from app.pipeline.judge_purse import Budget, JudgePurse, utc_now
from app.pipeline.settlement import Judge
from app.store.judge_money import book_dead_reserves, judge_spent
from app.store.session import SessionFactory, session_scope


@dataclass(frozen=True, slots=True)
class JudgingPlan:
    """Who is asked, what it costs, and within which bounds."""

    judge: Judge
    target: JudgeTarget
    prices: Prices
    budget: Budget
    concurrency: int
    lease_seconds: float
    seconds: float
    patience: Patience
    hold: Hold = NO_HOLD


@dataclass(frozen=True, slots=True)
class Turn:
    """What whoever asks needs; nobody asks after `ends_at` (monotonic seconds), nor while there is a reason to wait."""

    asking: JudgeAsking
    writer: GradeWriter
    ends_at: float
    hold: Hold = NO_HOLD

    @property
    def is_over(self) -> bool:
        """Whether its time is over, or others go first."""
        return monotonic() >= self.ends_at or bool(self.hold.reason)


def budget_of(session_factory: SessionFactory, pilot_id: int, table: JudgeTable) -> Budget:
    """What may be spent and what is, once the reserves of workers that died are booked. Only for the pilot's one grader."""
    with session_scope(session_factory) as session:
        book_dead_reserves(session, pilot_id)
        spent = judge_spent(session, pilot_id, utc_now())
    return Budget(table.budget_usd, spent.usd, table.budget_usd_per_day, spent.day, spent.day_usd)


@asynccontextmanager
async def judge_turn(
    session_factory: SessionFactory,
    pilot_id: int,
    plan: JudgingPlan,
    worker: str,
    *,
    purpose: JudgePurpose = JudgePurpose.JUDGE,
) -> AsyncIterator[Turn]:
    """A turn; at its end, whatever ends it, everything that was asked is booked.

    Args:
        session_factory: Where grades and money are stored.
        pilot_id: Whose.
        plan: Who is asked, and how.
        worker: A name for this turn alone.
        purpose: Under which calls are booked that are cut off.
    """
    purse, room = JudgePurse(plan.budget), room_of(plan.target.base_url, plan.target.model)
    writer = GradeWriter(session_factory, pilot_id, plan.target.model, worker, plan.lease_seconds, purse, purpose)
    ends_at = monotonic() + plan.seconds
    try:
        async with open_judge(plan.target) as client, asyncio.TaskGroup() as group:
            beside = [group.create_task(writer.run()), group.create_task(watch(plan.hold))]
            asking = JudgeAsking(
                client, plan.prices, purse, plan.patience, room, CallLimiter(plan.concurrency, room), plan.target.model,
                ends_at=ends_at, max_output_tokens=plan.target.max_output_tokens,
            )  # fmt: skip
            yield Turn(asking, writer, ends_at, plan.hold)
            for task in beside:
                task.cancel()
    finally:
        writer.close()
