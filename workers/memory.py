"""Worker processes give memory back that their work took for a moment."""

import ctypes
import time
from typing import Any

from celery import signals

from app.jobs import Job

# They read all of a pilot; what they freed would stay with the process until it is replaced.
LARGE_JOBS = frozenset({Job.SCORECARD, Job.SCORECARDS, Job.WEEKLY, Job.ANCHORS, Job.REHEARSE, Job.RETENTION})
# Hundreds of small turns a minute leave holes too. Trimming takes milliseconds: not after each of them.
PAUSE_SECONDS = 10.0
_malloc_trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None)  # another C library has none
_trimmed_at: dict[str, float] = {}


@signals.task_postrun.connect
def _after_a_task(task: Any = None, **_: Any) -> None:
    now = time.monotonic()
    if task.name in LARGE_JOBS or now - _trimmed_at.get("", float("-inf")) >= PAUSE_SECONDS:
        trim()
        _trimmed_at[""] = now


def trim() -> bool:
    """Tells the allocator to give back what is free; false if it had nothing, or cannot be told."""
    return bool(_malloc_trim(0)) if _malloc_trim is not None else False
