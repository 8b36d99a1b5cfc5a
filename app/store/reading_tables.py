"""Tables of those who read: people and sessions, what reports hold beside their document, decisions, alerts, messages."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base, now, number

# A table below has a column of that name.
_NOTHING, _UNRESOLVED = text("'{}'::jsonb"), text("resolved_at IS NULL")


class PersonRow(Base):
    """Somebody who signs in with a password; `password_hash` is argon2id with its parameters and salt.

    `folded_name` keeps names apart that people would take for the same one; `must_change_password`: an admin set it, the
    person has to choose another one first.
    """

    __tablename__ = "people"
    id: Mapped[int] = number()
    name: Mapped[str] = mapped_column(unique=True)
    folded_name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    must_change_password: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    created_at: Mapped[datetime] = now()
    password_set_at: Mapped[datetime] = now()
    last_seen_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    __table_args__ = (CheckConstraint("role IN ('viewer', 'labeller', 'operator', 'admin')", name="role"),)


class PersonSessionRow(Base):
    """A person's session in one browser: only a digest of its token is kept, so a stolen table opens nothing."""

    __tablename__ = "person_sessions"
    id: Mapped[int] = number()
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = now()
    seen_at: Mapped[datetime] = now()
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ReportExampleRow(Base):
    """A pair that a report shows, redacted: kept apart from its document, so that texts can be withheld or erased."""

    __tablename__ = "report_examples"
    report_id: Mapped[int] = mapped_column(ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    exchange_id: Mapped[int] = mapped_column(BigInteger, index=True)
    document: Mapped[dict[str, Any]]


class ReportFileRow(Base):
    """A piece of a file that was made with a report and cannot be made again from its document, as its data bundle."""

    __tablename__ = "report_files"
    report_id: Mapped[int] = mapped_column(ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    piece: Mapped[int] = mapped_column(Integer, primary_key=True)
    body: Mapped[bytes]


class DecisionRow(Base):
    """A signature under a report; a trigger refuses to change or remove it, what is wrong is superseded by another one.

    `outcome` is what was decided; where it differs from `verdict`, `reason` says why and `expires_at` until when.
    """

    __tablename__ = "decisions"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id"), index=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("reports.id"), index=True)
    candidate: Mapped[str]
    verdict: Mapped[str]
    outcome: Mapped[str]
    signed_name: Mapped[str]
    signed_role: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    expires_at: Mapped[datetime | None]
    data_hash: Mapped[str]
    record_hash: Mapped[str]
    by: Mapped[str]
    signed_at: Mapped[datetime] = now()
    __table_args__ = (
        CheckConstraint("outcome IN ('MIGRATE', 'DONT_MIGRATE', 'HYBRID', 'EXTEND')", name="outcome"),
        CheckConstraint("outcome = verdict OR (reason <> '' AND expires_at IS NOT NULL)", name="override"),
    )


class AlertRow(Base):
    """One time that a rule's condition held: opened once, resolved once; `subject` is an arm, a threshold or ""."""

    __tablename__ = "alerts"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    rule: Mapped[str]
    subject: Mapped[str] = mapped_column(server_default="")
    severity: Mapped[str]
    text: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=_NOTHING)
    opened_at: Mapped[datetime] = now()
    resolved_at: Mapped[datetime | None]
    __table_args__ = (
        Index("uq_alerts_open", "pilot_id", "rule", "subject", unique=True, postgresql_where=_UNRESOLVED),
        CheckConstraint("severity IN ('warning', 'critical')", name="severity"),
    )


class MessageRow(Base):
    """A message to people outside, tried until it is taken; `subject` names what it is about, as `alert:7:opened`."""

    __tablename__ = "messages"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    subject: Mapped[str]
    channel: Mapped[str]
    document: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = now()
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    next_at: Mapped[datetime] = now()
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(server_default="")
    __table_args__ = (
        UniqueConstraint("subject", "channel"),
        Index("ix_messages_due", "next_at", postgresql_where=text("sent_at IS NULL AND given_up_at IS NULL")),
        CheckConstraint("channel IN ('apprise', 'webhook')", name="channel"),
    )
