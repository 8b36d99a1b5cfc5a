"""Stores a judge's grades as they come, with what they cost: whoever asked goes on when its grade is stored."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic
from typing import Any

from sqlalchemy.orm import Session

from app.domain.grading import NewGrade, Settlement
from app.domain.judge_money import JudgePurpose
from app.domain.rubric_scores import NewScore
from app.pipeline import judge_metrics
from app.pipeline.judge_asking import Asked
from app.pipeline.judge_purse import Booking, JudgePurse
from app.store.grades import insert_grades, save_settlements
from app.store.gradings import prolong_claims
from app.store.judge_money import Reserve, change_reserve, drop_reserve, insert_reserve
from app.store.rubric_scores import insert_scores
from app.store.session import SessionFactory, session_scope
from app.store.spend import book_spend

# Answers that come within it are stored by one transaction.
LINGER_SECONDS = 0.02
_NOTHING = Decimal(0)


class WorkerReplaced(RuntimeError):
    """Another worker took this one for dead and has booked its reserve: nothing more may be asked under it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of asking: a grade, a reply's score, what it cost, and the pair's end if this was it.

    Attributes:
        usd: Of all calls, `uncounted_usd` included: the part of it that is put down for calls that no server has counted.
    """

    grade: NewGrade | None
    settlement: Settlement | None
    calls: int = 0
    usd: Decimal = _NOTHING
    score: NewScore | None = None
    uncounted_calls: int = 0
    uncounted_usd: Decimal = _NOTHING
    purpose: JudgePurpose = JudgePurpose.JUDGE

    @classmethod
    def paid(
        cls,
        asked: Asked[Any],
        *,
        grade: NewGrade | None = None,
        settlement: Settlement | None = None,
        score: NewScore | None = None,
        purpose: JudgePurpose = JudgePurpose.JUDGE,
    ) -> "Finding":
        """What came of asking, with the bill of it."""
        return cls(grade, settlement, asked.calls, asked.usd, score, asked.uncounted_calls, asked.uncounted_usd, purpose)


@dataclass(slots=True)
class GradeWriter:
    """Writes findings in the batches in which they happen to come, keeps the leases of one worker, and its reserve."""

    session_factory: SessionFactory
    pilot_id: int
    model: str
    worker: str
    lease_seconds: float
    purse: JudgePurse
    purpose: JudgePurpose = JudgePurpose.JUDGE
    _waiting: list[tuple[Finding, "asyncio.Future[None]"]] = field(default_factory=list)
    _called: asyncio.Event = field(default_factory=asyncio.Event)
    _prolonged_at: float = field(default_factory=monotonic)
    _has_reserve: bool = False

    def __post_init__(self) -> None:
        self.purse.wake = self._called.set

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
            await self._store([finding for finding, _ in batch])
            for _, stored in batch:
                if not stored.cancelled():
                    stored.set_result(None)

    def close(self) -> None:
        """The turn is over: calls that were cut off are booked at the most that they may cost, the reserve is given back."""
        with session_scope(self.session_factory) as session:
            if self._has_reserve and not drop_reserve(session, self.worker):
                return  # another worker has booked all of it
            if self.purse.open_usd:
                self._book(session, self.purpose, self.purse.open_calls, self.purse.open_usd, is_at_most=True)

    async def _store(self, findings: Sequence[Finding]) -> None:
        """A write that has begun is waited for even when the turn is cancelled: money must be booked once, and once only."""
        booking = self.purse.booking(sum(f.calls for f in findings), sum((f.usd for f in findings), _NOTHING))
        writing = asyncio.ensure_future(asyncio.to_thread(self._write, findings, booking))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            self.purse.booked(booking)
            raise
        self.purse.booked(booking)

    def _write(self, findings: Sequence[Finding], booking: Booking) -> None:
        with session_scope(self.session_factory) as session:
            insert_scores(session, self.pilot_id, [found.score for found in findings if found.score is not None])
            insert_grades(session, self.pilot_id, [found.grade for found in findings if found.grade is not None])
            settlements = [found.settlement for found in findings if found.settlement is not None]
            save_settlements(session, settlements, worker=self.worker)
            for (purpose, is_at_most), (calls, usd) in _bills(findings).items():
                self._book(session, purpose, calls, usd, booking, is_at_most=is_at_most)
            if booking.is_new_reserve:
                self._reserve(session, booking)
            if monotonic() - self._prolonged_at > self.lease_seconds / 4:
                prolong_claims(session, self.pilot_id, worker=self.worker, lease_seconds=self.lease_seconds)
                self._prolonged_at = monotonic()

    def _book(
        self, session: Session, purpose: JudgePurpose, calls: int, usd: Decimal, booking: Booking | None = None, *,
        is_at_most: bool,
    ) -> None:  # fmt: skip
        at = booking.at if booking is not None else None
        book_spend(
            session, self.pilot_id, purpose=purpose.value, model=self.model, calls=calls, usd=usd, at=at, is_at_most=is_at_most
        )
        judge_metrics.usd.labels(self.model, purpose.value).inc(float(usd))
        if is_at_most:
            judge_metrics.uncounted_usd.labels(self.model).inc(float(usd))

    def _reserve(self, session: Session, booking: Booking) -> None:
        purpose, calls = self.purpose.value, booking.open_calls
        reserve = Reserve(self.worker, purpose, self.model, calls, booking.reserve_usd, booking.at)
        if not self._has_reserve:
            insert_reserve(session, self.pilot_id, reserve)
            self._has_reserve = True
        elif not change_reserve(session, reserve):
            message = f"another worker has taken over the grading of pilot {self.pilot_id}"
            raise WorkerReplaced(message)


def _bills(findings: Sequence[Finding]) -> dict[tuple[JudgePurpose, bool], tuple[int, Decimal]]:
    """Calls and dollars by purpose, those that servers counted apart from those that they did not."""
    found: defaultdict[tuple[JudgePurpose, bool], tuple[int, Decimal]] = defaultdict(lambda: (0, _NOTHING))
    for each in findings:
        counted = each.calls - each.uncounted_calls, each.usd - each.uncounted_usd
        for is_at_most, (calls, usd) in ((False, counted), (True, (each.uncounted_calls, each.uncounted_usd))):
            if calls:
                before = found[each.purpose, is_at_most]
                found[each.purpose, is_at_most] = before[0] + calls, before[1] + usd
    return dict(found)
