"""Offers one step of a rehearsal: requests leave at their moments whatever the server does with those before (open loop)."""

import asyncio
import gc
import resource
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal

from app.domain.exchange import Failure, Json
from app.domain.measures import LAG_LIMIT_SECONDS
from app.domain.rehearsal import ObjectiveModel
from app.pipeline.rehearsal_figures import Call, Offer
from app.pipeline.replay_money import Purse
from app.pipeline.replay_run import REFUSED_AT_THE_DOOR, Candidate
from app.providers.asking import HttpModelServers, Limits, open_client
from app.providers.model_server import Answer
from app.providers.timing import now

WARMING_CALLS = 4
_HEAD_START_SECONDS = 0.05
# The loop is let go at least so often where requests are due faster than it sleeps.
_BREATH_SECONDS = 0.002
_OWN_FILES = 128
# So late our own process has fallen hopelessly behind: what it would still send is no load that anybody asked for.
_GIVE_UP_SECONDS = 2.0
# A call that is in flight so many times longer than its limit is too late, whatever becomes of it.
_PATIENCE_LIMITS, _LEAST_PATIENCE_SECONDS = 2.0, 2.0


@dataclass(frozen=True, slots=True)
class Due:
    """A request that is sent at its moment, in seconds since the step began."""

    at: float
    request: Json
    path: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process may do at once, and when it mistrusts itself."""

    concurrency: int = 2000
    reply_bytes: int = 8 * 1024 * 1024
    lag_seconds: float = LAG_LIMIT_SECONDS

    @property
    def calls(self) -> int:
        """Calls in flight that this process may have: each needs a file, and one that finds none would look like a failure."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.concurrency if files == resource.RLIM_INFINITY else max(1, min(self.concurrency, files - _OWN_FILES))


class CannotRehearse(Exception):
    """The server is not there or lets nobody in; the message says which."""


