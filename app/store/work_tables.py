"""Tables of the service's own work: imports, replays, gradings, spend, reports, keys and the audit log."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base, now, number


class GradingRow(Base):
    """The last grading that was asked for of a pilot; `stopped` = it cannot go on, `problem` says why."""

    __tablename__ = "gradings"
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str]
    problem: Mapped[str] = mapped_column(server_default="")
    asked_at: Mapped[datetime] = now()
    finished_at: Mapped[datetime | None]
    __table_args__ = (CheckConstraint("state IN ('running', 'done', 'stopped')", name="state"),)


class ReportRow(Base):
    """A frozen report: the document model, the hash of what it was made from, and with which program and seeds.

    `period` names the week of a weekly one, as `2026-W48`: of each there is one.
    """

    __tablename__ = "reports"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    made_at: Mapped[datetime] = now()
    data_hash: Mapped[str]
    document: Mapped[dict[str, Any]]
    kind: Mapped[str] = mapped_column(server_default="on_demand")
    period: Mapped[str] = mapped_column(server_default="")
    code_version: Mapped[str] = mapped_column(server_default="")
    program_hash: Mapped[str] = mapped_column(server_default="")
    seeds: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    expires_at: Mapped[datetime | None]
    made_by: Mapped[str] = mapped_column(server_default="")
    __table_args__ = (
        CheckConstraint("kind IN ('on_demand', 'weekly', 'final')", name="kind"),
        Index("uq_reports_weekly", "pilot_id", "period", unique=True, postgresql_where=text("kind = 'weekly'")),
    )


class SpendRow(Base):
    """Money that the pilot itself spent (judge, replay, control), booked even when the answer was unusable.

    `is_at_most`: no server has counted the tokens, `usd` is the most that they may have cost.
    """

    __tablename__ = "spend"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str]
    model: Mapped[str]
    calls: Mapped[int]
    usd: Mapped[Decimal | None]
    at: Mapped[datetime] = now()
    is_at_most: Mapped[bool] = mapped_column(server_default="false")


class ImportRow(Base):
    """One import: staged chunk by chunk, then merged in one transaction or not at all.

    `layout` is the digest of the arms and segments that lines are checked against, `lines_read` counts blank lines too.
    """

    __tablename__ = "imports"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"))
    file_key: Mapped[str]
    format: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="staging")
    layout: Mapped[str]
    lines_read: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lines_skipped: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lines_staged: Mapped[int] = mapped_column(BigInteger, server_default="0")
    bytes_staged: Mapped[int] = mapped_column(BigInteger, server_default="0")
    problems: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    problem_count: Mapped[int] = mapped_column(server_default="0")
    result: Mapped[dict[str, Any] | None]
    by: Mapped[str]
    created_at: Mapped[datetime] = now()
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("state IN ('staging', 'done', 'refused', 'abandoned')", name="state"),
        Index("uq_imports_open", "pilot_id", "file_key", unique=True, postgresql_where=text("state = 'staging'")),
    )


class ReplayRow(Base):
    """A replay: stored exchanges asked of candidates (`arm_id` None = of all of them).

    `progress` holds the counters of each arm; `claimed_until` is the lease of the worker that runs it.
    """

    __tablename__ = "replays"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    arm_id: Mapped[int | None] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"))
    limit_usd: Mapped[Decimal | None]
    limit_seconds: Mapped[float | None]
    limit_exchanges: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    progress: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    message: Mapped[str] = mapped_column(server_default="")
    by: Mapped[str]
    created_at: Mapped[datetime] = now()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    __table_args__ = (CheckConstraint("state IN ('queued', 'running', 'done', 'cancelled', 'failed')", name="state"),)


class ApiKeyRow(Base):
    """A program's key: only its HMAC under the server's pepper is kept."""

    __tablename__ = "api_keys"
    id: Mapped[int] = number()
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    digest: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = now()
    revoked_at: Mapped[datetime | None]
    __table_args__ = (CheckConstraint("role IN ('ingest', 'viewer', 'labeller', 'operator', 'admin')", name="role"),)


class AuditRow(Base):
    """Who did what, append only."""

    __tablename__ = "audit_log"
    id: Mapped[int] = number()
    at: Mapped[datetime] = now()
    actor: Mapped[str]
    action: Mapped[str]
    pilot_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    # Each way to read the log, newest first, has an index that begins with what is filtered by.
    __table_args__ = (
        Index(None, "at", "id"),
        Index(None, "actor", "at", "id"),
        Index(None, "action", "at", "id"),
        Index(None, "actor", "action", "at", "id"),
        Index(None, "pilot_id", "at", "id"),
    )
