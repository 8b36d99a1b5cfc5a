"""A worker's turn at the pairs of segments that a user's own function decides."""

from time import monotonic

from app.domain.grader_names import function_of
from app.domain.pilot import Pilot
from app.graders.user_function import FunctionRules, UserFunctions
from app.pipeline.hold import NO_HOLD, Hold
from app.pipeline.settlement import judge_of, settle
from app.store.function_claims import claim_for_functions
from app.store.grades import insert_grades, read_pairs, save_settlements
from app.store.gradings import release_claims
from app.store.session import SessionFactory, session_scope

PAIRS_AT_ONCE = 25


def grade_by_functions(
    session_factory: SessionFactory, pilot: Pilot, rules: FunctionRules, *,
    worker: str, lease_seconds: float, seconds: float, hold: Hold = NO_HOLD,
) -> int:  # fmt: skip
    """Settles pairs of segments with a function of their own, until none is left or the time is over; gives their number.

    No transaction is open while a function runs. A pair that is touched meanwhile stays pending.
    """
    segments = {table.name for table in pilot.configuration.segment if function_of(table.grader) is not None}
    until, settled = monotonic() + seconds, 0
    if not segments:
        return settled
    with UserFunctions(rules) as functions:
        while monotonic() < until and not hold.look():
            done = _settle_some(session_factory, pilot, functions, segments, worker, lease_seconds)
            if not done:
                break
            settled += done
    return settled


def _settle_some(
    session_factory: SessionFactory,
    pilot: Pilot,
    functions: UserFunctions,
    segments: set[str],
    worker: str,
    lease_seconds: float,
) -> int:
    with session_scope(session_factory) as session:
        keys = claim_for_functions(
            session, pilot.id, segments=segments, worker=worker, lease_seconds=lease_seconds, limit=PAIRS_AT_ONCE
        )
        records = read_pairs(session, pilot, keys, rater=None)
    judge = judge_of(pilot.configuration)
    found = [settle(record, pilot, judge, functions) for record in records]
    with session_scope(session_factory) as session:
        insert_grades(session, pilot.id, [grade for _, grade in found if grade is not None])
        save_settlements(session, [settlement for settlement, _ in found], worker=worker)
        release_claims(session, pilot.id, worker=worker)
    return len(found)
