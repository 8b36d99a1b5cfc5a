"""Keeps a rehearsal's lease while a step is under way, books what it spends, and stops it when somebody cancels."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from app.domain.pilot import Arm, Pilot
from app.domain.rehearsal import StepModel
from app.domain.replay import ReplayState
from app.pipeline.rehearsal_figures import Offer
from app.pipeline.rehearsal_step import Offering
from app.store.health import DATABASE_ERRORS
from app.store.rehearsals import save_steps
from app.store.session import SessionFactory, session_scope
from app.store.spend import book_spend

LOOK_SECONDS = 2.0
PURPOSE = "rehearsal"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class StepLog:
    """One step under way.

    Attributes:
        steps: Those before it.
        begun: The step as it began.
        state: The rehearsal's, as the database last said; `None` = another worker has taken it over.
    """

    session_factory: SessionFactory
    pilot: Pilot
    rehearsal_id: int
    arm: Arm
    worker: str
    lease_seconds: float
    steps: list[StepModel]
    begun: StepModel
    offering: Offering
    state: ReplayState | None = ReplayState.RUNNING
    _booked_usd: Decimal = Decimal(0)
    _booked_calls: int = 0
    _booked_unpriced: int = 0

    async def offer(self) -> Offer:
        """Makes the step."""
        await asyncio.to_thread(self._look)
        is_over = asyncio.Event()
        looking = asyncio.create_task(self._keep_looking(is_over))
        try:
            return await self.offering.run()
        finally:
            # A thread cannot be cancelled: one that went on beside the last look would book the same calls again.
            is_over.set()
            await looking
            await asyncio.to_thread(self._look)

    def step(self) -> StepModel:
        """The step as far as it is, with its costs."""
        made = self.offering
        costs = {"usd": made.spent_usd, "held_usd": made.held_usd, "unpriced": made.unpriced_calls}
        return self.begun.model_copy(update=costs)

    async def _keep_looking(self, is_over: asyncio.Event) -> None:
        while self.state is ReplayState.RUNNING:
            with suppress(TimeoutError):
                await asyncio.wait_for(is_over.wait(), min(LOOK_SECONDS, self.lease_seconds / 3))
            if is_over.is_set():
                return
            try:
                await asyncio.to_thread(self._look)
            except DATABASE_ERRORS as error:
                log.warning("rehearsal %s: its step goes on while the database is away: %s", self.rehearsal_id, error)
        self.offering.is_stopped.set()

    def _look(self) -> None:
        made, step = self.offering, self.step()
        calls, unpriced = made.paid_calls, made.unpriced_calls
        with session_scope(self.session_factory) as session:
            self._book(session, calls - unpriced - self._booked_calls, step.usd - self._booked_usd)
            self._book(session, unpriced - self._booked_unpriced, None)
            self.state = save_steps(
                session, self.rehearsal_id, [*self.steps, step], worker=self.worker, lease_seconds=self.lease_seconds
            )
        self._booked_calls, self._booked_unpriced, self._booked_usd = calls - unpriced, unpriced, step.usd

    def _book(self, session: Session, calls: int, usd: Decimal | None) -> None:
        book_spend(session, self.pilot.id, purpose=PURPOSE, model=self.arm.model, calls=calls, usd=usd)
