"""What workers and beat say of themselves: that they live, how long tasks take, and what processes need."""

import logging
import os
import time
from pathlib import Path
from typing import Any

from billiard.process import current_process
from celery import signals
from celery.beat import PersistentScheduler
from prometheus_client import Gauge, Histogram
from typing_extensions import override

from app.capture.presence import Presence
from app.jobs import Job
from app.metrics import fold_own_host
from app.metrics.processes import watch_process
from app.settings import Settings

SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
BEAT = "beat-1"
READY_FILE = "PILOT_READY_FILE"
FOLD_SECONDS = 60.0

task_seconds = Histogram("pilot_worker_task_seconds", "How long tasks take.", ["task"], buckets=SECONDS)
in_hand = Gauge("pilot_worker_tasks_in_hand", "Tasks under way.", ["task"], multiprocess_mode="livesum")
last_tick = Gauge("pilot_beat_last_tick_seconds", "When beat looked at its schedule, since 1970.", multiprocess_mode="livemax")

_began: dict[str, float] = {}
_present: dict[int, Presence] = {}
_folded_at: dict[str, float] = {}

log = logging.getLogger(__name__)


def _presence(process: str, slot: str) -> Presence | None:
    """Of this process; a connection must not cross a fork."""
    here = os.getpid()
    url = Settings().redis_url
    if here not in _present and url is not None:
        _present[here] = Presence(url, process, slot)
    return _present.get(here)


@signals.worker_ready.connect
def _parent_is_ready(sender: Any = None, **_: Any) -> None:
    for job in Job:
        task_seconds.labels(job.value)
        in_hand.labels(job.value)
    watch_process("worker", sender.hostname)


@signals.heartbeat_sent.connect
def _say_that_it_lives(sender: Any = None, **_: Any) -> None:
    """By the worker's own loop, every two seconds: one that hangs says nothing."""
    if (presence := _presence("worker", sender.eventer.hostname)) is not None:
        presence.tell()


@signals.heartbeat_sent.connect
def _fold(**_: Any) -> None:
    """Children are replaced again and again: what each of them counted is read at every scrape until it is added up."""
    if time.monotonic() - _folded_at.get("", float("-inf")) >= FOLD_SECONDS:
        _folded_at[""] = time.monotonic()
        try:
            fold_own_host()
        except OSError as error:
            log.warning("metrics of ended processes are not added up: %s", error)


@signals.worker_shutdown.connect
def _leave(**_: Any) -> None:
    if (presence := _present.pop(os.getpid(), None)) is not None:
        presence.leave()


@signals.worker_process_init.connect
def _child_begins(sender: Any = None, **_: Any) -> None:
    watch_process("worker", f"{sender}/{getattr(current_process(), 'index', 0)}")


@signals.task_prerun.connect
def _task_begins(task_id: str = "", task: Any = None, **_: Any) -> None:
    _began[task_id] = time.perf_counter()
    in_hand.labels(task.name).inc()


@signals.task_postrun.connect
def _task_ends(task_id: str = "", task: Any = None, **_: Any) -> None:
    began = _began.pop(task_id, None)
    if began is not None:
        in_hand.labels(task.name).dec()
        task_seconds.labels(task.name).observe(time.perf_counter() - began)


class TickingScheduler(PersistentScheduler):
    """Beat's scheduler, which says with each look at the schedule that it lives."""

    @override
    def tick(self, *arguments: Any, **named: Any) -> Any:
        last_tick.set(time.time())
        if READY_FILE in os.environ:  # its age tells whoever looks from outside (docker-compose.yml)
            Path(os.environ[READY_FILE]).touch()
        if (presence := _presence("beat", BEAT)) is not None:
            presence.tell()
        return super().tick(*arguments, **named)

    @override
    def close(self) -> None:
        _leave()
        super().close()


@signals.beat_init.connect
def _beat_begins(**_: Any) -> None:
    watch_process("beat", BEAT)
