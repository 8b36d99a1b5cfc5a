"""A circuit breaker: an arm that fails again and again is left alone for a while, then tried with one call.

closed ──failures in a row──▶ open ──time──▶ half-open ──the one call works──▶ closed
                                ▲                 └──────it fails──────┘
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from app.domain.exchange import Failure, Reply
from app.domain.words import FailureKind

_BROKEN = frozenset({FailureKind.CONNECTION, FailureKind.TIMEOUT, FailureKind.MALFORMED})
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = 500


class BreakerState(StrEnum):
    """Whether an arm is asked."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave for one call; what the call meets is told to the breaker with it."""

    generation: int


class Breaker:
    """The state of one arm.

    Args:
        failures: So many in a row open it.
        open_seconds: How long it stays open before one call tries.
        clock: Seconds that only grow.
    """

    def __init__(self, *, failures: int, open_seconds: float, clock: Callable[[], float]) -> None:
        self._limit = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._in_a_row = 0
        self._generation = 0
        self._is_trying = False
        self._state = BreakerState.CLOSED
        self._since = clock()

    @property
    def state(self) -> BreakerState:
        """The state now; an open one whose time is over is half-open."""
        if self._state is BreakerState.OPEN and self._clock() - self._since >= self._open_seconds:
            self._become(BreakerState.HALF_OPEN)
        return self._state

    @property
    def refuses(self) -> bool:
        """Whether a call that is wanted now would get no ticket."""
        return self.state is BreakerState.OPEN or (self._state is BreakerState.HALF_OPEN and self._is_trying)

    def ask(self) -> Ticket | None:
        """Leave for a call; `None` while it is open or its one trial is under way."""
        if self.refuses:
            return None
        self._is_trying = self._state is BreakerState.HALF_OPEN
        return Ticket(self._generation)

    def worked(self, ticket: Ticket) -> None:
        """The call showed that the arm lives."""
        if ticket.generation != self._generation:
            return  # begun before the state changed: it says nothing of now
        self._in_a_row = 0
        if self._state is BreakerState.HALF_OPEN:
            self._become(BreakerState.CLOSED)

    def failed(self, ticket: Ticket) -> None:
        """The call showed that the arm is broken."""
        if ticket.generation != self._generation:
            return
        self._in_a_row += 1
        if self._state is BreakerState.HALF_OPEN or self._in_a_row >= self._limit:
            self._become(BreakerState.OPEN)

    def abandoned(self, ticket: Ticket) -> None:
        """The call was not made after all, or not waited for."""
        if ticket.generation == self._generation:
            self._is_trying = False

    def _become(self, state: BreakerState) -> None:
        self._state = state
        self._since = self._clock()
        self._generation += 1
        self._in_a_row = 0
        self._is_trying = False


def shows_breakage(reply: Reply | Failure) -> bool:
    """Whether a reply speaks against the arm as a whole: no connection, time-out, garbage, 5xx, 429.

    A 4xx is this one request's; an empty or too large reply comes from a server that lives.
    """
    if not isinstance(reply, Failure):
        return False
    if reply.kind is FailureKind.HTTP:
        return reply.status is None or reply.status == _TOO_MANY_REQUESTS or reply.status >= _SERVER_ERRORS
    return reply.kind in _BROKEN
