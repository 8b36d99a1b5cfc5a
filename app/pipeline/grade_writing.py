"""Stores a judge's grades as they come: each call keeps its place until its grade is stored."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic

from app.domain.grading import NewGrade, Settlement
from app.domain.rubric_scores import NewScore
from app.store.grades import insert_grades, save_settlements
from app.store.gradings import JUDGE_PURPOSE, prolong_claims
from app.store.rubric_scores import insert_scores
from app.store.session import SessionFactory, session_scope
from app.store.spend import book_spend

# Answers that come within it are stored by one transaction.
LINGER_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of asking: a grade, a reply's score, what it cost, and the pair's end if this was it."""

    grade: NewGrade | None
    settlement: Settlement | None
    calls: int = 0
    usd: Decimal = Decimal(0)
    score: NewScore | None = None


@dataclass(slots=True)
class GradeWriter:
    """Writes findings in the batches in which they happen to come, and keeps the leases of one worker."""

    session_factory: SessionFactory
    pilot_id: int
    model: str
    worker: str
    lease_seconds: float
    _waiting: list[tuple[Finding, "asyncio.Future[None]"]] = field(default_factory=list)
    _called: asyncio.Event = field(default_factory=asyncio.Event)
    _prolonged_at: float = field(default_factory=monotonic)

    async def put(self, finding: Finding) -> None:
        """Returns when the finding is stored."""
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((finding, stored))
        self._called.set()
        await stored

    async def run(self) -> None:
        """Writes until it is cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.lease_seconds / 4):
                    await self._called.wait()
                    await asyncio.sleep(LINGER_SECONDS)
            self._called.clear()
            batch, self._waiting = self._waiting, []
            await asyncio.to_thread(self._write, [finding for finding, _ in batch])
            for _, stored in batch:
                if not stored.cancelled():
                    stored.set_result(None)

    def _write(self, findings: Sequence[Finding]) -> None:
        with session_scope(self.session_factory) as session:
            insert_scores(session, self.pilot_id, [found.score for found in findings if found.score is not None])
            insert_grades(session, self.pilot_id, [found.grade for found in findings if found.grade is not None])
            settlements = [found.settlement for found in findings if found.settlement is not None]
            save_settlements(session, settlements, worker=self.worker)
            calls, usd = sum(found.calls for found in findings), sum((found.usd for found in findings), Decimal(0))
            book_spend(session, self.pilot_id, purpose=JUDGE_PURPOSE, model=self.model, calls=calls, usd=usd)
            if monotonic() - self._prolonged_at > self.lease_seconds / 4:
                prolong_claims(session, self.pilot_id, worker=self.worker, lease_seconds=self.lease_seconds)
                self._prolonged_at = monotonic()
