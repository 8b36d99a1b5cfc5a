"""Runs one claimed replay: asks each candidate within its limits, all candidates side by side."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.domain.content import FULL, METADATA
from app.domain.exchange import Failure, Json
from app.domain.pilot import Arm, Pilot
from app.domain.replay import NewReply, Replay, ReplayState, StoredRequest
from app.domain.requests import route_of
from app.domain.toml_table import ContentLevel
from app.domain.words import FailureKind, Source
from app.pipeline.call_spans import ArmCall
from app.pipeline.content import ContentPolicy
from app.pipeline.hold import NO_HOLD, Hold, watch
from app.pipeline.replay_money import Meter, Purse
from app.pipeline.replay_writing import Finding, ReplayWriter
from app.providers.asking import HttpModelServers, Limits, open_client
from app.providers.model_server import Answer, Target
from app.providers.routes import unaskable
from app.providers.timing import now
from app.providers.usage import kept_usage, plain_usage
from app.store.replays import exchanges_to_ask, read_requests
from app.store.session import SessionFactory
from app.traces import tracing
from app.traces.about import about

REQUESTS_AT_ONCE = 100
REFUSED_AT_THE_DOOR = (401, 403, 404)  # a wrong key, address or model name: nothing that an exchange could be blamed for
TOO_MANY_REQUESTS = 429
WAITS_FOR_ROOM = 5
LONGEST_WAIT_SECONDS = 30.0
# Then the worker takes whatever else is waiting before it goes on; well below the time after which a job is redelivered.
TURN_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One arm that is asked, and what of its pilot's texts it sees and leaves."""

    arm: Arm
    target: Target
    meter: Meter
    max_concurrency: int
    content: ContentPolicy


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Bounds of one turn.

    Attributes:
        lease_seconds: How long a dead worker's replay stays claimed.
        reply_bytes: Longest answer that is read.
        seconds: After them the worker lets others to the queue.
        hold: Says when others go first.
    """

    lease_seconds: float
    reply_bytes: int
    seconds: float = TURN_SECONDS
    hold: Hold = NO_HOLD


@dataclass(slots=True)
class Ending:
    """Why no further exchange is asked: a failure counts more than a turn that is over, and that more than a limit."""

    state: ReplayState = ReplayState.DONE
    message: str = ""

    def add(self, state: ReplayState, message: str) -> None:
        """One more reason to end; of equal ones the first counts."""
        rank = (ReplayState.DONE, ReplayState.RUNNING, ReplayState.FAILED)
        if not self.message or rank.index(state) > rank.index(self.state):
            self.state, self.message = state, message


async def run_replay(
    session_factory: SessionFactory, pilot: Pilot, replay: Replay, candidates: Sequence[Candidate], *,
    worker: str, limits: TurnLimits,
) -> tuple[ReplayState, str]:  # fmt: skip
    """Asks until everything is asked, something ends it or the turn is over; gives the state and the reason for people.

    Calls that are on the way then are waited for: they are paid. `RUNNING` = the turn is over, there is more to ask.
    """
    progress = {candidate.arm.name: replay.progress[candidate.arm.name] for candidate in candidates}
    writer = ReplayWriter(session_factory, pilot, replay.id, worker, limits.lease_seconds, progress)
    purse = Purse(replay.limits.usd, spent_usd=sum((arm.usd + arm.held_usd for arm in progress.values()), Decimal(0)))
    ending = Ending()
    async with open_client(Limits(reply_bytes=limits.reply_bytes)) as client:
        turn_ends = now() + limits.seconds
        whole = session_factory, pilot, replay, client, writer, purse, ending, turn_ends, limits.hold
        runs = [ArmRun(each, *whole) for each in candidates]
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(writer.run()), group.create_task(watch(limits.hold))]
            async with asyncio.TaskGroup() as asking:
                for run in runs:
                    asking.create_task(run.run())
            for task in beside:
                task.cancel()
    return ending.state, ending.message


@dataclass(slots=True)
class ArmRun:
    """The replay of one candidate."""

    candidate: Candidate
    session_factory: SessionFactory
    pilot: Pilot
    replay: Replay
    client: HttpModelServers
    writer: ReplayWriter
    purse: Purse
    ending: Ending
    turn_ends: float
    hold: Hold
    _is_over: bool = False
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Asks for everything that lacks a reply."""
        illness = await self.client.illness(self.candidate.target)
        if illness is not None:
            self._fail(illness)
            return
        ids = await asyncio.to_thread(self._read_ids)
        source = self._requests(ids)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.candidate.max_concurrency, len(ids))):
                group.create_task(self._work(source))

    async def _work(self, source: AsyncIterator[tuple[int, StoredRequest]]) -> None:
        while self._may_go_on():
            async with self._lock:
                item = await anext(source, None)
            if item is None:
                return
            exchange_id, stored = item
            path, level = route_of(stored.body), self._level(stored)
            is_askable = path is not None and unaskable(stored.body, path, self.candidate.target.server) is None
            if path is not None and is_askable and level != METADATA and self.candidate.content.can_ask:
                with about(pilot=self.pilot.name, exchange=stored.external_id, arm=self.candidate.arm.name):
                    await self._ask(exchange_id, stored, path, level)
            else:
                await self.writer.put(Finding(self.candidate.arm, None))

    def _level(self, stored: StoredRequest) -> ContentLevel:
        """As strict as its exchange was seen, and as the pilot is now."""
        return self.candidate.content.level(stored.segment, stored.level)

    async def _ask(self, exchange_id: int, stored: StoredRequest, path: str, level: ContentLevel) -> None:
        request = self.candidate.content.seen_by_candidate(level, stored.body)
        reserve = self.candidate.meter.reserve_usd(request)
        if not await self.purse.take(reserve):
            self._end(f"the limit of {self.replay.limits.usd} USD is reached")
            return
        spent = Decimal(0)
        try:
            if not self._may_go_on():
                return
            call = self._told(stored.external_id, request, path, level)
            answer = await self._answer(request, path)
            tracing.tell(lambda: call.span(answer))
            if await self._is_blameless(answer):
                return
            finding = self._finding(exchange_id, answer, reserve, level)
            spent = finding.usd if finding.usd is not None else reserve
            await self.writer.put(finding)
        finally:
            await self.purse.settle(reserve, spent)

    def _told(self, exchange: str, request: Json, path: str, level: ContentLevel) -> ArmCall:
        """What its span will say of it."""
        arm, target = self.candidate.arm, self.candidate.target
        return ArmCall(self.pilot.name, exchange, arm.name, target, request, path, level, "replay")

    async def _answer(self, request: Json, path: str) -> Answer:
        """A server that says that it has no room is given time: the rush is ours."""
        stream = request.get("stream") is True
        for attempt in range(WAITS_FOR_ROOM):
            answer = await self.client.ask(request, self.candidate.target, stream=stream, path=path)
            if not isinstance(answer.reply, Failure) or answer.reply.status != TOO_MANY_REQUESTS or not self._may_go_on():
                return answer
            wanted = answer.retry_after_seconds if answer.retry_after_seconds is not None else 0.5 * 2**attempt
            await asyncio.sleep(min(wanted, LONGEST_WAIT_SECONDS))
        return await self.client.ask(request, self.candidate.target, stream=stream, path=path)

    async def _is_blameless(self, answer: Answer) -> bool:
        """A server that is gone, or lets nobody in, ends the replay; no exchange is blamed for it."""
        reply, name = answer.reply, self.candidate.arm.name
        if not isinstance(reply, Failure):
            return False
        if reply.kind is FailureKind.CONNECTION:
            illness = await self.client.illness(self.candidate.target)
            if illness is not None:
                self._fail(illness)
            return illness is not None
        if reply.status in REFUSED_AT_THE_DOOR and self.writer.progress[name].answered == 0:
            self._fail(f"{name} at {self.candidate.target.base_url} refuses with {reply.status}: {reply.message}")
            return True
        return False

    def _finding(self, exchange_id: int, answer: Answer, reserve: Decimal, level: ContentLevel) -> Finding:
        kept = self.candidate.content.kept(level, answer.reply)
        assert kept is not None  # noqa: S101 - where nothing is kept nobody is asked
        usage = answer.usage
        row = NewReply(
            exchange_id=exchange_id,
            arm_id=self.candidate.arm.id,
            reply=kept,
            source=Source.REPLAY,
            model=answer.model,
            lag_seconds=answer.lag_seconds,
            adaptation=tuple(entry.as_json() for entry in answer.adaptations),
            fingerprint=answer.fingerprint,
            usage=replace(usage, raw=kept_usage(usage.raw) if level == FULL else plain_usage(usage.raw)),
        )
        meter = self.candidate.meter
        return Finding(self.candidate.arm, row, meter.cost_usd(answer), reserve, is_billed=not meter.is_rented_by_hour)

    def _may_go_on(self) -> bool:
        if self._is_over:
            return False
        if self.writer.state is not ReplayState.RUNNING:
            self._end("cancelled" if self.writer.state is ReplayState.CANCELLED else "another worker has taken over")
        elif self._is_late():
            self._end(f"the limit of {self.replay.limits.seconds:g} s is reached")
        elif now() >= self.turn_ends or self.hold.reason:
            self._is_over = True
            self.ending.add(ReplayState.RUNNING, self.hold.reason or "the turn is over")
        return not self._is_over

    def _is_late(self) -> bool:
        limit, started = self.replay.limits.seconds, self.replay.started_at
        return limit is not None and started is not None and datetime.now(UTC) >= started + timedelta(seconds=limit)

    def _end(self, message: str) -> None:
        self._is_over = True
        self.ending.add(ReplayState.DONE, message)

    def _fail(self, message: str) -> None:
        self._is_over = True
        self.ending.add(ReplayState.FAILED, message)

    async def _requests(self, ids: Sequence[int]) -> AsyncIterator[tuple[int, StoredRequest]]:
        for start in range(0, len(ids), REQUESTS_AT_ONCE):
            wanted = ids[start : start + REQUESTS_AT_ONCE]
            found = await asyncio.to_thread(self._read_requests, wanted)
            for exchange_id in wanted:
                if exchange_id in found:
                    yield exchange_id, found[exchange_id]

    def _read_ids(self) -> Sequence[int]:
        with self.session_factory() as session:
            ids = exchanges_to_ask(session, self.pilot, self.candidate.arm)
        limit = self.replay.limits.exchanges
        asked = self.writer.progress[self.candidate.arm.name].asked
        return ids if limit is None else ids[: max(0, limit - asked)]

    def _read_requests(self, ids: Sequence[int]) -> dict[int, StoredRequest]:
        with self.session_factory() as session:
            return read_requests(session, list(ids))
