"""Whether a request is the client's SDK trying again, and so another attempt of an exchange that there is."""

from dataclasses import dataclass

from app.domain.live import ReplyEvent

# A client's SDK that says how often it has tried waits longer and longer in between.
SAID_WINDOWS = 10
# A client may be back before its gateway has noticed that it was gone.
NOTICED_LATE_US = 100_000
_RETRIED_STATUSES = frozenset({408, 409, 429})
_SERVER_ERRORS = 500
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Attempts:
    """What is known of requests with the same body in the same conversation: the first and the last attempt's ids."""

    first: str
    last: str
    last_at_us: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that may be one more attempt."""

    external_id: str
    at_us: int
    retry_count: int | None


def is_retry(attempt: Attempt, earlier: Attempts, *, failed_at_us: int | None, window_seconds: float) -> bool:
    """Whether the attempt belongs to the earlier ones.

    Two equal requests that both succeed are two exchanges: it takes the SDK's word, or a failure that came before.

    Args:
        attempt: The request.
        earlier: Those before it with the same body in the same conversation.
        failed_at_us: When the last of them failed; `None` = it did not, as far as is known.
        window_seconds: How long after a failure a repetition counts as an attempt.
    """
    if attempt.at_us < earlier.last_at_us:
        return False
    if attempt.retry_count and attempt.at_us - earlier.last_at_us <= SAID_WINDOWS * window_seconds * _US:
        return True
    if failed_at_us is None:
        return False
    return -NOTICED_LATE_US <= attempt.at_us - failed_at_us <= window_seconds * _US


def failed_at_us(event: ReplyEvent, *, is_complete: bool) -> int | None:
    """When an attempt failed in a way that a client's SDK tries again; `None` = it did not.

    Args:
        event: The incumbent's reply.
        is_complete: All that belongs to the reply was relayed, whatever the client did afterwards.
    """
    broken = event.status is None or event.end in ("connection", "timeout") or (event.end == "client_cancelled")
    refused = event.status is not None and (event.status in _RETRIED_STATUSES or event.status >= _SERVER_ERRORS)
    if not refused and (is_complete or not broken):
        return None
    return event.at_us + int((event.total_seconds or 0.0) * _US)
