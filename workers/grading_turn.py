"""One worker's turn at a pilot's pairs, whichever queue asked for it."""

from app.pipeline.grading import GradingLimits, grade_pilot, grading_job
from workers.runtime import Runtime


def take_turn(here: Runtime, pilot_id: int) -> None:
    """Grades for a while; asks for the next turn if there is more to do."""
    if grade_pilot(here.session_factory, pilot_id, GradingLimits.of(here.settings, here.hold)):
        with here.session_factory() as session:
            job = grading_job(session, pilot_id)
        here.publish(job, [pilot_id])
