"""Tables of what graders find and what judges are asked beside the pairs' grades."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base, now, number


class JudgeShareRow(Base):
    """The chance of a segment's conversations of a week to be judged, decided before any of them was."""

    __tablename__ = "judge_shares"
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True)
    week: Mapped[date] = mapped_column(primary_key=True)
    share: Mapped[float]
    pairs_expected: Mapped[int]
    usd_expected: Mapped[Decimal]
    decided_at: Mapped[datetime] = now()
    __table_args__ = (CheckConstraint("share BETWEEN 0 AND 1", name="share"),)


class CheckSetRow(Base):
    """The checks (names with versions) that replies were looked at with; a finding's bits are places in `labels`."""

    __tablename__ = "check_sets"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"))
    labels: Mapped[list[str]]
    __table_args__ = (UniqueConstraint("pilot_id", "labels"),)


class ReplyFindingsRow(Base):
    """What checks found in one reply: bits of those that applied and of those that found something (docs/graders.md)."""

    __tablename__ = "reply_findings"
    exchange_id: Mapped[int] = mapped_column(ForeignKey("exchanges.id", ondelete="CASCADE"), primary_key=True)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"), primary_key=True)
    pilot_id: Mapped[int] = mapped_column(BigInteger)
    set_id: Mapped[int] = mapped_column(BigInteger)
    checked: Mapped[int] = mapped_column(BigInteger)
    found: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Index("ix_reply_findings_pilot_id", "pilot_id", "arm_id"),)


class RubricScoreRow(Base):
    """A rubric's score of one reply, whatever the number of pairs that it is part of, or why there is none.

    `met`, `evidence` and `quoted` have one element a criterion, in the rubric's order. `at` is the exchange's arrival.
    """

    __tablename__ = "rubric_scores"
    pilot_id: Mapped[int] = mapped_column(BigInteger)
    exchange_id: Mapped[int] = mapped_column(ForeignKey("exchanges.id", ondelete="CASCADE"), primary_key=True)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"), primary_key=True)
    grader: Mapped[str] = mapped_column(primary_key=True)
    rater: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float | None]
    ungraded: Mapped[str | None]
    reason: Mapped[str] = mapped_column(server_default="")
    met: Mapped[list[float]] = mapped_column(ARRAY(DOUBLE_PRECISION), server_default=text("'{}'"))
    evidence: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    quoted: Mapped[list[bool]] = mapped_column(ARRAY(Boolean), server_default=text("'{}'"))
    calls: Mapped[int] = mapped_column(server_default=text("0"))
    cost_usd: Mapped[Decimal] = mapped_column(server_default=text("0"))
    at: Mapped[datetime]
    graded_at: Mapped[datetime] = now()
    __table_args__ = (
        CheckConstraint("(value IS NULL) <> (ungraded IS NULL)", name="value_or_ungraded"),
        CheckConstraint("value <= 1", name="value"),
        Index("ix_rubric_scores_pilot_id", "pilot_id", "arm_id"),
    )
