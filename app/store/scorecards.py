"""Computed scorecards, for reading without computing again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, aliased

from app.store.tables import ScorecardRow


@dataclass(frozen=True, slots=True)
class KeptScorecard:
    """A stored scorecard as JSON; `inputs_hash` is of all that it rests on beside the evidence."""

    content: str
    inputs_hash: str


@dataclass(frozen=True, slots=True)
class NewestScorecard:
    """The newest stored scorecard as JSON, whether or not more is stored by now."""

    id: int
    content: str
    computed_at: datetime


def keep_scorecard(
    session: Session,
    pilot_id: int,
    *,
    as_of: datetime | None,
    data_hash: str,
    content: str,
    inputs_hash: str | None = None,
) -> None:
    """Stores a scorecard, unless the newest one is the same: then only what it rests on is noted, and when."""
    latest, document = _latest(session, pilot_id), orjson.loads(content)
    if latest is None or latest.document != document:
        latest = ScorecardRow(pilot_id=pilot_id, as_of=as_of, data_hash=data_hash, document=document)
        session.add(latest)
    latest.content, latest.inputs_hash, latest.computed_at = content, inputs_hash, func.clock_timestamp()
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


def read_newest_scorecard(session: Session, pilot_id: int) -> NewestScorecard | None:
    """The newest stored scorecard; `None` if none was computed yet."""
    query = select(ScorecardRow.id, ScorecardRow.content, ScorecardRow.document, ScorecardRow.computed_at)
    newest = query.where(ScorecardRow.pilot_id == pilot_id).order_by(ScorecardRow.computed_at.desc(), ScorecardRow.id.desc())
    row = session.execute(newest.limit(1)).one_or_none()
    if row is None:
        return None
    return NewestScorecard(row.id, row.content or orjson.dumps(row.document).decode(), row.computed_at)


def newest_computed_at(session: Session, pilot_id: int) -> datetime | None:
    """When the newest stored scorecard was computed; `None` if none was yet."""
    return session.scalar(select(func.max(ScorecardRow.computed_at)).where(ScorecardRow.pilot_id == pilot_id))


def drop_superseded_scorecards(session: Session, pilot_id: int) -> int:
    """Removes what a newer scorecard up to the same day replaced; gives how many."""
    newer = aliased(ScorecardRow)
    is_replaced = (
        select(newer.id)
        .where(newer.pilot_id == pilot_id, newer.id > ScorecardRow.id)
        .where(newer.as_of.is_not_distinct_from(ScorecardRow.as_of))
        .exists()
    )
    removed = session.execute(delete(ScorecardRow).where(ScorecardRow.pilot_id == pilot_id, is_replaced))
    return int(removed.rowcount)  # type: ignore[attr-defined]


def _latest(session: Session, pilot_id: int) -> ScorecardRow | None:
    query = select(ScorecardRow).where(ScorecardRow.pilot_id == pilot_id)
    return session.scalar(query.order_by(ScorecardRow.computed_at.desc(), ScorecardRow.id.desc()).limit(1))
