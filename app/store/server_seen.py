"""One look at PostgreSQL: how far it is recorded, and how large it is."""

from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.store.live_tables import RecorderStateRow


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """`recorder_lag_seconds` `None` = no recorder ran yet; by the database's clock."""

    recorder_lag_seconds: float | None
    bytes: int


def look_at_database(session: Session) -> DatabaseSeen:
    """Asks once."""
    lag = session.scalar(select(func.extract("epoch", func.clock_timestamp() - RecorderStateRow.watermark_at)))
    size = session.scalar(text("SELECT pg_database_size(current_database())"))
    return DatabaseSeen(float(lag) if lag is not None else None, int(size or 0))
