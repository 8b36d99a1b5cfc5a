"""Tables of live traffic: what producers counted, what waits, what came late, and the ledger's lines without an exchange."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base, now, number


def _pilot(*, key: bool = True) -> Mapped[int]:
    return mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=key)


class BootRow(Base):
    """One life of a producer; the next boot of its slot ends it if it did not end in order."""

    __tablename__ = "producer_boots"
    boot: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[str]
    source: Mapped[str]
    started_at: Mapped[datetime]
    last_at: Mapped[datetime]
    is_final: Mapped[bool]
    __table_args__ = (CheckConstraint("source IN ('gateway', 'app')", name="source"),)


class BootCountRow(Base):
    """How many requests of a pilot a boot has numbered, and what is known of them.

    `seen` numbers have come as events, `dropped` ones left none, by reason. `checkpoints` are (microseconds, issued) of the
    last minutes; what was issued by `settled` had its time to come: of these, what is neither seen nor dropped is lost.
    """

    __tablename__ = "boot_counts"
    pilot_id: Mapped[int] = _pilot()
    boot: Mapped[str] = mapped_column(primary_key=True)
    issued: Mapped[int] = mapped_column(BigInteger)
    seen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    dropped: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    settled: Mapped[int] = mapped_column(BigInteger, server_default="0")
    checkpoints: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    last_seen_at: Mapped[datetime | None]


class SeenNumbersRow(Base):
    """Which numbers of a boot have come: a bit each, 4,096 a row."""

    __tablename__ = "seen_numbers"
    pilot_id: Mapped[int] = _pilot()
    boot: Mapped[str] = mapped_column(primary_key=True)
    chunk: Mapped[int] = mapped_column(primary_key=True)
    bits: Mapped[bytes]


class LedgerRow(Base):
    """Requests without an exchange of their own, by quarter of an hour and reason.

    The reasons are those of the ledger, `shed` (a producer's bounds) and `folded` (an attempt of another exchange).
    """

    __tablename__ = "live_ledger"
    pilot_id: Mapped[int] = _pilot()
    at: Mapped[datetime] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger)


class AttemptRow(Base):
    """One of several attempts by which the client's SDK made one request; `first_id` names the exchange.

    The last one's reply is the incumbent's; of the earlier ones only these facts are kept.
    """

    __tablename__ = "attempts"
    pilot_id: Mapped[int] = _pilot()
    external_id: Mapped[str] = mapped_column(primary_key=True)
    first_id: Mapped[str]
    arrived_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    replied_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    status: Mapped[int | None]
    total_seconds: Mapped[float | None]
    __table_args__ = (Index("ix_attempts_first", "pilot_id", "first_id"),)


class WaitingReplyRow(Base):
    """A reply that came before its exchange, as the stream's entry."""

    __tablename__ = "waiting_replies"
    pilot_id: Mapped[int] = _pilot()
    external_id: Mapped[str] = mapped_column(primary_key=True)
    arm: Mapped[str] = mapped_column(primary_key=True)
    head: Mapped[bytes]
    body: Mapped[bytes]
    recorded_at: Mapped[datetime] = now()


class SkippedRow(Base):
    """An arm that was not asked, and why: ours, never the arm's failure."""

    __tablename__ = "skipped_replies"
    exchange_id: Mapped[int] = mapped_column(ForeignKey("exchanges.id", ondelete="CASCADE"), primary_key=True)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"), primary_key=True)
    pilot_id: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    recorded_at: Mapped[datetime] = now()
    __table_args__ = (
        CheckConstraint("reason IN ('shed', 'over_budget', 'not_asked')", name="reason"),
        Index("ix_skipped_replies_pilot_id_arm_id", "pilot_id", "arm_id"),
    )


class LateReplyRow(Base):
    """A reply that came after its exchange was closed, or whose exchange never came: counted, never merged."""

    __tablename__ = "late_replies"
    pilot_id: Mapped[int] = _pilot()
    external_id: Mapped[str] = mapped_column(primary_key=True)
    arm: Mapped[str] = mapped_column(primary_key=True)
    arrived_at: Mapped[datetime]
    status: Mapped[int | None]
    failure: Mapped[str | None]
    recorded_at: Mapped[datetime] = now()


class RejectedEventRow(Base):
    """An event that cannot be stored, put aside without its content."""

    __tablename__ = "rejected_events"
    id: Mapped[int] = number()
    at: Mapped[datetime] = now()
    entry: Mapped[str] = mapped_column(unique=True)
    head: Mapped[Any | None] = mapped_column(JSONB)
    reason: Mapped[str]
    problem: Mapped[str]


class RecorderStateRow(Base):
    """One row: what had happened by `watermark_at` has been recorded, or is lost."""

    __tablename__ = "recorder_state"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    watermark_at: Mapped[datetime]
    updated_at: Mapped[datetime] = now()
