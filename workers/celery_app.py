"""Celery's application: `celery -A workers.celery_app worker` and `… beat`.

A worker without `--queues` does everything, what somebody waits for first; `workers.batch_app` is for the rest alone.
"""

import logging
import os
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

from celery import signals
from celery.exceptions import SecurityWarning
from prometheus_client import Counter

from app.errors import StackError
from app.jobs import Job, make_celery
from app.metrics import share_metrics
from app.settings import Settings
from app.stack.process import die_with_parent
from workers.ending import note_ending
from workers.logs import configure_logs

SWEEP_SECONDS = 10.0
MODELS_SECONDS = 3600.0  # asked for hourly, done daily: beat forgets what it sent when it starts anew
ANCHORS_SECONDS = 3600.0
SCORECARDS_SECONDS = 120.0  # each is computed anew at most every PILOT_SCORECARD_SECONDS
WEEKLY_SECONDS = 600.0
# By so much the clocks of beat and of a worker may differ: what expires by the worker's clock on its way is never done.
CLOCKS_SECONDS = 120.0
RETENTION_SECONDS = 3600.0  # texts are removed daily, what came late for an erasure each time
ALERTS_SECONDS = 30.0
MESSAGES_SECONDS = 30.0
# A new process has 190 MB, a scorecard of a million pairs takes 1.6 GB, and not all of it is given back (`workers.memory`): a
# process that ever had more than this is replaced after its task, so that none grows for days.
MOST_KEPT_KILOBYTES = 400_000
BEATS = {
    Job.SWEEP: SWEEP_SECONDS,
    Job.ANCHORS: ANCHORS_SECONDS,
    Job.MODELS: MODELS_SECONDS,
    Job.SCORECARDS: SCORECARDS_SECONDS,
    Job.WEEKLY: WEEKLY_SECONDS,
    Job.ALERTS: ALERTS_SECONDS,
    Job.MESSAGES: MESSAGES_SECONDS,
    Job.RETENTION: RETENTION_SECONDS,
}
# Beat sends names: what the tasks are made of would be 120 MB, and seconds at its start, that it never uses.
TASKS_OF_WORKERS = ("workers.tasks", "workers.batch_tasks", "workers.task_context", "workers.memory")
IS_BEAT = "beat" in sys.argv[1:]
# Written once a process can work, where the supervisor asks for it by this variable.
READY_FILE = "PILOT_READY_FILE"

# Celery warns root of pickled messages; here only JSON is accepted.
warnings.filterwarnings("ignore", category=SecurityWarning)

settings = Settings()
share_metrics(settings.metrics_folder or settings.home / "metrics")
celery = make_celery(settings.redis_url, redelivered_seconds=settings.job_redelivery_seconds)
TASKS = Counter("pilot_worker_tasks_total", "Tasks of the workers by how they ended.", ["task", "outcome"])
celery.conf.update(
    beat_scheduler="workers.watching:TickingScheduler",
    imports=() if IS_BEAT else TASKS_OF_WORKERS,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_max_memory_per_child=MOST_KEPT_KILOBYTES,
    # A busy worker must find a few sweeps afterwards, not the sweeps of the whole time.
    beat_schedule={
        job.value: {"task": job.value, "schedule": seconds, "options": {"expires": max(seconds, CLOCKS_SECONDS)}}
        for job, seconds in BEATS.items()
    },
)
celery.set_current()
celery.set_default()
from workers import watching  # noqa: E402, F401 - its metrics are made, and its signals heard, from here on


@signals.setup_logging.connect
def _logs(**_: Any) -> None:
    configure_logs("beat" if IS_BEAT else "worker", settings.log_level)
    logging.getLogger("celery.beat").setLevel(logging.WARNING)  # else a line each time that it sends the sweep


@signals.celeryd_init.connect
@signals.beat_init.connect
def _refuse_without_redis(**_: Any) -> None:
    if celery.conf.broker_url is None:
        message = "worker and beat need Redis: set PILOT_REDIS_URL (./run up does it)"
        raise StackError(message)


@signals.worker_shutting_down.connect
def _tell_the_pool(**_: Any) -> None:
    note_ending()


@signals.worker_process_init.connect
def _end_with_the_worker(**_: Any) -> None:
    die_with_parent()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # a rehearsal has more calls in flight than most systems start with
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@signals.worker_ready.connect
@signals.beat_init.connect
def _ready(**_: Any) -> None:
    if READY_FILE in os.environ:
        Path(os.environ[READY_FILE]).write_text(str(os.getpid()))


@signals.celeryd_init.connect
def _count_from_zero(**_: Any) -> None:
    for job in Job:
        for outcome in ("success", "failure"):
            TASKS.labels(job.value, outcome)


@signals.task_postrun.connect
def _count(task: Any = None, state: str | None = None, **_: Any) -> None:
    TASKS.labels(task.name, (state or "unknown").lower()).inc()
