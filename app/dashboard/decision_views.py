"""What the page of the decision shows, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.report import Decision, StoredReport
from app.domain.words import Outcome
from app.pipeline.decisions import Record, Standing
from app.reports import figures
from app.reports.document import Answer, Summary
from app.reports.wording import OUTCOMES

# A verdict says what the evidence shows, a decision what is done.
DECIDED = OUTCOMES | {Outcome.EXTEND: "Go on measuring"}
STANDINGS = {Standing.HOLDS: "holds", Standing.EXPIRED: "expired", Standing.SUPERSEDED: "superseded by a later one"}


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """A decision in the list; `code` is the beginning of its record hash."""

    id: int
    report: int
    candidate: str
    decided: str
    against: str
    person: str
    reason: str
    signed: str
    until: str
    state: str
    is_expired: bool
    by: str
    code: str


@dataclass(frozen=True, slots=True)
class CandidateState:
    """What holds for one candidate: the report's answer, and the decision that holds or that has expired."""

    answer: Answer
    decision: DecisionLine | None


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """The report that is to be signed."""

    id: int
    made: str
    day: str
    until: str
    data_hash: str
    code_version: str
    program_hash: str
    seeds: tuple[tuple[str, int], ...]
    made_by: str
    states: tuple[CandidateState, ...]


def line_of(decision: Decision, standing: Standing, timezone: str) -> DecisionLine:
    """A decision in words."""
    return DecisionLine(
        id=decision.id,
        report=decision.report_id,
        candidate=decision.candidate,
        decided=DECIDED[decision.outcome],
        against=OUTCOMES[decision.verdict] if decision.is_override else "",
        person=f"{decision.signed_name}, {decision.signed_role}",
        reason=decision.reason,
        signed=figures.local_time(decision.signed_at, timezone),
        until=figures.local_time(decision.expires_at, timezone) if decision.expires_at is not None else "another one",
        state=STANDINGS[standing],
        is_expired=standing is Standing.EXPIRED,
        by=decision.by,
        code=decision.record_hash[:12],
    )


def facts_of(report: StoredReport, record: Record, timezone: str) -> ReportFacts:
    """The report with what holds for each of its candidates."""
    summary, origin = Summary.model_validate(report.document["summary"]), report.provenance
    last = {each.candidate: line_of(each, standing, timezone) for each, standing in record.decisions}
    return ReportFacts(
        id=report.id,
        made=figures.local_time(report.made_at, timezone),
        day=f"day {summary.day} of {summary.days}",
        until=figures.local_time(origin.expires_at, timezone) if origin.expires_at is not None else "",
        data_hash=report.data_hash,
        code_version=origin.code_version,
        program_hash=origin.program_hash,
        seeds=tuple(sorted(origin.seeds.items())),
        made_by=origin.by,
        states=tuple(CandidateState(answer, last.get(answer.candidate)) for answer in summary.answers),
    )


def choices() -> Sequence[tuple[str, str]]:
    """What can be decided, and how it is called."""
    return [(outcome.value, DECIDED[outcome]) for outcome in Outcome]
