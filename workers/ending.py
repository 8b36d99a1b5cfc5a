"""How a worker tells the processes of its pool that it was told to end: one byte that all of them see.

Celery waits for tasks, but tells them nothing: a turn of minutes would be killed at the end of the grace period.
"""

import mmap

# Shared with every process that is forked from here on.
_BYTE = mmap.mmap(-1, 1)


def is_ending() -> bool:
    """Whether this process, or the worker that it is of, was told to end."""
    return _BYTE[0] == 1


def note_ending() -> None:
    """From now on turns end as soon as they can."""
    _BYTE[0] = 1
