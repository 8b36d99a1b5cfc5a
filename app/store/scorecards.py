"""Computed scorecards, for reading without computing again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store.tables import ScorecardRow


@dataclass(frozen=True, slots=True)
class KeptScorecard:
    """A stored scorecard as JSON; `inputs_hash` is of all that it rests on beside the evidence."""

    content: str
    inputs_hash: str


def keep_scorecard(
    session: Session,
    pilot_id: int,
    *,
    as_of: datetime | None,
    data_hash: str,
    content: str,
    inputs_hash: str | None = None,
) -> None:
    """Stores a scorecard, unless the newest one is the same: then only what it rests on is noted."""
    latest, document = _latest(session, pilot_id), orjson.loads(content)
    if latest is None or latest.document != document:
        latest = ScorecardRow(pilot_id=pilot_id, as_of=as_of, data_hash=data_hash, document=document)
        session.add(latest)
    latest.content, latest.inputs_hash = content, inputs_hash
    session.flush()


def latest_scorecard(session: Session, pilot_id: int) -> dict[str, Any] | None:
    """The newest stored scorecard as its JSON document; `None` if none was computed yet."""
    latest = _latest(session, pilot_id)
    return latest.document if latest is not None else None


def kept_scorecard(session: Session, pilot_id: int) -> KeptScorecard | None:
    """The newest stored scorecard, if it is noted what it rests on."""
    latest = _latest(session, pilot_id)
    if latest is None or latest.content is None or latest.inputs_hash is None:
        return None
    return KeptScorecard(latest.content, latest.inputs_hash)


def _latest(session: Session, pilot_id: int) -> ScorecardRow | None:
    query = select(ScorecardRow).where(ScorecardRow.pilot_id == pilot_id)
    return session.scalar(query.order_by(ScorecardRow.computed_at.desc(), ScorecardRow.id.desc()).limit(1))
