"""What protects stored texts and what was done to remove them: wrapped data keys, erasures with their receipts."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base, now, number


class PilotKeyRow(Base):
    """A data key of a pilot, wrapped by the installation's keys; without it the pilot's texts cannot be read again.

    The newest (`number`) encrypts, all decrypt. Removing all of them is how a pilot's texts are shredded.
    """

    __tablename__ = "pilot_keys"
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    wrapped: Mapped[bytes]
    made_at: Mapped[datetime] = now()


class ErasureRow(Base):
    """Texts that were removed, by whom and how many: the receipt. What was asked for is kept as a keyed digest alone.

    `counts` says how much of each kind was removed, `receipt_hash` binds the row's other columns.
    """

    __tablename__ = "erasures"
    id: Mapped[int] = number()
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    subject_digest: Mapped[str]
    by: Mapped[str]
    counts: Mapped[dict[str, Any]]
    erased_at: Mapped[datetime] = now()
    receipt_hash: Mapped[str]
    __table_args__ = (CheckConstraint("kind IN ('conversation', 'user', 'pilot', 'retention')", name="kind"),)
