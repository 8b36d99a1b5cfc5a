"""Computed scorecards, for reading without computing again."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store.tables import ScorecardRow


def keep_scorecard(
    session: Session, pilot_id: int, *, as_of: datetime | None, data_hash: str, document: dict[str, Any]
) -> None:
    """Stores a scorecard, unless the newest one is the same."""
    if latest_scorecard(session, pilot_id) != document:
        session.add(ScorecardRow(pilot_id=pilot_id, as_of=as_of, data_hash=data_hash, document=document))
        session.flush()


def latest_scorecard(session: Session, pilot_id: int) -> dict[str, Any] | None:
    """The newest stored scorecard as its JSON document; `None` if none was computed yet."""
    query = select(ScorecardRow.document).where(ScorecardRow.pilot_id == pilot_id)
    return session.scalar(query.order_by(ScorecardRow.computed_at.desc(), ScorecardRow.id.desc()).limit(1))
