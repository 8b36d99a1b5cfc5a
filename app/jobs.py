"""Names of the background jobs; they are sent by name so that nothing here imports a worker."""

from enum import StrEnum


class Job(StrEnum):
    """What Celery workers can be asked to do; arguments are ids only."""

    GRADE = "pilot.grade"
    REPLAY = "pilot.replay"
    SWEEP = "pilot.sweep"
