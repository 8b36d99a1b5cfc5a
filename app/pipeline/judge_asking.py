"""Asks a model that grades one question until there is an answer or none is to be had, within the budget."""

import asyncio
import random
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic
from typing import Any, Generic

from app.costs.prices import Prices, cost_usd
from app.domain.exchange import Usage
from app.graders.grade import Ungraded
from app.graders.judge_client import JudgeCall, JudgeClient, estimated_input_tokens
from app.graders.question import AnswerT, Question
from app.pipeline.replay_money import Purse

OVER_BUDGET = "over_budget"
# Assumed of an answer before it is there; the longest one seen so far, if that is longer.
OUTPUT_TOKENS = 1024
WAITS_FOR_ROOM = 10


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a judge is given.

    Attributes:
        attempts: Calls for one answer before it is `Ungraded`; waits for room are not counted.
        first_pause_seconds: Before the second attempt; doubles with each, up to half of it is left to chance.
        longest_pause_seconds: Of one pause, whatever the server asks for.
    """

    attempts: int = 3
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 60.0

    def pause_seconds(self, failures: int, asked_for: float | None) -> float:
        """How long to wait after so many failures (1 = the first)."""
        own = self.first_pause_seconds * float(2 ** (failures - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads a rush
        return min(max(own, asked_for or 0.0), self.longest_pause_seconds)


@dataclass(frozen=True, slots=True)
class Asked(Generic[AnswerT]):
    """What came of all calls for one question."""

    outcome: AnswerT | Ungraded
    calls: int
    usd: Decimal
    model: str | None = None


@dataclass(slots=True)
class JudgeAsking:
    """One judge, one budget, one pause for all who ask."""

    client: JudgeClient
    prices: Prices
    purse: Purse
    patience: Patience
    _not_before: float = 0.0
    _longest_output: int = field(default=OUTPUT_TOKENS)

    async def ask(self, question: Question[AnswerT]) -> Asked[AnswerT]:
        """The answer, or why there is none, with what all the calls for it cost."""
        calls, attempts, waits, usd = 0, 0, 0, Decimal(0)
        while True:
            call, cost = await self._call(question)
            if call is None:
                return Asked(Ungraded(OVER_BUDGET), calls, usd)
            calls, usd = calls + 1, usd + cost
            if call.is_without_room and waits < WAITS_FOR_ROOM:
                waits += 1
                self._rest(waits, call.retry_after_seconds)
                continue
            attempts += 1
            if not call.is_worth_a_retry or attempts >= self.patience.attempts:
                return Asked(call.outcome, calls, usd, call.model)
            if isinstance(call.outcome, Ungraded) and call.outcome.reason != "unparsed":
                await asyncio.sleep(self.patience.pause_seconds(attempts, call.retry_after_seconds))

    async def _call(self, question: Question[AnswerT]) -> tuple[JudgeCall[AnswerT] | None, Decimal]:
        """One call and its cost; no call if the money for it is not there."""
        wait = self._not_before - monotonic()
        if wait > 0:
            await asyncio.sleep(wait * random.uniform(1.0, 1.2))  # noqa: S311 - spreads a rush
        messages = question.build()
        reserve = self._price(estimated_input_tokens(messages))
        if not await self.purse.take(reserve):
            return None, Decimal(0)
        cost = reserve
        try:
            call = await self.client.ask(question, messages)
            cost = self._cost(call, reserve)
        finally:
            await self.purse.settle(reserve, cost)
        self._longest_output = max(self._longest_output, call.usage.output_tokens or 0)
        return call, cost

    def _rest(self, waits: int, asked_for: float | None) -> None:
        """The server has no room: nobody asks for a while."""
        pause = self.patience.pause_seconds(waits, asked_for)
        self._not_before = max(self._not_before, monotonic() + pause)

    def _price(self, input_tokens: int) -> Decimal:
        price = cost_usd(Usage(input_tokens=input_tokens, output_tokens=self._longest_output), self.prices)
        return price if price is not None else Decimal(0)

    def _cost(self, call: JudgeCall[Any], reserve: Decimal) -> Decimal:
        """What a call cost; one that may have been billed and whose tokens nobody counted costs what was reserved."""
        if not call.is_billed:
            return Decimal(0)
        known = cost_usd(call.usage, self.prices)
        return known if known is not None else reserve
