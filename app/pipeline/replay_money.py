"""What a replay's calls cost, and a purse that is never overdrawn by what is known."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import orjson

from app.costs.prices import Prices, cost_usd, prices_of
from app.domain.configuration import CandidateTable
from app.domain.exchange import Failure, Json, Usage
from app.domain.words import FailureKind
from app.providers.model_server import Answer

# Reserved for a reply whose request names no bound; the purse is settled with the real count afterwards.
UNBOUNDED_OUTPUT_TOKENS = 4096
BYTES_PER_TOKEN = 2  # few texts have more than one token in two bytes: an estimate from above


@dataclass(frozen=True, slots=True)
class Meter:
    """How the calls to one candidate are priced.

    Attributes:
        prices: Token prices; `None` if nobody knows them or tokens cost nothing extra.
        is_rented_by_hour: A self-hosted model without token prices: the hour is paid, not the token.
    """

    prices: Prices | None
    is_rented_by_hour: bool

    @property
    def is_known(self) -> bool:
        """Whether every call can be priced."""
        return self.is_rented_by_hour or (self.prices is not None and self.prices.is_complete)

    def reserve_usd(self, request: Json) -> Decimal:
        """The most that a call should cost, as far as it can be told before."""
        if self.prices is None:
            return Decimal(0)
        names = ("max_completion_tokens", "max_tokens", "max_output_tokens")
        given = next((request[name] for name in names if request.get(name)), None)
        output = given if isinstance(given, int) else UNBOUNDED_OUTPUT_TOKENS
        usage = Usage(input_tokens=len(orjson.dumps(request)) // BYTES_PER_TOKEN, output_tokens=output)
        return cost_usd(usage, self.prices) or Decimal(0)

    def cost_usd(self, answer: Answer) -> Decimal | None:
        """What a call cost; an error status is not billed, anything else without token counts is unknown."""
        if self.is_rented_by_hour:
            return Decimal(0)
        if isinstance(answer.reply, Failure) and answer.reply.kind is FailureKind.HTTP and answer.reply.status is not None:
            return Decimal(0)
        return cost_usd(answer.usage, self.prices) if self.prices is not None else None


def meter_of(candidate: CandidateTable, at: datetime) -> Meter:
    """The meter of a candidate: its own token prices, else its rent by the hour, else the price table."""
    own = (candidate.input_usd_per_million_tokens, candidate.output_usd_per_million_tokens)
    if candidate.gpu_usd_per_hour is not None and own == (None, None):
        return Meter(None, is_rented_by_hour=True)
    found = prices_of(candidate.model, own=candidate, at=at, base_url=candidate.base_url)
    return Meter(found, is_rented_by_hour=False)


class Purse:
    """Dollars that a replay may spend; a call takes its reserve before and settles with its cost after."""

    def __init__(self, limit_usd: Decimal | None, *, spent_usd: Decimal) -> None:
        self._limit = limit_usd
        self._spent = spent_usd
        self._reserved = Decimal(0)
        self._changed = asyncio.Condition()

    async def take(self, reserve_usd: Decimal) -> bool:
        """Waits until the reserve fits; false if it does not even when every other call is settled."""
        async with self._changed:
            while self._limit is not None and self._spent + self._reserved + reserve_usd > self._limit:
                if self._reserved == 0:
                    return False
                await self._changed.wait()
            self._reserved += reserve_usd
            return True

    async def take_now(self, reserve_usd: Decimal) -> bool:
        """Takes the reserve if it fits now; where a call may not wait."""
        async with self._changed:
            fits = self._limit is None or self._spent + self._reserved + reserve_usd <= self._limit
            self._reserved += reserve_usd if fits else Decimal(0)
            return fits

    async def settle(self, reserve_usd: Decimal, spent_usd: Decimal) -> None:
        """Gives the reserve back and takes what was spent."""
        async with self._changed:
            self._reserved -= reserve_usd
            self._spent += spent_usd
            self._changed.notify_all()
