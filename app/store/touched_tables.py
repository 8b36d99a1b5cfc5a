"""Marks of evidence that changed, written by triggers, and the parts of days that are made anew for them (decision 23)."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, SmallInteger, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.store.base import Base


class TouchedRow(Base):
    """A transaction changed evidence of exchanges that arrived in an hour; the hour 1970-01-01 stands for any of them.

    The transaction is part of the key, so that nobody waits for another's mark; for the same reason there is no foreign key.
    """

    __tablename__ = "touched"
    pilot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    transaction: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, server_default=text("(pg_current_xact_id()::text)::bigint")
    )


class DayPartRow(Base):
    """What a closed day adds to figures that add up.

    `inputs_hash` is of all that it rests on beside the evidence, `seen` are the transactions whose marks it has seen.
    """

    __tablename__ = "day_parts"
    pilot_id: Mapped[int] = mapped_column(ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    content: Mapped[bytes]
    inputs_hash: Mapped[str]
    seen: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