@dataclass(slots=True)
class Offering:
    """One step under way.

    Attributes:
        calls: Those that ended, and those that were refused a place.
        is_stopped: Set from outside: nothing more is sent, and what is in flight is ended.
    """

    candidate: Candidate
    dues: Sequence[Due]
    seconds: float
    patience_seconds: float
    bounds: Bounds
    purse: Purse
    calls: list[Call] = field(default_factory=list)
    not_sent: int = 0
    is_stopped: asyncio.Event = field(default_factory=asyncio.Event)
    spent_usd: Decimal = Decimal(0)
    held_usd: Decimal = Decimal(0)
    paid_calls: int = 0
    unpriced_calls: int = 0
    _flying: set["asyncio.Task[None]"] = field(default_factory=set)
    _fault: BaseException | None = None
    _began: float = 0.0
    _processor_share: float = 0.0

    async def run(self) -> Offer:
        """Offers all requests and waits for their answers, at most the patience after the last one was due.

        Raises:
            CannotRehearse: Nothing was offered.
        """
        async with open_client(Limits(reply_bytes=self.bounds.reply_bytes)) as client:
            await self._warm(client)
            gc.collect()
            gc.freeze()  # what was read for the step is not looked through again while it runs
            try:
                self._began = now() + _HEAD_START_SECONDS
                processor, clock = time.process_time(), now()
                await self._send_all(client)
                self._processor_share = (time.process_time() - processor) / (now() - clock)
                await self._wait_for_answers()
            finally:
                gc.unfreeze()
        return Offer(self.seconds, self.not_sent, self._processor_share, self.bounds.lag_seconds)

    async def _warm(self, client: HttpModelServers) -> None:
        """A few calls that do not count: what the server refuses, its first slow answer, what is left of the step before."""
        illness = await client.illness(self.candidate.target)
        if illness is not None:
            raise CannotRehearse(illness)
        first = [due for due in self.dues[:WARMING_CALLS] if await self._reserve(due)]
        answers = await asyncio.gather(*(self._ask(client, due) for due in first))
        for due, answer in zip(first, answers, strict=True):
            await self._book(due, answer)
            reply = answer.reply
            if isinstance(reply, Failure) and reply.status in REFUSED_AT_THE_DOOR:
                target = self.candidate.target
                message = f"{self.candidate.arm.name} at {target.base_url} refuses with {reply.status}: {reply.message}"
                raise CannotRehearse(message)

    async def _send_all(self, client: HttpModelServers) -> None:
        let_go, most = now(), self.bounds.calls
        for number, due in enumerate(self.dues):
            wait = self._began + due.at - now()
            if wait > 0 or now() - let_go > _BREATH_SECONDS:
                await self._sleep(wait)
                let_go = now()
            if self.is_stopped.is_set():
                return
            if now() - self._began - due.at > _GIVE_UP_SECONDS:
                self.calls += [Call(each.at, None, each.at) for each in self.dues[number:]]
                return
            if len(self._flying) >= most:
                self.calls.append(Call(due.at, None, due.at))
            elif await self._reserve(due):
                task = asyncio.create_task(self._call(client, due))
                self._flying.add(task)
                task.add_done_callback(self._landed)
            else:
                self.not_sent = len(self.dues) - number
                return
        await self._sleep(self._began + self.seconds - now())

    async def _sleep(self, seconds: float) -> None:
        if seconds <= _BREATH_SECONDS:
            await asyncio.sleep(max(0.0, seconds))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.is_stopped.wait()

    async def _reserve(self, due: Due) -> bool:
        """Never waits: a request that waited for money would not leave at its moment."""
        return await self.purse.take_now(self.candidate.meter.reserve_usd(due.request))

    async def _call(self, client: HttpModelServers, due: Due) -> None:
        begun = now()
        late = begun - self._began - due.at
        try:
            answer = await self._ask(client, due)
        except asyncio.CancelledError:
            held = await self._book(due, None)
            at = now() - self._began
            self.calls.append(Call(due.at, begun - self._began, at, is_unfinished=True, lag=late, usd=None, held_usd=held))
            raise
        held = await self._book(due, answer)
        self.calls.append(self._measured(due, answer, begun, late, held))

    async def _ask(self, client: HttpModelServers, due: Due) -> Answer:
        return await client.ask(due.request, self.candidate.target, stream=due.request.get("stream") is True, path=due.path)

    def _measured(self, due: Due, answer: Answer, begun: float, late: float, held: Decimal) -> Call:
        sent = (answer.sent_at if answer.sent_at is not None else begun) - self._began
        timing = answer.reply.timing
        total, first = timing.total_seconds, timing.ttft_any_seconds
        return Call(
            due=due.at,
            sent=sent,
            ended=sent + total if total is not None else now() - self._began,
            first=sent + first if first is not None else None,
            failure=answer.reply.kind.value if isinstance(answer.reply, Failure) else "",
            output_tokens=answer.usage.output_tokens,
            lag=max(late, answer.lag_seconds or 0.0),
            usd=self.candidate.meter.cost_usd(answer),
            held_usd=held,
        )

    async def _book(self, due: Due, answer: Answer | None) -> Decimal:
        """Settles a call with the purse; gives what is held for one whose cost nobody knows."""
        meter = self.candidate.meter
        reserve = meter.reserve_usd(due.request)
        usd = Decimal(0) if meter.is_rented_by_hour else meter.cost_usd(answer) if answer is not None else None
        held = reserve if usd is None else Decimal(0)
        self.spent_usd += usd or Decimal(0)
        self.held_usd += held
        self.paid_calls += not meter.is_rented_by_hour
        self.unpriced_calls += usd is None
        await self.purse.settle(reserve, usd if usd is not None else reserve)
        return held

    async def _wait_for_answers(self) -> None:
        """Then what is still in flight is ended: servers stop working on it."""
        stopping = asyncio.create_task(self.is_stopped.wait())
        if self._flying:
            landing = asyncio.ensure_future(asyncio.wait(self._flying))
            await asyncio.wait({landing, stopping}, timeout=self.patience_seconds, return_when=asyncio.FIRST_COMPLETED)
            landing.cancel()
        stopping.cancel()
        left = list(self._flying)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, stopping, return_exceptions=True)
        if self._fault is not None:
            raise self._fault

    def _landed(self, task: "asyncio.Task[None]") -> None:
        self._flying.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()


def patience_seconds(objective: ObjectiveModel, timeout_seconds: float) -> float:
    """How long answers are waited for after the last request was due."""
    if objective.total_p95_seconds is None:
        return timeout_seconds
    return min(timeout_seconds, max(_LEAST_PATIENCE_SECONDS, _PATIENCE_LIMITS * objective.total_p95_seconds))
