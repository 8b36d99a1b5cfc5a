"""Marks of evidence that changed: written by triggers, taken away by the day close that saw them (decision 23)."""

from datetime import datetime

from sqlalchemy import BigInteger, text
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
