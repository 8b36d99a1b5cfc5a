"""Celery tasks that may take their time: replays, rehearsals, judging anew, weekly reports.

What they need is imported when the first of them comes: a process that only waits for one takes little memory.
"""

# ruff: noqa: PLC0415

from datetime import UTC, datetime

from app.jobs import Job
from workers.celery_app import celery
from workers.runtime import Runtime, runtime

CLEAR_SECONDS = 300.0


@celery.task(name=Job.REPLAY.value)
def replay(replay_id: int) -> None:
    """One turn at asking candidates for stored exchanges; asks for the next one if there is more to do."""
    from app.domain.replay import ReplayState
    from app.pipeline.replay import work_on_replay

    here = runtime()
    lease, largest = here.settings.lease_seconds, here.settings.reply_bytes
    state = work_on_replay(
        here.session_factory, replay_id,
        lease_seconds=lease, reply_bytes=largest, digest_key=here.digest_key, hold=here.hold,
    )  # fmt: skip
    if state is ReplayState.RUNNING:
        _go_on(here, Job.REPLAY, replay_id)


@celery.task(name=Job.REHEARSE.value)
def rehearse(rehearsal_id: int) -> None:
    """One step of a rehearsal; asks for the next one if there is more to do."""
    from app.domain.replay import ReplayState
    from app.pipeline.rehearsal_step import Bounds
    from app.pipeline.rehearsal_work import work_on_rehearsal

    here = runtime()
    if here.hold.look():
        _go_on(here, Job.REHEARSE, rehearsal_id)
        return
    bounds = Bounds(here.settings.rehearsal_concurrency, here.settings.reply_bytes)
    lease = here.settings.lease_seconds
    state = work_on_rehearsal(
        here.session_factory, rehearsal_id, lease_seconds=lease, bounds=bounds, digest_key=here.digest_key
    )
    if state is ReplayState.RUNNING:
        _go_on(here, Job.REHEARSE, rehearsal_id)


@celery.task(name=Job.REGRADE.value)
def regrade(pilot_id: int) -> None:
    """One turn at pairs that were judged before; asks for the next one if there is more to do."""
    from workers.grading_turn import take_turn

    here = runtime()
    take_turn(here, pilot_id, here.hold)


@celery.task(name=Job.ANCHORS.value)
def anchors() -> None:
    """Asks the judges of running pilots again about pairs of the first week, where a week is over."""
    from app.pipeline.anchors import check_judges
    from app.pipeline.grading import GradingLimits

    here = runtime()
    check_judges(here.session_factory, GradingLimits.of(here.settings, here.hold))


@celery.task(name=Job.MODELS.value)
def models() -> None:
    """Looks once a day at what the candidates' servers serve."""
    from app.pipeline.model_sightings import look_daily

    look_daily(runtime().session_factory, datetime.now(UTC))


@celery.task(name=Job.WEEKLY.value)
def weekly() -> None:
    """Makes the weekly reports that are due."""
    from app.pipeline.hold import note_held
    from app.pipeline.weekly import make_weekly_reports

    here = runtime()
    if reason := here.hold.look():
        note_held("weekly", reason)
        return
    make_weekly_reports(here.session_factory, datetime.now(UTC), publish=here.publish)


@celery.task(name=Job.RETENTION.value)
def retention() -> None:
    """Removes texts that are older than their pilots keep them, what came late for an erasure, and what shredding left."""
    from app.pipeline.retention import remove_old_texts
    from app.pipeline.shredding import clear_shredded

    here = runtime()
    remove_old_texts(here.session_factory, here.digest_key, datetime.now(UTC))
    clear_shredded(here.session_factory, seconds=CLEAR_SECONDS)


def _go_on(here: Runtime, job: Job, number: int) -> None:
    """Asks for the next turn; where the recorder is behind, the sweep asks once it has caught up."""
    from app.pipeline.hold import BEHIND, note_held

    if reason := here.hold.reason:
        note_held(job.value.removeprefix("pilot."), reason)
    if reason != BEHIND:
        here.publish(job, [number])
