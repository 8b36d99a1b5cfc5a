"""What has to be read with a rehearsal's numbers, in words."""

from collections.abc import Iterator, Sequence

from app.domain.rehearsal import PEAK_SECONDS, ObjectiveModel, StepKind, StepModel, StepOutcome

# So many limits long a step of the search should be.
LONG_LIMITS = 5


def notes_of(steps: Sequence[StepModel], objective: ObjectiveModel) -> Iterator[str]:
    """What a reader would not see in the numbers."""
    yield from _of_requests(steps)
    yield from _of_steps(steps)
    yield from _of_length(steps, objective)


def _of_requests(steps: Sequence[StepModel]) -> Iterator[str]:
    offered, repeated = sum(step.offered for step in steps), sum(step.repeated for step in steps)
    live, refused = sum(step.live_requests for step in steps), sum(step.refused for step in steps)
    if repeated:
        yield (
            f"{repeated:,} of {offered:,} requests were sent in place of others that were not sampled or whose text is not "
            "kept, at moments drawn near theirs."
        )
    if len(steps) > 1:
        yield "Steps send some of the same requests again: a server that remembers prompts answers those faster than new ones."
    if live:
        yield f"Mirroring went on: {live:,} live requests were put to the candidate besides, as far as replies are recorded."
    if refused:
        yield f"{refused:,} requests were not sent: so many calls as PILOT_REHEARSAL_CONCURRENCY allows were in flight."


def _of_steps(steps: Sequence[StepModel]) -> Iterator[str]:
    lost = sum(step.outcome is StepOutcome.LOST for step in steps)
    if lost:
        yield f"Lost with their worker and made again: {lost} steps."
    if any(step.outcome is StepOutcome.NOT_VALID for step in steps):
        yield "Steps that are not valid say nothing about the candidate: see their reasons."


def _of_length(steps: Sequence[StepModel], objective: ObjectiveModel) -> Iterator[str]:
    if not any(step.kind is StepKind.SPEED and step.seconds >= PEAK_SECONDS for step in steps):
        yield f"No step lasted {PEAK_SECONDS:.0f} s: too short to count as a test at production's busiest minute."
    shortest = min((step.seconds for step in steps if step.kind in (StepKind.SEARCH, StepKind.REPEAT)), default=None)
    limit = objective.total_p95_seconds
    if shortest is not None and limit is not None and shortest < LONG_LIMITS * limit:
        yield (
            f"Steps of the search lasted {shortest:.3g} s, less than {LONG_LIMITS} times the limit of {limit:g} s: a queue "
            "that grows slowly is not seen in so short a time. Take the rate as the most that it can be, or give more minutes."
        )
