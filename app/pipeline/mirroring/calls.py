"""One arm is asked one request, within all bounds; whatever happens is an event for the recorder."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import orjson

from app.domain.exchange import Failure, Json, Reply
from app.domain.live import ArmReplyEvent, RepeatEvent, RequestEvent, Skipped, external_id
from app.domain.toml_table import ContentLevel
from app.domain.words import FailureKind
from app.pipeline.call_spans import ArmCall, without_none
from app.pipeline.mirroring import metrics
from app.pipeline.mirroring.arms import LiveArm
from app.pipeline.mirroring.aside import aside
from app.pipeline.mirroring.breaker import Ticket, shows_breakage
from app.pipeline.mirroring.breakers import Breakers
from app.pipeline.mirroring.budget import Budget
from app.pipeline.mirroring.columns import columns_of
from app.pipeline.mirroring.patience import patiently
from app.pipeline.mirroring.pilots import LivePilot
from app.pipeline.mirroring.repeating import compared, is_repeated
from app.pipeline.mirroring.room import NoRoom, Room
from app.providers.asking import HttpModelServers
from app.providers.model_server import Answer
from app.providers.routes import unaskable
from app.traces import names, tracing

# A server that refuses parameters by name is asked again within one call: all of that has this much more than its own bound.
GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what may be kept of the answer; `conversation` as it is stored."""

    pilot: LivePilot
    event: RequestEvent
    level: ContentLevel
    conversation: str | None = None
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Met:
    """What a call met: `queue_lag_seconds` `None` = none was made; `usd` `None` = nobody knows what it cost."""

    answer: Answer
    queue_lag_seconds: float | None
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the recorder is told, and the answer behind it; `None` = no call was made."""

    event: ArmReplyEvent
    answer: Answer | None = None


UNAVAILABLE = Met(
    Answer(Failure(FailureKind.UNAVAILABLE, message="its circuit breaker is open: it failed again and again")), None, Decimal(0)
)


class Caller:
    """Asks arms.

    Args:
        servers: The client.
        room: Calls in flight.
        breakers: Of all arms.
        budget: What calls may cost.
        is_rehearsed: Whether a pilot's candidate is being rehearsed: then it is left alone.
    """

    def __init__(
        self,
        servers: HttpModelServers,
        *,
        room: Room,
        breakers: Breakers,
        budget: Budget,
        is_rehearsed: Callable[[str, str], bool],
    ) -> None:
        self._servers = servers
        self._room = room
        self._breakers = breakers
        self._budget = budget
        self._is_rehearsed = is_rehearsed

    async def ask(self, arm: LiveArm, question: Question, *, may_wait: bool) -> Asked:
        """The arm's reply, failure or absence; a request that may not wait for room is shed where there is none at once."""
        asked = await self._ask(arm, question, may_wait=may_wait)
        labels, found = (question.pilot.name, arm.name), asked.event
        if found.skipped is not None:
            metrics.skipped.labels(*labels, found.skipped).inc()
        else:
            metrics.replies.labels(*labels, found.columns["failure"] or "answered").inc()
        return asked

    async def repeat(self, arm: LiveArm, question: Question, asked: Asked, *, may_wait: bool) -> RepeatEvent | None:
        """The same again, for a share of the calls that answered; `None` = this one is not repeated, or could not be."""
        first = asked.answer
        if first is None or isinstance(first.reply, Failure) or not is_repeated(question.event, arm.name, arm.repeat_rate):
            return None
        if self._is_rehearsed(question.pilot.name, arm.name):
            return None
        try:
            met = await self._in_room(arm, replace(question, is_repeat=True), may_wait=may_wait)
        except NoRoom:
            met = None
        found = None
        if met is not None and met is not UNAVAILABLE:
            event, usd = question.event, str(met.usd) if met.usd is not None else None
            found = await aside(
                lambda: compared(event, arm.name, _loads(event.body), first, met.answer, usd), size=len(event.body)
            )
        metrics.repeats.labels(question.pilot.name, arm.name, metrics.outcome_of(found)).inc()
        return found

    async def _ask(self, arm: LiveArm, question: Question, *, may_wait: bool) -> Asked:
        if await self._cannot_be_asked(arm, question):
            return Asked(_skipped(arm, question.event, "not_asked"))
        if self._breakers.of(question.pilot.name, arm.name).refuses:
            return Asked(await self._event(arm, question, UNAVAILABLE))
        try:
            met = await self._in_room(arm, question, may_wait=may_wait)
        except NoRoom:
            return Asked(_skipped(arm, question.event, "shed"))
        if met is None:
            return Asked(_skipped(arm, question.event, "over_budget"))
        if met.queue_lag_seconds is not None:
            metrics.queue_lag.observe(met.queue_lag_seconds)
        return Asked(await self._event(arm, question, met), met.answer)

    async def _in_room(self, arm: LiveArm, question: Question, *, may_wait: bool) -> Met | None:
        """What a call met; `None` if it is over budget. Raises `NoRoom`."""
        breaker = self._breakers.of(question.pilot.name, arm.name)
        async with self._room.enter(question.pilot.name, arm.name, arm.max_concurrency, may_wait=may_wait):
            ticket = breaker.ask()
            try:
                return await self._within_budget(arm, question, ticket) if ticket is not None else UNAVAILABLE
            finally:
                if ticket is not None:
                    breaker.abandoned(ticket)

    async def _cannot_be_asked(self, arm: LiveArm, question: Question) -> bool:
        if arm.missing_key is not None or not (arm.is_control or question.pilot.content.can_ask):
            return True
        if self._is_rehearsed(question.pilot.name, arm.name):
            return True
        event = question.event
        why = await aside(lambda: unaskable(orjson.loads(event.body), event.path, arm.target.server), size=len(event.body))
        return why is not None

    async def _within_budget(self, arm: LiveArm, question: Question, ticket: Ticket) -> Met | None:
        """What the call met; `None` if it would cost too much, or nobody knows how much."""
        request = await self._request(arm, question)
        limit = question.pilot.pilot.configuration.mirror.budget_usd
        if limit is None or arm.meter.is_rented_by_hour:
            return await self._call(arm, question, request, ticket)
        name, reserve, before = question.pilot.name, arm.meter.reserve_usd(request), question.pilot.spent_usd
        if not arm.meter.is_known:
            return None
        if not await patiently(lambda: self._budget.take(name, reserve, limit, spent_usd=before)):
            return None
        spent = reserve  # also of a call that was broken off: it may have been answered, and so be billed
        try:
            met = await self._call(arm, question, request, ticket)
            spent = met.usd if met.usd is not None else reserve
        finally:
            await asyncio.shield(patiently(lambda: self._budget.settle(name, reserve, spent)))
        return met

    async def _request(self, arm: LiveArm, question: Question) -> Json:
        """What the arm is asked: a copy of its own, masked if candidates see masked requests."""
        body, content = question.event.body, question.pilot.content
        if arm.is_control:  # the incumbent has seen the request; only the same again shows its noise
            return await aside(lambda: _loads(body), size=len(body))
        level: ContentLevel = "masked" if content.masks_candidate else "full"
        return await aside(lambda: content.seen_by_candidate(question.level, _loads(body)), size=len(body), level=level)

    async def _call(self, arm: LiveArm, question: Question, request: Json, ticket: Ticket) -> Met:
        event = question.event
        gauge = metrics.in_flight.labels(question.pilot.name, arm.name)
        queue_lag = max(0.0, time.time() - event.at_us / 1_000_000)
        call = _told_call(arm, question, request, queue_lag)
        gauge.inc()
        try:
            answer = await self._bounded(arm, request, event.path)
        finally:
            gauge.dec()
        tracing.tell(lambda: call.span(answer))
        breaker = self._breakers.of(question.pilot.name, arm.name)
        (breaker.failed if shows_breakage(answer.reply) else breaker.worked)(ticket)
        return Met(answer, queue_lag, arm.meter.cost_usd(answer))

    async def _bounded(self, arm: LiveArm, request: Json, path: str) -> Answer:
        limit = arm.target.timeout_seconds + GRACE_SECONDS
        try:
            async with asyncio.timeout(limit):
                return await self._servers.ask(request, arm.target, stream=request.get("stream") is True, path=path)
        except TimeoutError:
            return Answer(Failure(FailureKind.TIMEOUT, message=f"no complete reply within {limit:g} s"))

    async def _event(self, arm: LiveArm, question: Question, met: Met) -> ArmReplyEvent:
        """Its content as the level allows; the checks are made of what was said, before anything is masked."""
        event, level, reply, content = question.event, question.level, met.answer.reply, question.pilot.content

        def kept() -> tuple[Json, bytes | None]:
            checks = content.checks(_loads(event.body), reply) if level != "full" else {}
            return checks, content.kept_reply(level, reply)

        checks, body = await aside(kept, size=_size(reply), level=level)
        return ArmReplyEvent(
            pilot=event.pilot,
            boot=event.boot,
            number=event.number,
            at_us=event.at_us,
            arm=arm.name,
            columns=columns_of(
                met.answer,
                level,
                queue_lag_seconds=met.queue_lag_seconds,
                cost=question.pilot.cost(arm.name, met.answer, event.at_us),
            ),
            checks=checks,
            usd=str(met.usd) if met.usd is not None else None,
            body=body,
        )


def _told_call(arm: LiveArm, question: Question, request: Json, queue_lag_seconds: float) -> ArmCall:
    """What its span will say of it."""
    event, more = question.event, {names.QUEUE_LAG: queue_lag_seconds, names.CONVERSATION: question.conversation}
    exchange, source = external_id(event.boot, event.number), "repeat" if question.is_repeat else "mirror"
    return ArmCall(event.pilot, exchange, arm.name, arm.target, request, event.path, question.level, source, without_none(more))


def _loads(body: bytes) -> Json:
    request: Json = orjson.loads(body)
    return request


def _size(reply: Reply | Failure) -> int:
    return 0 if isinstance(reply, Failure) else len(reply.content or "") + len(reply.reasoning or "")


def _skipped(arm: LiveArm, event: RequestEvent, reason: Skipped) -> ArmReplyEvent:
    return ArmReplyEvent(event.pilot, event.boot, event.number, event.at_us, arm.name, skipped=reason)
