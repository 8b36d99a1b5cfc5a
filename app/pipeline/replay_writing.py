"""Stores a replay's replies as they come: each call keeps its place until its reply is stored."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal

from app.domain.exchange import Failure
from app.domain.pilot import Arm, Pilot
from app.domain.replay import ArmProgress, NewReply, ReplayState
from app.store.replays import save_progress
from app.store.replies import record_replies
from app.store.session import SessionFactory, session_scope
from app.store.spend import book_spend

LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one exchange: a reply with its cost, or (`row` None) that it was not asked.

    Attributes:
        usd: What it cost; `None` = unknown.
        held_usd: What is held against the limit if the cost is unknown.
        is_billed: Whether there is anything to book: tokens of a model rented by the hour are not.
    """

    arm: Arm
    row: NewReply | None
    usd: Decimal | None = None
    held_usd: Decimal = Decimal(0)
    is_billed: bool = True


@dataclass(slots=True)
class ReplayWriter:
    """Writes findings in the batches in which they happen to come, and keeps the replay's lease.

    Attributes:
        state: As the database last said; `None` = another worker has taken the replay over.
    """

    session_factory: SessionFactory
    pilot: Pilot
    replay_id: int
    worker: str
    lease_seconds: float
    progress: dict[str, ArmProgress]
    state: ReplayState | None = ReplayState.RUNNING
    _waiting: list[tuple[Finding, "asyncio.Future[None]"]] = field(default_factory=list)
    _called: asyncio.Event = field(default_factory=asyncio.Event)

    async def put(self, finding: Finding) -> None:
        """Returns when the finding is stored."""
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((finding, stored))
        self._called.set()
        await stored

    async def run(self) -> None:
        """Writes until it is cancelled; looks at the replay's state at least every two seconds."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_SECONDS, self.lease_seconds / 3)):
                    await self._called.wait()
            self._called.clear()
            batch, self._waiting = self._waiting, []
            findings = [finding for finding, _ in batch]
            self.progress = {name: _advanced(arm, name, findings) for name, arm in self.progress.items()}
            self.state = await asyncio.to_thread(self._write, findings)
            for _, stored in batch:
                stored.set_result(None)

    def _write(self, findings: list[Finding]) -> ReplayState | None:
        with session_scope(self.session_factory) as session:
            record_replies(session, self.pilot, [finding.row for finding in findings if finding.row is not None])
            for arm in {finding.arm for finding in findings}:
                billed = [f for f in findings if f.arm == arm and f.row is not None and f.is_billed]
                known = [f.usd for f in billed if f.usd is not None]
                for calls, usd in ((len(known), sum(known, Decimal(0))), (len(billed) - len(known), None)):
                    book_spend(session, self.pilot.id, purpose="replay", model=arm.model, calls=calls, usd=usd)
            return save_progress(session, self.replay_id, self.progress, worker=self.worker, lease_seconds=self.lease_seconds)


def _advanced(progress: ArmProgress, name: str, findings: Iterable[Finding]) -> ArmProgress:
    for finding in findings:
        if finding.arm.name == name:
            progress = _with(progress, finding)
    return progress


def _with(progress: ArmProgress, finding: Finding) -> ArmProgress:
    if finding.row is None:
        return replace(progress, not_asked=progress.not_asked + 1)
    is_failure = isinstance(finding.row.reply, Failure)
    return replace(
        progress,
        asked=progress.asked + 1,
        answered=progress.answered + (not is_failure),
        failed=progress.failed + is_failure,
        usd=progress.usd + (finding.usd or Decimal(0)),
        unpriced=progress.unpriced + (finding.usd is None),
        held_usd=progress.held_usd + (finding.held_usd if finding.usd is None else Decimal(0)),
    )
