"""What model servers said of themselves."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base, number


class ModelSightingRow(Base):
    """What an arm's server listed at `/models`, or a fingerprint of its replies with the first one that bore it."""

    __tablename__ = "model_sightings"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"))
    arm_id: Mapped[int] = mapped_column(ForeignKey("arms.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    source: Mapped[str]
    base_url: Mapped[str | None]
    ids: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    served: Mapped[str] = mapped_column(server_default="")
    root: Mapped[str | None]
    created: Mapped[int | None] = mapped_column(BigInteger)
    max_model_len: Mapped[int | None] = mapped_column(BigInteger)
    fingerprint: Mapped[str | None]
    failure: Mapped[str | None]
    __table_args__ = (
        CheckConstraint("source IN ('models', 'reply')", name="source"),
        Index("ix_model_sightings_pilot_id_at", "pilot_id", "at"),
        Index(
            "uq_model_sightings_fingerprint", "arm_id", "fingerprint", unique=True, postgresql_where=text("source = 'reply'")
        ),
    )
