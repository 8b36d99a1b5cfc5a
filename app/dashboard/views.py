"""What the pages show of pilots and reports, in words."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.pilot import Pilot
from app.domain.report import StoredReport
from app.domain.words import PilotState
from app.reports import figures
from app.reports.document import Answer, Summary

STATES = {
    PilotState.DRAFT: "Not started",
    PilotState.RUNNING: "Running",
    PilotState.STOPPED: "Stopped",
}


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A report in a list."""

    id: int
    made_at: str
    day: str
    coverage: str
    data_hash: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class PilotCard:
    """A pilot in a list; `newest` is `None` until a report was made."""

    name: str
    state: str
    progress: str
    incumbent: str
    candidates: str
    newest: ReportLine | None


def report_line(stored: StoredReport, timezone: str) -> ReportLine:
    """A stored report's summary in words."""
    summary = Summary.model_validate(stored.document)
    return ReportLine(
        id=stored.id,
        made_at=figures.moment(stored.made_at, timezone),
        day=f"day {summary.day} of {summary.days}",
        coverage=coverage_words(summary),
        data_hash=stored.data_hash[:12],
        answers=summary.answers,
    )


def coverage_words(summary: Summary) -> str:
    """How many requests were compared, of how many."""
    captured, requests = figures.count(summary.captured), figures.count(summary.production_requests)
    if summary.production_requests == 0:
        return "no requests yet"
    return f"{captured} of {requests} requests compared ({figures.percent(summary.captured / summary.production_requests)})"


def pilot_card(pilot: Pilot, newest: StoredReport | None, now: datetime) -> PilotCard:
    """A pilot in words."""
    return PilotCard(
        name=pilot.name,
        state=STATES[pilot.state],
        progress=progress_words(pilot, now),
        incumbent=pilot.configuration.incumbent.model,
        candidates=figures.names([candidate.name for candidate in pilot.configuration.candidate]),
        newest=None if newest is None else report_line(newest, pilot.configuration.pilot.timezone),
    )


def progress_words(pilot: Pilot, now: datetime) -> str:
    """Where the calendar stands: `day 3 of 28`."""
    timezone = pilot.configuration.pilot.timezone
    if pilot.state is PilotState.STOPPED:
        return f"stopped on {figures.moment(pilot.stopped_at, timezone)}"
    if pilot.state is PilotState.DRAFT:
        return f"{pilot.days} days planned"
    day = pilot.day_of(now)
    if day is not None:
        return f"day {day} of {pilot.days}"
    if pilot.starts_at is not None and now < pilot.starts_at:
        return f"begins on {figures.moment(pilot.starts_at, timezone)}, {pilot.days} days"
    return f"its {pilot.days} days ended on {figures.moment(pilot.ends_at, timezone)}"
