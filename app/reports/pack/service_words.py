"""Latency and reliability of page one: candidate, incumbent and limit side by side."""

from collections.abc import Iterator

from app.domain.scorecard import EstimateModel, GateModel, Quantiles
from app.domain.words import GateName, GateOutcome, Outcome
from app.reports import figures
from app.reports.context import Subject
from app.reports.pack.model import Service

NO_LIMIT = "no limit set"
NOT_MEASURED = "not measured"
OF_ALL = "As if all of it moved; the kinds that move were held to the same limits by themselves and keep them."
TIMES = {
    "total_seconds": ("95 of 100 answers are there within", "total_p95_seconds"),
    "ttft_any_seconds": ("95 of 100 answers begin within", "ttft_any_p95_seconds"),
}


def service_rows(subject: Subject) -> tuple[Service, ...]:
    """Each limit of the service level, and the whole time even without one."""
    return (*_times(subject), _failures(subject))


def service_note(subject: Subject) -> str:
    """Conditions are asked of all traffic; a split is decided on by what moves."""
    return OF_ALL if subject.card.verdict.outcome is Outcome.HYBRID else ""


def _times(subject: Subject) -> Iterator[Service]:
    gate, table = _gate(subject, GateName.LATENCY), subject.configuration.latency
    for measure, (words, key) in TIMES.items():
        limit: float | None = getattr(table, key) if table is not None else None
        if limit is None and measure != "total_seconds":
            continue
        both: Quantiles = getattr(subject.card.latency, measure)
        mine = both.p95.candidate
        yield Service(
            what=words,
            candidate=_or_not(mine.value is not None, figures.seconds_with_interval(mine)),
            incumbent=_or_not(both.p95.incumbent.value is not None, figures.seconds_with_interval(both.p95.incumbent)),
            limit=NO_LIMIT if limit is None else figures.seconds(limit),
            outcome=_against(mine, limit, gate, is_alone=_limits(subject) == 1),
        )


def _failures(subject: Subject) -> Service:
    rates, table = subject.card.reliability, subject.configuration.reliability
    mine, theirs = rates.candidate_failure_rate, rates.incumbent_failure_rate
    gate = _gate(subject, GateName.RELIABILITY)
    return Service(
        what="Requests that fail",
        candidate=_or_not(mine.value is not None, figures.share_with_interval(mine, small=True)),
        incumbent=_or_not(theirs.value is not None, figures.share_with_interval(theirs, small=True)),
        limit=NO_LIMIT if table is None else figures.small_percent(table.max_failure_rate),
        outcome=GateOutcome.NOT_REQUIRED if gate is None else gate.outcome,
    )


def _or_not(known: bool, text: str) -> str:
    return text if known else NOT_MEASURED


def _limits(subject: Subject) -> int:
    table = subject.configuration.latency
    return 0 if table is None else sum(getattr(table, key) is not None for _, key in TIMES.values())


def _against(mine: EstimateModel, limit: float | None, gate: GateModel | None, *, is_alone: bool) -> GateOutcome:
    """The gate's own word; where it fails by one of two limits, each row stands by its own interval."""
    if limit is None or gate is None or gate.outcome is GateOutcome.NOT_REQUIRED:
        return GateOutcome.NOT_REQUIRED
    if is_alone or gate.outcome is not GateOutcome.FAILS:
        return gate.outcome
    if mine.high is not None and mine.high <= limit:
        return GateOutcome.PASSES
    is_over = gate.threshold == limit or (mine.low is not None and mine.low > limit)
    return GateOutcome.FAILS if is_over else GateOutcome.UNKNOWN


def _gate(subject: Subject, name: GateName) -> GateModel | None:
    return next((gate for gate in subject.card.gates if gate.name is name), None)
