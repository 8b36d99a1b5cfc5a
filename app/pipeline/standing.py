"""Scorecards that pages read: kept fresh in the background, so that nobody who opens a page waits for one."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.words import PilotState
from app.pipeline.hold import NO_HOLD, Hold, note_held
from app.pipeline.scorecard import compute_scorecard
from app.store.pilots import get_pilot, list_pilots
from app.store.scorecards import NewestScorecard, drop_superseded_scorecards, newest_computed_at, read_newest_scorecard
from app.store.session import SessionFactory, session_scope


def newest_scorecard(session: Session, pilot_id: int) -> NewestScorecard | None:
    """The newest stored scorecard, whether or not more is stored by now; `None` if none was computed."""
    return read_newest_scorecard(session, pilot_id)


def refresh_scorecard(session_factory: SessionFactory, pilot_name: str, *, now: datetime | None = None) -> None:
    """Computes a pilot's scorecard anew if anything changed; of those up to one day only the newest is kept."""
    with session_scope(session_factory) as session:
        pilot = get_pilot(session, pilot_name)
    if pilot.state is PilotState.DRAFT:
        return
    compute_scorecard(session_factory, pilot_name, now=now)
    with session_scope(session_factory) as session:
        drop_superseded_scorecards(session, pilot.id)


def refresh_running(
    session_factory: SessionFactory, *, every: timedelta, now: datetime | None = None, hold: Hold = NO_HOLD
) -> list[str]:
    """Refreshes the scorecards of running pilots that are older than `every`, until others go first; gives their pilots."""
    moment = now or datetime.now(UTC)
    with session_factory() as session:
        running = [pilot for pilot in list_pilots(session) if pilot.state is PilotState.RUNNING]
        computed = {pilot.name: newest_computed_at(session, pilot.id) for pilot in running}
    due = [name for name, at in computed.items() if at is None or at <= moment - every]
    refreshed = []
    for name in due:
        if reason := hold.look():
            note_held("scorecards", reason)
            break
        refresh_scorecard(session_factory, name, now=moment)
        refreshed.append(name)
    return refreshed
