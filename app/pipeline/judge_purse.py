"""Money for a judge's calls, taken before each call, and never more than a reserve that is stored before it is used."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

_NOTHING = Decimal(0)
_GRAIN = Decimal("0.00000001")
# More is stored than is asked for, so that a steady stream of calls needs no further write; what a worker that dies had stored
# beyond its calls counts as spent, so it is not much more.
_AHEAD, _TOO_MUCH = Decimal("1.5"), Decimal(2)


class Lack(StrEnum):
    """Which budget does not reach for a call, even when every other call has ended."""

    PILOT = "over_budget"
    DAY = "over_daily_budget"


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent in all and on one UTC day (`None` = as much as in all), and what is booked already."""

    usd: Decimal
    spent_usd: Decimal
    usd_per_day: Decimal | None = None
    day: date = date.min
    spent_on_day_usd: Decimal = _NOTHING


@dataclass(frozen=True, slots=True)
class Booking:
    """What is to be stored next, in one transaction: costs at a moment, and the reserve that then holds for open calls."""

    at: datetime
    calls: int
    usd: Decimal
    reserve_usd: Decimal
    is_new_reserve: bool
    open_calls: int


def utc_now() -> datetime:
    """The worker's clock: it tells days, and when spend was booked."""
    return datetime.now(UTC)


class JudgePurse:
    """One pilot's money for one turn of a worker.

    `open` is what calls under way may cost and what ended ones cost until that is booked. A call begins only when, with it,
    booked + open stays within both budgets and open within the stored reserve: so a worker that dies can have spent no more
    than its reserve, and booked + reserve never is above a budget.

    Args:
        budget: What may be spent.
        wake: Called when more must be stored before a call can begin.
        now: Clock of days.
    """

    def __init__(
        self, budget: Budget, *, wake: Callable[[], None] = lambda: None, now: Callable[[], datetime] = utc_now
    ) -> None:
        self.wake = wake
        self._budget = budget
        self._now = now
        self._booked, self._day, self._day_booked = budget.spent_usd, budget.day, budget.spent_on_day_usd
        self._open = self._reserve = self._wanted = _NOTHING
        self._stored = _NOTHING
        self._calls = self._unbooked_calls = 0
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def open_usd(self) -> Decimal:
        """What is taken and not booked."""
        return self._open

    @property
    def open_calls(self) -> int:
        """How many calls are under way or not booked."""
        return self._calls + self._unbooked_calls

    @property
    def left_usd(self) -> Decimal:
        """What a further call may cost now."""
        return self._cap() - self._open

    async def take(self, usd: Decimal) -> Lack | None:
        """Takes the most that a call may cost; waits while other calls may still give money back.

        Args:
            usd: An upper bound of the call's cost.

        Returns:
            `None`, or which budget does not reach.
        """
        while (lack := self._lack(usd)) is not None or self._open + usd > self._reserve:
            if lack is not None and not self._calls:
                return lack
            await self._wait(usd if lack is None else _NOTHING)
        self._open += usd
        self._calls += 1
        return None

    def settle(self, reserved_usd: Decimal, cost_usd: Decimal) -> None:
        """A call has ended: its bound makes room for its cost, which stays open until it is booked."""
        self._open += cost_usd - reserved_usd
        self._calls -= 1
        self._unbooked_calls += 1
        self._wake_all()

    def booking(self, calls: int, usd: Decimal) -> Booking:
        """Begins to book calls that have ended; a smaller reserve holds from now, a larger one when `booked` is called."""
        at = self._now()
        self._new_day(at)
        open_usd = self._open - usd
        reserve = self._target(open_usd, self._cap() - usd).quantize(_GRAIN, ROUND_CEILING)
        self._reserve = min(self._reserve, reserve)
        return Booking(at, calls, usd, reserve, is_new_reserve=reserve != self._stored, open_calls=self.open_calls - calls)

    def booked(self, booking: Booking) -> None:
        """It is stored."""
        self._open -= booking.usd
        self._unbooked_calls -= booking.calls
        self._booked += booking.usd
        self._day_booked += booking.usd
        self._reserve = self._stored = booking.reserve_usd
        self._wake_all()

    def _target(self, open_usd: Decimal, cap: Decimal) -> Decimal:
        wanted = open_usd + self._wanted
        if wanted <= self._stored <= cap and self._stored <= wanted * _TOO_MUCH:
            return self._stored
        return max(open_usd, min(wanted * _AHEAD, cap))

    def _cap(self) -> Decimal:
        """What both budgets leave beside what is booked."""
        left = self._budget.usd - self._booked
        per_day = self._budget.usd_per_day
        return left if per_day is None else min(left, per_day - self._day_booked)

    def _lack(self, usd: Decimal) -> Lack | None:
        self._new_day(self._now())
        per_day = self._budget.usd_per_day
        if self._booked + self._open + usd > self._budget.usd or (per_day is not None and usd > per_day):
            return Lack.PILOT
        if per_day is not None and self._day_booked + self._open + usd > per_day:
            return Lack.DAY
        return None

    def _new_day(self, moment: datetime) -> None:
        if moment.date() != self._day:
            self._day, self._day_booked = moment.date(), _NOTHING

    async def _wait(self, usd: Decimal) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        self._wanted += usd
        if usd:
            self.wake()
        try:
            await future
        finally:
            self._waiting.discard(future)
            self._wanted -= usd

    def _wake_all(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
