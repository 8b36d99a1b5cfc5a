"""One worker's turn at a pilot's pairs, whichever queue asked for it."""

from app.pipeline.grading import GradingLimits, grade_pilot, grading_job
from app.pipeline.hold import Hold
from workers.runtime import Runtime


def take_turn(here: Runtime, pilot_id: int, hold: Hold) -> None:
    """Grades for a while, until `hold` says that others go first; asks for the next turn if there is more to do."""
    if grade_pilot(here.session_factory, pilot_id, GradingLimits.of(here.settings, hold, here.last_look)):
        with here.session_factory() as session:
            job = grading_job(session, pilot_id)
        here.publish(job, [pilot_id])
