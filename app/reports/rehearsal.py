"""What the candidate kept up with when production's own requests came again at their times, and faster."""

from collections.abc import Iterator

from app.domain.rehearsal import ObjectiveModel, RehearsalModel, StepKind, StepModel, StepOutcome
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Bullets, Cell, Paragraph, Section, Table, cells
from app.reports.rehearsal_charts import rehearsal_charts

OUTCOMES = {
    StepOutcome.MET: "met",
    StepOutcome.MISSED: "missed",
    StepOutcome.MEASURED: "no objective",
    StepOutcome.NOT_VALID: "not valid",
    StepOutcome.LOST: "lost",
    StepOutcome.UNDER_WAY: "under way",
}
KINDS = {
    StepKind.SPEED: "as asked",
    StepKind.SEARCH: "search",
    StepKind.REPEAT: "again",
    StepKind.SATURATION: "too much on purpose",
}


def rehearsal_sections(subject: Subject) -> tuple[Section, ...]:
    """Nothing where there was no rehearsal of the candidate as it is now."""
    rehearsal = subject.card.rehearsal
    if rehearsal is None:
        return ()
    blocks = (
        Paragraph(text=_summary(subject, rehearsal)),
        *_found(rehearsal),
        *rehearsal_charts(subject, rehearsal),
        _steps(rehearsal),
        *([Bullets(title="To be read with it", items=tuple(_notes(rehearsal)))]),
    )
    return (Section(slug=f"rehearsal-{subject.arm}", title="Under production's load: the rehearsal", blocks=blocks),)


def _summary(subject: Subject, rehearsal: RehearsalModel) -> str:
    zone = subject.configuration.pilot.timezone
    target, peak = rehearsal.target, rehearsal.covers.production_requests_per_minute_peak
    replicas = "one replica" if target.replicas == 1 else f"{target.replicas} replicas"
    busiest = f" Its busiest minute has {figures.count(peak)} requests." if peak is not None else ""
    return (
        f"On {figures.local_time(rehearsal.started_at, zone)} recorded requests were sent to {subject.name} ({target.model}, "
        f"{replicas}) again at the moments at which production sent them, and at other speeds, whatever its answers did."
        f"{busiest} {_objective(rehearsal.objective)} {_load_test(rehearsal)}"
    )


def _objective(objective: ObjectiveModel) -> str:
    limits = (("total time", objective.total_p95_seconds), ("first token", objective.ttft_any_p95_seconds))
    listed = [f"{name} within {figures.seconds(limit)}" for name, limit in limits if limit is not None]
    if not listed:
        return "The pilot has no limit of latency, so only failures and the most that is answered are told."
    return f"Objective, for 95 of 100 answers: {figures.names(listed)}."


def _load_test(rehearsal: RehearsalModel) -> str:
    full = [step for step in rehearsal.steps if step.is_valid and step.kind is StepKind.SPEED and step.speed >= 1]
    if not rehearsal.is_load_test:
        return "It is no load test: production's full load was not offered for a whole minute by a valid step."
    missed = [step for step in full if step.outcome is StepOutcome.MISSED]
    if not missed:
        return "At production's full load the objective was kept."
    slowest = min(missed, key=lambda step: step.speed)
    return f"At {slowest.speed:.3g} times production's pace the objective was missed: {slowest.reason}."


def _found(rehearsal: RehearsalModel) -> Iterator[Bullets]:
    items = []
    capacity, rate = rehearsal.capacity_requests_per_second, rehearsal.rate
    if capacity.value is not None:
        answered = figures.number_with_interval(capacity, 1)
        items.append(f"The most that it answered: {answered} requests a second (n = {figures.count(capacity.n)} answers).")
    elif capacity.low is not None:
        items.append(f"It answered at least {figures.number(capacity.low, 1)} requests a second: nothing offered was too much.")
    if rate is not None:
        served, slots = rate.requests_per_second_per_replica, rate.slots_per_replica
        repeats = f"n = {figures.count(served.n)} steps"
        items.append(
            f"One replica serves {figures.number_with_interval(served, 1)} requests a second within the objective, with "
            f"{figures.number_with_interval(slots, 1)} at once ({repeats}); half of its answers then took "
            f"{figures.seconds(rate.service_seconds_p50)}, 95 of 100 at most {figures.seconds(rate.service_seconds_p95)}."
        )
    if items:
        yield Bullets(title="What it can carry", items=tuple(items))


def _steps(rehearsal: RehearsalModel) -> Table:
    return Table(
        caption="Steps of the rehearsal",
        columns=("Speed", "Objective", "Offered a second (n)", "In time a second", "In time", "Total time, 95 of 100",
                 "First token, 95 of 100", "At once", "Failed"),
        rows=tuple(_row(step) for step in rehearsal.steps),
        numeric=7,
        note="Times count from the moment at which a request was due. In brackets the 95% interval. In time = answered within "
        "the limits; calls without an answer when a step was ended count with the age that they had. A step is not valid where "
        "our own process was late or at its bound.",
    )  # fmt: skip


def _row(step: StepModel) -> tuple[Cell, ...]:
    is_explained = step.reason and step.outcome in (StepOutcome.MISSED, StepOutcome.NOT_VALID, StepOutcome.LOST)
    return cells(
        f"{step.speed:.3g}x, {KINDS[step.kind]}",
        f"{OUTCOMES[step.outcome]}{f': {step.reason}' if is_explained else ''}",
        f"{figures.number(step.offered_requests_per_second, 1)} ({figures.count(step.offered)})",
        figures.number_with_interval(step.goodput_requests_per_second, 1),
        figures.share_with_interval(step.within_share),
        figures.seconds_with_interval(step.total_seconds.p95),
        figures.seconds_with_interval(step.ttft_any_seconds.p95),
        figures.number(step.concurrency_mean, 1),
        figures.count(sum(step.failures.values())),
    )


def _notes(rehearsal: RehearsalModel) -> Iterator[str]:
    yield "Rehearsed times are no evidence for the latency gate: they can hold it open, not pass it."
    yield from rehearsal.notes
    if rehearsal.usd:
        yield f"It cost {figures.money(rehearsal.usd)}, which is the pilot's own money."
