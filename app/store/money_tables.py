"""Tables of money and capacity: invoices, rehearsals, the candidate's own metrics, repeats of the same call."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base, now, number


class InvoiceRow(Base):
    """One imported usage or cost export of the incumbent's vendor; `voided_at` = it no longer counts."""

    __tablename__ = "invoices"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    file_name: Mapped[str]
    digest: Mapped[str]
    format: Mapped[str]
    lines: Mapped[int]
    by: Mapped[str]
    imported_at: Mapped[datetime] = now()
    voided_at: Mapped[datetime | None]
    voided_by: Mapped[str | None]
    __table_args__ = (
        Index("uq_invoices_digest", "pilot_id", "digest", unique=True, postgresql_where=text("voided_at IS NULL")),
    )


class InvoiceLineRow(Base):
    """What the vendor says of one model on one UTC day; `None` = the export does not say."""

    __tablename__ = "invoice_lines"
    id: Mapped[int] = number()
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoices.id", ondelete="CASCADE"), index=True)
    day: Mapped[date]
    model: Mapped[str]
    requests: Mapped[int | None] = mapped_column(BigInteger)
    input_tokens: Mapped[int | None] = mapped_column(BigInteger)
    cached_input_tokens: Mapped[int | None] = mapped_column(BigInteger)
    output_tokens: Mapped[int | None] = mapped_column(BigInteger)
    usd: Mapped[Decimal | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class RehearsalRow(Base):
    """A rehearsal: captured requests sent to a candidate again at their recorded times; `claimed_until` is a worker's lease.

    `terms` is what was asked for, `steps` what was measured at each speed, `result` the whole once it is done.
    """

    __tablename__ = "rehearsals"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"))
    terms: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default="queued")
    steps: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    result: Mapped[dict[str, Any] | None]
    message: Mapped[str] = mapped_column(server_default="")
    by: Mapped[str]
    created_at: Mapped[datetime] = now()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    __table_args__ = (CheckConstraint("state IN ('queued', 'running', 'done', 'cancelled', 'failed')", name="state"),)


class ServerMetricsRow(Base):
    """What a candidate's own `/metrics` said at one moment; `readings` by our names, absent = it has none."""

    __tablename__ = "server_metrics"
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    pilot_id: Mapped[int] = mapped_column(BigInteger)
    problem: Mapped[str | None]
    readings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    __table_args__ = (Index("ix_server_metrics_pilot_id_at", "pilot_id", "at"),)


class RepeatRow(Base):
    """The same request sent to the same candidate again at once: whether the answer was the same.

    `is_deterministic`: it had temperature 0 or a seed, and the server was told so. `at`: when the request arrived.
    """

    __tablename__ = "repeats"
    exchange_id: Mapped[int] = mapped_column(ForeignKey("exchanges.id", ondelete="CASCADE"), primary_key=True)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"), primary_key=True)
    pilot_id: Mapped[int] = mapped_column(BigInteger, index=True)
    at: Mapped[datetime] = now()
    is_deterministic: Mapped[bool]
    is_equal: Mapped[bool | None]
    failure: Mapped[str | None]
    total_seconds: Mapped[float | None]
