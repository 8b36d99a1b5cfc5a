"""Celery tasks: each decodes ids and calls a plain function of `app/pipeline`."""

from datetime import UTC, datetime, timedelta

import structlog

from app.domain.replay import ReplayState
from app.jobs import Job
from app.pipeline.alerting import watch_pilots
from app.pipeline.anchors import check_judges
from app.pipeline.grading import GradingLimits, grade_pilot, sweep_gradings
from app.pipeline.importing import abandon_stale_imports
from app.pipeline.model_sightings import look_daily
from app.pipeline.notifying import send_messages
from app.pipeline.rehearsal import sweep_rehearsals
from app.pipeline.rehearsal_step import Bounds
from app.pipeline.rehearsal_work import work_on_rehearsal
from app.pipeline.replay import sweep_replays, work_on_replay
from app.pipeline.routing import write_routing
from app.pipeline.standing import refresh_running, refresh_scorecard
from app.pipeline.weekly import make_weekly_reports
from app.store.session import session_scope
from app.store.touched import fold_marks
from workers.celery_app import celery
from workers.runtime import runtime

log = structlog.get_logger(__name__)


@celery.task(name=Job.REPLAY.value)
def replay(replay_id: int) -> None:
    """One turn at asking candidates for stored exchanges; asks for the next one if there is more to do."""
    here = runtime()
    lease, largest = here.settings.lease_seconds, here.settings.reply_bytes
    state = work_on_replay(
        here.session_factory, replay_id, lease_seconds=lease, reply_bytes=largest, digest_key=here.digest_key
    )
    if state is ReplayState.RUNNING:
        here.publish(Job.REPLAY, [replay_id])


@celery.task(name=Job.REHEARSE.value)
def rehearse(rehearsal_id: int) -> None:
    """One step of a rehearsal; asks for the next one if there is more to do."""
    here = runtime()
    bounds = Bounds(here.settings.rehearsal_concurrency, here.settings.reply_bytes)
    lease = here.settings.lease_seconds
    state = work_on_rehearsal(
        here.session_factory, rehearsal_id, lease_seconds=lease, bounds=bounds, digest_key=here.digest_key
    )
    if state is ReplayState.RUNNING:
        here.publish(Job.REHEARSE, [rehearsal_id])


@celery.task(name=Job.GRADE.value)
def grade(pilot_id: int) -> None:
    """One turn at a pilot's pairs; asks for the next one if there is more to do."""
    here = runtime()
    if grade_pilot(here.session_factory, pilot_id, GradingLimits.of(here.settings)):
        here.publish(Job.GRADE, [pilot_id])


@celery.task(name=Job.ANCHORS.value)
def anchors() -> None:
    """Asks the judges of running pilots again about pairs of the first week, where a week is over."""
    here = runtime()
    check_judges(here.session_factory, GradingLimits.of(here.settings))


@celery.task(name=Job.MODELS.value)
def models() -> None:
    """Looks once a day at what the candidates' servers serve."""
    look_daily(runtime().session_factory, datetime.now(UTC))


@celery.task(name=Job.SCORECARDS.value)
def scorecards() -> None:
    """Keeps the figures that pages read fresh."""
    here = runtime()
    refresh_running(here.session_factory, every=timedelta(seconds=here.settings.scorecard_seconds))


@celery.task(name=Job.SCORECARD.value)
def scorecard(pilot_name: str) -> None:
    """Computes one pilot's figures because somebody asked for them."""
    refresh_scorecard(runtime().session_factory, pilot_name)


@celery.task(name=Job.WEEKLY.value)
def weekly() -> None:
    """Makes the weekly reports that are due."""
    here = runtime()
    make_weekly_reports(here.session_factory, datetime.now(UTC), publish=here.publish)


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
    with session_scope(here.session_factory, here.publish) as session:
        sweep_replays(session)
        sweep_rehearsals(session)
        sweep_gradings(session)
        fold_marks(session)
        abandon_stale_imports(session, datetime.now(UTC) - timedelta(hours=here.settings.import_kept_hours))
    if write_routing(here.session_factory, here.settings.home):
        log.info("the gateway's file was written anew")
