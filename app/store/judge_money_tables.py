"""What a worker has set aside for judge calls that are not booked yet."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base


class JudgeReserveRow(Base):
    """One worker's turn: the most that its calls under way may cost. Of a worker that died it counts as spent.

    `calls` are those under way when it was last written at `at`.
    """

    __tablename__ = "judge_reserves"
    worker: Mapped[str] = mapped_column(primary_key=True)
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str]
    model: Mapped[str]
    calls: Mapped[int]
    usd: Mapped[Decimal]
    at: Mapped[datetime]
