"""Asks a model that grades one question until there is an answer or none is to be had, within the budget."""

import asyncio
import random
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic, time_ns
from typing import Any, Generic

from app.costs.prices import Prices, cost_usd
from app.domain.exchange import Usage
from app.graders.grade import Ungraded
from app.graders.judge_client import CUT_OFF, UNPARSED, JudgeCall, JudgeClient, most_input_tokens
from app.graders.question import AnswerT, Question
from app.pipeline import judge_metrics
from app.pipeline.call_limiter import CallLimiter, Room, rest
from app.pipeline.judge_purse import JudgePurse, Lack
from app.pipeline.judge_spans import judge_called

OVER_BUDGET = "over_budget"
# The question is for another turn: today's money is spent, or the server wants to be left alone for longer than this turn.
LATER = "later"
# Assumed of an answer before it is there where no bound is sent; the longest one seen so far, if that is longer.
OUTPUT_TOKENS = 1024
WAITS_FOR_ROOM = 10
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a judge is given.

    Attributes:
        attempts: Calls for one answer before it is `Ungraded`; waits for room are not counted.
        first_pause_seconds: Before the second attempt; doubles with each, up to half of it is left to chance.
        longest_pause_seconds: Of one pause of our own choice.
        longest_asked_seconds: Of one that the server asks for when it has no room.
    """

    attempts: int = 3
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 60.0
    longest_asked_seconds: float = 3600.0

    def pause_seconds(self, failures: int, asked_for: float | None) -> float:
        """How long to wait after so many failures (1 = the first)."""
        own = self.first_pause_seconds * float(2 ** (failures - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads a rush
        return min(max(own, asked_for or 0.0), self.longest_pause_seconds)

    def rest_seconds(self, waits: int, asked_for: float | None) -> float:
        """How long nobody asks a server that has no room."""
        return max(self.pause_seconds(waits, None), min(asked_for or 0.0, self.longest_asked_seconds))


@dataclass(frozen=True, slots=True)
class Asked(Generic[AnswerT]):
    """What came of all calls for one question.

    Attributes:
        outcome: The answer, or why there is none.
        calls: How many there were.
        usd: What they cost.
        model: The model that the server says it used.
        uncounted_calls: Of them, those whose tokens the server did not count though it may have worked for them.
        uncounted_usd: Of the cost, what is put down for those: the most that they may cost.
    """

    outcome: AnswerT | Ungraded
    calls: int
    usd: Decimal
    model: str | None = None
    uncounted_calls: int = 0
    uncounted_usd: Decimal = _NOTHING

    @property
    def is_unasked(self) -> bool:
        """Whether there was no money, or no time, to ask (on)."""
        return isinstance(self.outcome, Ungraded) and self.outcome.reason in (OVER_BUDGET, LATER)


@dataclass(slots=True)
class _Bill:
    """What the calls for one question cost so far."""

    calls: int = 0
    usd: Decimal = _NOTHING
    uncounted_calls: int = 0
    uncounted_usd: Decimal = _NOTHING

    def add(self, usd: Decimal, *, is_counted: bool) -> None:
        self.calls, self.usd = self.calls + 1, self.usd + usd
        if not is_counted:
            self.uncounted_calls, self.uncounted_usd = self.uncounted_calls + 1, self.uncounted_usd + usd

    def asked(self, outcome: AnswerT | Ungraded, model: str | None = None) -> Asked[AnswerT]:
        return Asked(outcome, self.calls, self.usd, model, self.uncounted_calls, self.uncounted_usd)


@dataclass(slots=True)
class JudgeAsking:
    """One judge, one budget, one pause and one limit of calls at once for all who ask.

    Attributes:
        ends_at: Moment (monotonic seconds) after which nobody waits for the server's room.
        name: Of the model, in metrics.
        max_output_tokens: The bound that is sent; `None` = none is.
    """

    client: JudgeClient
    prices: Prices
    purse: JudgePurse
    patience: Patience
    room: Room
    limiter: CallLimiter
    name: str
    ends_at: float = float("inf")
    max_output_tokens: int | None = None
    _longest_output: int = OUTPUT_TOKENS
    _hidden_input: int = 0
    _metrics: "_Metrics" = field(init=False)

    def __post_init__(self) -> None:
        self._metrics = _Metrics(self.name)
        if self.max_output_tokens is not None:
            self._longest_output = self.max_output_tokens

    async def ask(self, question: Question[AnswerT]) -> Asked[AnswerT]:
        """The answer, or why there is none, with what all the calls for it cost."""
        bill, attempts, waits = _Bill(), 0, 0
        while True:
            call = await self._call(question, bill)
            if isinstance(call, Ungraded):
                return bill.asked(call)
            if call.is_without_room and waits < WAITS_FOR_ROOM:
                waits += 1
                rest(self.room, self.patience.rest_seconds(waits, call.retry_after_seconds))
                continue
            attempts += 1
            if not call.is_worth_a_retry or attempts >= self.patience.attempts:
                return bill.asked(call.outcome, call.model)
            if isinstance(call.outcome, Ungraded) and call.outcome.reason not in (UNPARSED, CUT_OFF):
                await asyncio.sleep(self.patience.pause_seconds(attempts, call.retry_after_seconds))

    async def _call(self, question: Question[AnswerT], bill: _Bill) -> JudgeCall[AnswerT] | Ungraded:
        """One call; none if its money is not there or the server wants no calls in this turn."""
        epoch = await self.limiter.enter()
        has_room: bool | None = None
        self._metrics.enters(self.limiter)
        try:
            unasked = await self._pause()
            if unasked is not None:
                return unasked
            call = await self._paid(question, bill)
            if not isinstance(call, Ungraded):
                has_room = _has_room(call)
            return call
        finally:
            self.limiter.leave(epoch, has_room=has_room)
            self._metrics.leaves(self.limiter)

    async def _paid(self, question: Question[AnswerT], bill: _Bill) -> JudgeCall[AnswerT] | Ungraded:
        messages = question.build()
        input_tokens = most_input_tokens(question, messages) + self._hidden_input
        reserve = self._price(input_tokens)
        lack = await self.purse.take(reserve)
        if lack is not None:
            return _unpaid(lack)
        cost, is_counted, start_ns = reserve, False, time_ns()
        try:
            call = await self.client.ask(question, messages)
            judge_called(self.client.base_url, self.name, call, start_ns)
            cost, is_counted = self._cost(call, reserve)
        finally:
            self.purse.settle(reserve, cost)
            bill.add(cost, is_counted=is_counted)
        self._learn(call, input_tokens)
        self._metrics.called(call, is_above_reserve=cost > reserve)
        return call

    async def _pause(self) -> Ungraded | None:
        """Waits until the server may be asked; says why not, if that is beyond this turn."""
        while (wait := self.room.not_before - monotonic()) > 0:
            if monotonic() + wait > self.ends_at:
                return Ungraded(LATER, f"the judge's server has no room and asked to be left alone for {wait:.0f} s")
            await asyncio.sleep(wait * random.uniform(1.0, 1.2))  # noqa: S311 - spreads a rush
        return None

    def _learn(self, call: JudgeCall[Any], input_tokens: int) -> None:
        """What was reserved too low is reserved higher from now on: unbounded answers, a prompt that the server adds."""
        self._longest_output = max(self._longest_output, call.usage.output_tokens or 0)
        self._hidden_input = max(self._hidden_input, self._hidden_input + (call.usage.input_tokens or 0) - input_tokens)

    def _price(self, input_tokens: int) -> Decimal:
        price = cost_usd(Usage(input_tokens=input_tokens, output_tokens=self._longest_output), self.prices)
        return price if price is not None else _NOTHING

    def _cost(self, call: JudgeCall[Any], reserve: Decimal) -> tuple[Decimal, bool]:
        """What a call cost, and whether that is known; one that may be billed and was not counted costs what was reserved."""
        if not call.is_billed:
            return _NOTHING, True
        known = cost_usd(call.usage, self.prices)
        return (reserve, False) if known is None else (known, True)


def _has_room(call: JudgeCall[Any]) -> bool | None:
    """What a call says of the server's room: no room, or no answer in time, or an answer."""
    if call.is_without_room:
        return False
    if not isinstance(call.outcome, Ungraded):
        return True
    return {"timeout": False, UNPARSED: True, CUT_OFF: True, "refused": True}.get(call.outcome.reason)


def _unpaid(lack: Lack) -> Ungraded:
    if lack is Lack.PILOT:
        return Ungraded(OVER_BUDGET)
    return Ungraded(LATER, "what the judge may cost on one day (judge.budget_usd_per_day) is spent; it goes on after 00:00 UTC")


class _Metrics:
    """One model's series, looked up once."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._in_flight = judge_metrics.in_flight.labels(model)
        self._limit = judge_metrics.limit.labels(model)
        self._answered = judge_metrics.calls.labels(model, "answered")

    def enters(self, limiter: CallLimiter) -> None:
        self._in_flight.set(limiter.in_flight)

    def leaves(self, limiter: CallLimiter) -> None:
        self._in_flight.set(limiter.in_flight)
        self._limit.set(limiter.limit)

    def called(self, call: JudgeCall[Any], *, is_above_reserve: bool) -> None:
        if isinstance(call.outcome, Ungraded):
            judge_metrics.calls.labels(self._model, call.outcome.reason).inc()
        else:
            self._answered.inc()
        if call.is_without_room:
            judge_metrics.no_room.labels(self._model).inc()
        if is_above_reserve:
            judge_metrics.above_reserve.labels(self._model).inc()
