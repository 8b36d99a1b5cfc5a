"""What the vendor's usage and cost exports say: one line per UTC day and model; `None` = the export does not say."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

# The model of a line that the vendor did not split by model.
ALL_MODELS = "(all models)"
TOKENS = ("requests", "input_tokens", "cached_input_tokens", "output_tokens")
MEASURES = (*TOKENS, "usd")


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One model on one UTC day.

    Attributes:
        input_tokens: All of them, cached ones included.
        cached_input_tokens: The part of `input_tokens` that came from the vendor's cache.
        usd: What the vendor asks for it; negative = a credit.
        facts: What else the export says: `usd_by_kind`, `tiers`, `cache_write_tokens`.
    """

    day: date
    model: str
    requests: int | None = None
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    usd: Decimal | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def has_tokens(self) -> bool:
        """Whether the line counts anything."""
        return any(getattr(self, name) is not None for name in TOKENS)


@dataclass(frozen=True, slots=True)
class Invoice:
    """A file as it was read: its format, its lines by day and model, and what is worth saying about it."""

    format: str
    lines: tuple[InvoiceLine, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredInvoice:
    """One imported file; `voided_at` = it no longer counts, its history stays."""

    id: int
    file_name: str
    digest: str
    format: str
    lines: int
    by: str
    imported_at: datetime
    first_day: date | None
    last_day: date | None
    usd: Decimal | None
    voided_at: datetime | None = None
    voided_by: str | None = None
