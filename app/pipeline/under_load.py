"""What a rehearsal says beside the latency that was measured live: it can hold the gate open, never pass or fail it."""

from dataclasses import replace

from app.domain.rehearsal import RehearsalModel
from app.domain.words import GateOutcome
from app.pipeline.operation import Bounded

_ALL = 1 - 1e-9


def under_load(found: Bounded, rehearsal: RehearsalModel | None, share: float) -> Bounded:
    """The latency gate, which does not pass where the objective was missed when all of it came at once.

    Args:
        found: By the times of mirrored requests.
        rehearsal: The candidate's, if there is one.
        share: Of production's requests that the candidate would get.
    """
    if found.outcome is not GateOutcome.PASSES or rehearsal is None or not rehearsal.misses(share):
        return found
    load = "production's full load" if share >= _ALL else f"{share:.0%} of production's load"
    words = (
        f"but under {load} the rehearsal missed the objective ({_why(rehearsal)}): as the only server it is not shown to keep"
        " it. Rehearse it with more replicas or a faster server"
    )
    return replace(found, outcome=GateOutcome.UNKNOWN, reason=f"{found.reason}; {words}")


def _why(rehearsal: RehearsalModel) -> str:
    missed = rehearsal.slowest_missed
    return f"at {missed.speed:.3g} times the recorded pace, {missed.reason}" if missed is not None else ""
