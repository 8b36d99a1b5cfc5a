"""What the pages show of pilots and reports, in words."""

from dataclasses import dataclass
from datetime import datetime

from app.dashboard.standing import Standing
from app.domain.pilot import Pilot
from app.domain.report import StoredReport
from app.domain.words import PilotState
from app.pipeline.pulse import Beat, Pulse, beat_of
from app.reports import figures
from app.reports.answer import answer_of
from app.reports.context import planned_days
from app.reports.document import Answer, Summary

STATES = {
    PilotState.DRAFT: "Not started",
    PilotState.RUNNING: "Running",
    PilotState.STOPPED: "Stopped",
}
BEAT_SIGNS = {Beat.ALIVE: "✓", Beat.SILENT: "✗", Beat.QUIET: "?", Beat.OFF: "✗", Beat.IDLE: "—"}


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
    """A pilot in a list.

    Attributes:
        newest: Its newest report; `None` until one was made.
        answers: Of the newest stored figures, else of the newest report; none before there are any.
        coverage: What these rest on.
        beat: Whether its mirror lives, with its sign.
        alerts: How many alarms hold.
    """

    name: str
    state: str
    progress: str
    incumbent: str
    candidates: str
    newest: ReportLine | None
    answers: tuple[Answer, ...]
    coverage: str
    beat: str
    beat_sign: str
    alerts: int


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


def pilot_card(standing: Standing, newest: StoredReport | None, pulse: Pulse) -> PilotCard:
    """A pilot in words."""
    pilot, summary = standing.pilot, _summary(standing, newest)
    beat, _ = beat_of(pulse)
    return PilotCard(
        name=pilot.name,
        state=STATES[pilot.state],
        progress=progress_words(pilot, pulse.now),
        incumbent=pilot.configuration.incumbent.model,
        candidates=figures.names([candidate.name for candidate in pilot.configuration.candidate]),
        newest=None if newest is None else report_line(newest, pilot.configuration.pilot.timezone),
        answers=() if summary is None else summary.answers,
        coverage="" if summary is None else f"{coverage_words(summary)}, up to day {summary.day} of {summary.days}",
        beat=beat.value,
        beat_sign=BEAT_SIGNS[beat],
        alerts=len(pulse.alerts),
    )


def _summary(standing: Standing, newest: StoredReport | None) -> Summary | None:
    """Of the newest stored figures; of the newest report where none are stored."""
    card = standing.card
    if card is None:
        return None if newest is None else Summary.model_validate(newest.document)
    return Summary(
        pilot=card.pilot,
        as_of=card.as_of,
        day=card.day,
        days=planned_days(card, standing.pilot.configuration),
        production_requests=card.coverage.production_requests,
        captured=card.coverage.by_reason.get("captured", 0),
        answers=tuple(answer_of(subject) for subject in standing.subjects),
    )


def progress_words(pilot: Pilot, now: datetime) -> str:
    """Where the calendar stands: `day 3 of 28`."""
    timezone = pilot.configuration.pilot.timezone
    if pilot.state is PilotState.STOPPED:
        stopped = f"stopped on {figures.moment(pilot.stopped_at, timezone)}"
        return stopped if pilot.shredded_at is None else f"{stopped}; its texts were shredded on {pilot.shredded_at:%Y-%m-%d}"
    if pilot.state is PilotState.DRAFT:
        return f"{pilot.days} days planned"
    day = pilot.day_of(now)
    if day is not None:
        return f"day {day} of {pilot.days}"
    if pilot.starts_at is not None and now < pilot.starts_at:
        return f"begins on {figures.moment(pilot.starts_at, timezone)}, {pilot.days} days"
    return f"its {pilot.days} days ended on {figures.moment(pilot.ends_at, timezone)}"
