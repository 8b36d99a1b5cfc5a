"""One arm is asked one request, within all bounds; whatever happens is an event for the recorder."""

import asyncio
import time
from dataclasses import dataclass
from decimal import Decimal

import orjson

from app.domain.configuration import ContentLevel
from app.domain.exchange import Failure, Json
from app.domain.live import ArmReplyEvent, RequestEvent, Skipped
from app.domain.words import FailureKind
from app.pipeline.mirroring import metrics
from app.pipeline.mirroring.arms import LiveArm
from app.pipeline.mirroring.breaker import Ticket, shows_breakage
from app.pipeline.mirroring.breakers import Breakers
from app.pipeline.mirroring.budget import Budget
from app.pipeline.mirroring.columns import columns_of
from app.pipeline.mirroring.patience import patiently
from app.pipeline.mirroring.pilots import LivePilot
from app.pipeline.mirroring.room import NoRoom, Room
from app.providers.asking import HttpModelServers
from app.providers.model_server import Answer
from app.providers.routes import unaskable

# A server that refuses parameters by name is asked again within one call: all of that has this much more than its own bound.
GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what may be kept of the answer."""

    pilot: LivePilot
    event: RequestEvent
    level: ContentLevel


class Caller:
    """Asks arms.

    Args:
        servers: The client.
        room: Calls in flight.
        breakers: Of all arms.
        budget: What calls may cost.
    """

    def __init__(self, servers: HttpModelServers, *, room: Room, breakers: Breakers, budget: Budget) -> None:
        self._servers = servers
        self._room = room
        self._breakers = breakers
        self._budget = budget

    async def ask(self, arm: LiveArm, question: Question, *, may_wait: bool) -> ArmReplyEvent:
        """The arm's reply, failure or absence; a request that may not wait for room is shed where there is none at once."""
        found = await self._ask(arm, question, may_wait=may_wait)
        labels = (question.pilot.name, arm.name)
        if found.skipped is not None:
            metrics.skipped.labels(*labels, found.skipped).inc()
        else:
            metrics.replies.labels(*labels, found.columns["failure"] or "answered").inc()
        return found

    async def _ask(self, arm: LiveArm, question: Question, *, may_wait: bool) -> ArmReplyEvent:
        event = question.event
        if arm.missing_key is not None or unaskable(orjson.loads(event.body), event.path, arm.target.server) is not None:
            return _skipped(arm, event, "not_asked")
        if not (arm.is_control or question.pilot.content.can_ask):
            return _skipped(arm, event, "not_asked")
        breaker = self._breakers.of(question.pilot.name, arm.name)
        if breaker.refuses:
            return self._unavailable(arm, question)
        try:
            async with self._room.enter(question.pilot.name, arm.name, arm.max_concurrency, may_wait=may_wait):
                ticket = breaker.ask()
                if ticket is None:
                    return self._unavailable(arm, question)
                try:
                    return await self._within_budget(arm, question, ticket)
                finally:
                    breaker.abandoned(ticket)
        except NoRoom:
            return _skipped(arm, event, "shed")

    async def _within_budget(self, arm: LiveArm, question: Question, ticket: Ticket) -> ArmReplyEvent:
        request = orjson.loads(question.event.body)
        if not arm.is_control:  # which is the incumbent: it has seen the request, and measures noise by seeing the same
            request = question.pilot.content.seen_by_candidate(question.level, request)
        limit = question.pilot.pilot.configuration.mirror.budget_usd
        if limit is None or arm.meter.is_rented_by_hour:
            return await self._call(arm, question, request, ticket)
        name, reserve, spent_before = question.pilot.name, arm.meter.reserve_usd(request), question.pilot.spent_usd
        if not arm.meter.is_known or not await patiently(
            lambda: self._budget.take(name, reserve, limit, spent_usd=spent_before)
        ):
            return _skipped(arm, question.event, "over_budget")
        spent = reserve  # also of a call that was broken off: it may have been answered, and so be billed
        try:
            found = await self._call(arm, question, request, ticket)
            spent = Decimal(found.usd) if found.usd is not None else reserve
        finally:
            await asyncio.shield(patiently(lambda: self._budget.settle(name, reserve, spent)))
        return found

    async def _call(self, arm: LiveArm, question: Question, request: Json, ticket: Ticket) -> ArmReplyEvent:
        event = question.event
        gauge = metrics.in_flight.labels(question.pilot.name, arm.name)
        queue_lag = max(0.0, time.time() - event.at_us / 1_000_000)
        metrics.queue_lag.observe(queue_lag)
        gauge.inc()
        try:
            answer = await self._bounded(arm, request, event.path)
        finally:
            gauge.dec()
        breaker = self._breakers.of(question.pilot.name, arm.name)
        (breaker.failed if shows_breakage(answer.reply) else breaker.worked)(ticket)
        return self._event(arm, question, answer, queue_lag)

    async def _bounded(self, arm: LiveArm, request: Json, path: str) -> Answer:
        limit = arm.target.timeout_seconds + GRACE_SECONDS
        try:
            async with asyncio.timeout(limit):
                return await self._servers.ask(request, arm.target, stream=request.get("stream") is True, path=path)
        except TimeoutError:
            return Answer(Failure(FailureKind.TIMEOUT, message=f"no complete reply within {limit:g} s"))

    def _unavailable(self, arm: LiveArm, question: Question) -> ArmReplyEvent:
        failure = Failure(FailureKind.UNAVAILABLE, message="its circuit breaker is open: it failed again and again")
        return self._event(arm, question, Answer(failure), None, usd=Decimal(0))

    def _event(
        self, arm: LiveArm, question: Question, answer: Answer, queue_lag: float | None, *, usd: Decimal | None = None
    ) -> ArmReplyEvent:
        """Its content as the level allows; the checks are made of what was said, before anything is masked."""
        event, level = question.event, question.level
        cost = usd if usd is not None else arm.meter.cost_usd(answer)
        checks = question.pilot.content.checks(orjson.loads(event.body), answer.reply) if level != "full" else {}
        return ArmReplyEvent(
            pilot=event.pilot,
            boot=event.boot,
            number=event.number,
            at_us=event.at_us,
            arm=arm.name,
            columns=columns_of(answer, level, queue_lag_seconds=queue_lag),
            checks=checks,
            usd=str(cost) if cost is not None else None,
            body=question.pilot.content.kept_reply(level, answer.reply),
        )


def _skipped(arm: LiveArm, event: RequestEvent, reason: Skipped) -> ArmReplyEvent:
    return ArmReplyEvent(event.pilot, event.boot, event.number, event.at_us, arm.name, skipped=reason)
