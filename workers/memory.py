"""Worker processes give memory back after work that takes much of it for a moment."""

import ctypes
from typing import Any

from celery import signals

from app.jobs import Job

# They read all of a pilot; what they freed would stay with the process until it is replaced.
LARGE_JOBS = frozenset({Job.SCORECARD, Job.SCORECARDS, Job.WEEKLY, Job.ANCHORS, Job.REHEARSE, Job.RETENTION})


@signals.task_postrun.connect
def _after_a_task(task: Any = None, **_: Any) -> None:
    if task.name in LARGE_JOBS:
        trim()


def trim() -> bool:
    """Tells the allocator to give back what is free; false if it had nothing, or cannot be told."""
    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library
        return False
    return bool(malloc_trim(0))
