"""Celery tasks that somebody waits for: each decodes ids and calls a plain function of `app/pipeline`."""

from datetime import UTC, datetime, timedelta

import structlog

from app.jobs import Job, publish_where_room
from app.pipeline.alerting import watch_pilots
from app.pipeline.grading import hold_gradings, sweep_gradings
from app.pipeline.hold import BEHIND
from app.pipeline.importing import abandon_stale_imports
from app.pipeline.notifying import send_messages
from app.pipeline.rehearsal import sweep_rehearsals
from app.pipeline.replay import sweep_replays
from app.pipeline.routing import write_routing
from app.pipeline.standing import refresh_running, refresh_scorecard
from app.store.session import session_scope
from app.store.touched import fold_marks
from workers.celery_app import celery
from workers.grading_turn import take_turn
from workers.runtime import runtime

log = structlog.get_logger(__name__)


@celery.task(name=Job.GRADE.value)
def grade(pilot_id: int) -> None:
    """One turn at a pilot's pairs; asks for the next one if there is more to do."""
    here = runtime()
    here.live_hold.begin()
    take_turn(here, pilot_id, here.live_hold)


@celery.task(name=Job.SCORECARDS.value)
def scorecards() -> None:
    """Keeps the figures that pages read fresh."""
    here = runtime()
    here.live_hold.begin()
    refresh_running(here.session_factory, every=timedelta(seconds=here.settings.scorecard_seconds), hold=here.live_hold)


@celery.task(name=Job.SCORECARD.value)
def scorecard(pilot_name: str) -> None:
    """Computes one pilot's figures because somebody asked for them."""
    refresh_scorecard(runtime().session_factory, pilot_name)


@celery.task(name=Job.ALERTS.value)
def alerts() -> None:
    """Looks at every rule of every running pilot; opens and resolves alarms."""
    here = runtime()
    watch_pilots(here.session_factory, datetime.now(UTC), redis_url=here.settings.redis_url, publish=here.publish)


@celery.task(name=Job.MESSAGES.value)
def messages() -> None:
    """Sends what is waiting to be sent."""
    send_messages(runtime().session_factory, datetime.now(UTC))


@celery.task(name=Job.SWEEP.value)
def sweep() -> None:
    """Asks again for work whose row is unfinished and that nobody holds: rows, not messages, are the truth."""
    here = runtime()
    is_behind = here.hold.look() == BEHIND
    publish = publish_where_room(here.settings.redis_url, here.publish)
    with session_scope(here.session_factory, publish) as session:
        if is_behind:
            hold_gradings(session)
        else:
            sweep_replays(session)
            sweep_rehearsals(session)
            sweep_gradings(session)
        fold_marks(session)
        abandon_stale_imports(session, datetime.now(UTC) - timedelta(hours=here.settings.import_kept_hours))
    if write_routing(here.session_factory, here.settings.home):
        log.info("the gateway's file was written anew")
