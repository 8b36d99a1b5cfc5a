"""Ways in which a model server goes wrong, by rate, by script, or because the request asks for it."""

from collections import deque
from collections.abc import Iterable, Mapping
from enum import StrEnum

from app.domain.exchange import Json
from app.simulator.completions import Refusal
from app.simulator.draws import uniform

RETRY_AFTER_SECONDS = 1
GARBAGE = b"<html><body>502 Bad Gateway: no JSON here \xff\xfe</body>"


class Fault(StrEnum):
    """What a server can do instead of answering well; `NONE` is an answer."""

    NONE = "none"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    HANG = "hang"
    SLOW = "slow"
    GARBAGE = "garbage"
    DROP = "drop"
    EMPTY = "empty"
    HUGE = "huge"


REFUSALS = {
    Fault.RATE_LIMITED: Refusal(
        429,
        "Rate limit reached for requests",
        code="rate_limit_exceeded",
        kind="requests",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    ),
    Fault.SERVER_ERROR: Refusal(500, "The server had an error while processing your request", kind="server_error"),
    Fault.UNAVAILABLE: Refusal(503, "The model is loading", kind="server_error"),
}


class Faults:
    """Decides the fault of each request: what its `metadata.fault` says, else the script, else the drawn one.

    Args:
        rates: Share of requests for each fault; what is left is answered.
        script: Faults of the first requests, in order.
        seed: Of the draws, which count requests.
    """

    def __init__(self, rates: Mapping[Fault, float] | None = None, *, script: Iterable[Fault] = (), seed: int = 0) -> None:
        self._rates = dict(rates or {})
        self._script = deque(script)
        self._seed = seed
        self._number = 0
        if sum(self._rates.values()) > 1:
            message = f"rates of faults add up to {sum(self._rates.values())}, more than 1"
            raise ValueError(message)

    def next(self, request: Json) -> Fault:
        """The fault of the next request."""
        asked = (request.get("metadata") or {}).get("fault")
        if asked in tuple(Fault):
            return Fault(asked)
        if self._script:
            return self._script.popleft()
        self._number += 1
        point = uniform(self._seed, self._number, "fault")
        for fault, rate in self._rates.items():
            point -= rate
            if point < 0:
                return fault
        return Fault.NONE
