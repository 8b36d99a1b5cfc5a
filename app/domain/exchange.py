"""Exchanges and the arms' replies to them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from app.domain.words import FailureKind

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one reply; `None` where the server said nothing.

    Attributes:
        input_tokens: All prompt tokens, cached ones included.
        cached_input_tokens: The part of `input_tokens` served from the vendor's cache.
        output_tokens: All generated tokens, reasoning included.
        reasoning_tokens: The part of `output_tokens` that was reasoning.
        cache_write_tokens: The part of `input_tokens` written to the vendor's cache and billed so.
        audio_input_tokens: The part of `input_tokens` that was audio.
        audio_output_tokens: The part of `output_tokens` that is audio.
        service_tier: The price class that the server says it used, in its own word.
        raw: The server's own usage object, verbatim.
    """

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    service_tier: str | None = None
    raw: Json | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Client-side timing of one call, in seconds from the last request byte (ARCHITECTURE section 2)."""

    ttft_any_seconds: float | None = None
    ttft_visible_seconds: float | None = None
    total_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call of a reply; `arguments` is the text that the model wrote, never executed."""

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One arm's answer.

    `reasoning` is kept for the explorer and never shown to a judge. `is_refusal`: the server itself says that the content is
    a refusal.
    """

    content: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    timing: Timing = field(default_factory=Timing)
    reasoning: str | None = None
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """An arm gave no usable reply: data, not an exception.

    Attributes:
        kind: What went wrong.
        status: HTTP status, if one was received.
        message: The server's own words, cut to a few hundred characters, for people.
        timing: What was measured until the failure.
        adaptation: True if the server refused a parameter that our own adaptation sent.
    """

    kind: FailureKind
    status: int | None = None
    message: str | None = None
    timing: Timing = field(default_factory=Timing)
    adaptation: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One production request, narrow: its payload is read apart.

    Attributes:
        id: The store's own number.
        external_id: The user's id, unique in the pilot.
        arrived_at: Aware UTC time of arrival.
        inclusion_probability: Chance that this exchange was in the imported sample, in (0, 1].
    """

    id: int
    external_id: str
    arrived_at: datetime
    conversation_id: str
    turn: int | None
    segment: str
    inclusion_probability: float = 1.0
