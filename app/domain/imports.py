"""What a line of an import is, ready for the store, and the words of imports.

The fields of the records have the names of the tables' columns.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple


class ImportState(StrEnum):
    """`STAGING` takes chunks; the others are final."""

    STAGING = "staging"
    DONE = "done"
    REFUSED = "refused"
    ABANDONED = "abandoned"


class ImportFormat(StrEnum):
    """In which shape the records come; all but `PILOT` carry the incumbent's side only."""

    PILOT = "pilot"
    OPENAI = "openai"
    LITELLM = "litellm"
    LANGFUSE = "langfuse"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What a commit did: `lines` = `new` + `unchanged` + `merged`."""

    lines: int
    new: int
    unchanged: int
    merged: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class StagedLine:
    """A line on its way into the store: under which number its exchange is, or will be, stored."""

    exchange_id: int
    is_merge: bool
    records: "LineRecords"


@dataclass(frozen=True, slots=True)
class StoredContent:
    """What is stored of an exchange: what imports gave, and for which arms something else holds the place.

    Attributes:
        records: As a line; its number is 0.
        other_replies: Arms whose reply did not come from an import.
        other_labels: Arm and rater of labels that did not come from an import.
    """

    exchange_id: int
    records: "LineRecords"
    other_replies: frozenset[int]
    other_labels: frozenset[tuple[int, str]]


class ExchangeRecord(NamedTuple):
    """The exchange of a line; `body` is its request as JSON, `reference` an answer known to be right, as JSON text."""

    external_id: str
    arrived_at: datetime
    conversation_id: str
    turn: int | None
    segment: str
    inclusion_probability: float
    sample_point: float
    given: list[str]
    content_hash: bytes
    body: bytes
    reference: bytes | None


class ReplyRecord(NamedTuple):
    """A reply or failure of a line; `body` is its text as JSON, `usage` the server's own object as JSON text.

    Read back from `replies`, `usage` is the object itself.
    """

    arm_id: int
    failure: str | None
    status: int | None
    finish_reason: str | None
    model: str | None
    content_chars: int | None
    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cache_write_tokens: int | None
    audio_input_tokens: int | None
    audio_output_tokens: int | None
    service_tier: str | None
    usage: Any
    cost_usd: Decimal | None
    price_version: str | None
    ttft_any_seconds: float | None
    ttft_visible_seconds: float | None
    total_seconds: float | None
    body: bytes


class GradeRecord(NamedTuple):
    """A judge's preference of a line."""

    arm_id: int
    rater: str
    shown_first: str | None
    value: float | None
    ungraded: str | None
    reason: str | None
    at: datetime
    at_given: bool


class LabelRecord(NamedTuple):
    """A person's preference of a line."""

    arm_id: int
    rater: str
    value: float | None
    skipped: str | None
    critical: bool | None
    draw_probability: float | None
    at: datetime
    at_given: bool


class LineRecords(NamedTuple):
    """All that one line says; `line` is its number in the file."""

    line: int
    exchange: ExchangeRecord
    replies: list[ReplyRecord]
    grades: list[GradeRecord]
    labels: list[LabelRecord]
