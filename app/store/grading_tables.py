"""Tables of what graders find and what judges are asked beside the pairs' grades."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base, now


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
