"""What live traffic is told in: events of the two streams (ARCHITECTURE section 4), before they are bytes.

`RequestEvent` and `ReplyEvent` go to the stream `mirror`, the others to `record`. (`boot`, `number`) names a request for good:
every boot of a producer has an id of its own and numbers each pilot's requests 1, 2, 3, …
"""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from app.domain.exchange import Json
from app.domain.toml_table import ContentLevel

End: TypeAlias = Literal["complete", "client_cancelled", "connection", "timeout", "too_large"]
"""How the relay of an incumbent's reply ended. `too_large`: it was relayed whole, but not kept whole."""

Skipped: TypeAlias = Literal["shed", "over_budget", "not_asked"]
"""Why an arm was not asked; these are ours, never the arm's failures."""

DROP_REASONS = ("mirroring_off", "opted_out", "not_mirrored_route", "too_large", "shed", "not_sampled")
"""Why a request left no event: counted by the producer. `shed`: our own bounds; `not_sampled`: of the group that bypasses."""

FIRST_ERROR = 400
"""The least HTTP status that is an error."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What the client said in `X-Pilot-*` headers, and the SDK in `x-stainless-retry-count`; `None` = nothing."""

    segment: str | None = None
    conversation: str | None = None
    content: ContentLevel | None = None
    retry_count: int | None = None


@dataclass(frozen=True, slots=True)
class RequestEvent:
    """A production request, at its arrival.

    Attributes:
        at_us: Arrival, microseconds since 1970 (UTC).
        path: Under `/v1`, as in `/chat/completions`; without the query.
        body: As the client sent it, at most the body limit.
    """

    pilot: str
    boot: str
    number: int
    at_us: int
    path: str
    hints: Hints
    body: bytes


@dataclass(frozen=True, slots=True)
class ReplyEvent:
    """The incumbent's reply to it, at its end.

    Attributes:
        at_us: Arrival of the request.
        status: HTTP status; `None` = no response head came.
        chunks: (seconds since the clock started, bytes) of each socket read of the body, in order; sums to the body's length.
        total_seconds: Until the last byte or the failure.
        lag_seconds: Largest event-loop lag at a measured moment.
        end: How the relay ended.
        body: The response body as it came, compressed if it was; cut at the limit if `end` is `too_large`.
        request: The request's body again, where the content level may not be `full`: it decides what may be kept.
        traceparent: The request's header of that name (W3C Trace Context): its place in production's own trace.
    """

    pilot: str
    boot: str
    number: int
    at_us: int
    path: str
    hints: Hints
    status: int | None
    content_type: str
    content_encoding: str
    chunks: tuple[tuple[float, int], ...]
    total_seconds: float | None
    lag_seconds: float | None
    end: End
    body: bytes
    request: bytes | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class PilotCount:
    """How many requests of one pilot a boot has numbered so far, and how many of them left no event, by `DROP_REASONS`."""

    issued: int
    dropped: dict[str, int]


@dataclass(frozen=True, slots=True)
class CountEvent:
    """A producer's ledger, every second and at its end; cumulative, so that a lost one costs nothing.

    Attributes:
        slot: Which of several producers this is ("gateway-1"); the next boot of a slot ends the one before.
        source: `gateway`, or `app` for the in-app client.
        is_final: The producer ended in order: nothing follows.
    """

    boot: str
    slot: str
    source: Literal["gateway", "app"]
    started_us: int
    at_us: int
    is_final: bool
    pilots: dict[str, PilotCount]


@dataclass(frozen=True, slots=True)
class ExchangeEvent:
    """What the mirror decided about a request: one exchange, or one line of the ledger.

    Attributes:
        external_id: `{boot}-{number}`.
        reason: `captured`, `unreadable_body`, `outside_window` or `not_sampled` (CoverageReason).
        awaits: Names of the arms whose reply is awaited, the incumbent's first; empty unless captured.
        deadline_seconds: After arrival + this many seconds a reply that did not come is lost.
        retry_of: External id of the exchange of which this is another attempt by the client's SDK.
        request: The request's JSON as far as the content level lets it be kept; `None` at `metadata`.
        facts: Narrow facts without text: route, body_hash, level, user_hash, request_chars, …
    """

    pilot: str
    boot: str
    number: int
    at_us: int
    external_id: str
    reason: str
    conversation: str
    segment: str
    sample_point: float
    level: ContentLevel
    awaits: tuple[str, ...]
    deadline_seconds: float
    retry_of: str | None = None
    request: bytes | None = None
    facts: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArmReplyEvent:
    """One arm's reply, failure or absence.

    Attributes:
        arm: Name of the arm; `incumbent` for the incumbent's own reply.
        skipped: Why the arm was not asked; then there are no columns.
        cancelled: The client went away before the incumbent's reply was complete.
        columns: The narrow facts as the table `replies` has them: failure, status, finish_reason, model, content_chars,
            input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, ttft_any_seconds, ttft_visible_seconds,
            total_seconds, lag_seconds, queue_lag_seconds, adaptation, caused_by_adaptation.
        checks: What deterministic graders found in memory, without any text: text_digest, tools_digest, violation.
        usd: What the call cost the pilot; `None` = unknown. Only for arms that the mirror asked.
        body: `reply_body(...)` as JSON as far as the content level lets it be kept; `None` at `metadata`.
    """

    pilot: str
    boot: str
    number: int
    at_us: int
    arm: str
    skipped: Skipped | None = None
    cancelled: bool = False
    columns: Json = field(default_factory=dict)
    checks: Json = field(default_factory=dict)
    usd: str | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class RepeatEvent:
    """The same request sent to the same arm again, at once after its reply; only whether the answer was the same is told.

    Attributes:
        at_us: Arrival of the request.
        is_deterministic: It had temperature 0 or a seed, and the server was told so.
        is_equal: `None` = the second call failed.
        failure: How (FailureKind).
        usd: What the second call cost; `None` = unknown.
    """

    pilot: str
    boot: str
    number: int
    at_us: int
    arm: str
    is_deterministic: bool
    is_equal: bool | None = None
    failure: str | None = None
    total_seconds: float | None = None
    usd: str | None = None


def repeats_keys(status: int | None) -> bool:
    """Whether a reply may hold the client's key: servers repeat what they refuse. Such a reply is sealed at every level."""
    return status is not None and status >= FIRST_ERROR


MirrorEvent: TypeAlias = RequestEvent | ReplyEvent
RecordEvent: TypeAlias = CountEvent | ExchangeEvent | ArmReplyEvent | RepeatEvent


def external_id(boot: str, number: int) -> str:
    """The exchange's id in its pilot."""
    return f"{boot}-{number}"


def hints_of(headers: dict[str, Any]) -> Hints:
    """Hints from their JSON."""
    return Hints(**headers)
