"""From a scorecard to a document: pure, so that the same scorecard gives the same report."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from app.domain.configuration import PilotConfiguration
from app.domain.hours import HoursEntry
from app.domain.scorecard import Scorecard
from app.reports import figures
from app.reports.answer import answer_of, answer_section, page_one
from app.reports.background import definitions_section, method_section, registration_section
from app.reports.capacity import capacity_sections
from app.reports.checks import checks_sections
from app.reports.context import Subject, planned_days
from app.reports.coverage import coverage_section
from app.reports.document import Document, Section, Summary
from app.reports.drift import drift_section
from app.reports.judge import judge_section
from app.reports.judge_money import judge_money_sections
from app.reports.money import hours_section, money_section
from app.reports.operation import latency_section, reliability_section
from app.reports.people import people_section
from app.reports.quality import quality_section, segments_section
from app.reports.reconciliation import reconciliation_sections
from app.reports.rehearsal import rehearsal_sections
from app.reports.rubrics import rubric_sections
from app.reports.rules_of_thumb import rules_of_thumb_sections
from app.reports.serving import serving_sections
from app.reports.split import split_sections
from app.reports.usage import usage_sections


def build_document(
    scorecard: Scorecard, configuration: PilotConfiguration, hours: Sequence[HoursEntry], made_at: datetime
) -> Document:
    """The whole report: page one, the evidence for each candidate, and what stands behind it.

    Args:
        scorecard: All estimates at one moment.
        configuration: What counts now; the scorecard lists its changes since the registration.
        hours: The logged engineering hours.
        made_at: When the report is made; aware.
    """
    subjects = [
        Subject(name, place, card, scorecard, configuration)
        for place, (name, card) in enumerate(scorecard.candidates.items(), start=1)
    ]
    timezone = configuration.pilot.timezone
    return Document(
        title=f"{scorecard.pilot}: {_question(scorecard, configuration)}",
        subtitle=_subtitle(scorecard, configuration, made_at),
        timezone=timezone,
        made_at=made_at,
        data_hash=data_hash(scorecard, configuration, hours),
        summary=_summary(scorecard, configuration, subjects),
        sections=(
            *(answer_section(subject) for subject in subjects),
            *(_evidence(subject) for subject in subjects),
            *reconciliation_sections(subjects),
            *judge_money_sections(scorecard),
            hours_section(hours),
            coverage_section(scorecard, subjects),
            registration_section(scorecard, timezone),
            method_section(),
            definitions_section(),
        ),
        scorecard=scorecard_json(scorecard),
        leadership=tuple(page_one(subject) for subject in subjects),
    )


def scorecard_json(scorecard: Scorecard) -> dict[str, Any]:
    """The scorecard as the API gives it."""
    document: dict[str, Any] = scorecard.model_dump(mode="json", by_alias=True)
    return document


def data_hash(scorecard: Scorecard, configuration: PilotConfiguration, hours: Sequence[HoursEntry]) -> str:
    """SHA-256 of all that a report is made from, its time apart; where messages go says nothing of the figures."""
    sources = {
        "scorecard": scorecard_json(scorecard),
        "configuration": configuration.model_dump(mode="json", exclude={"notify"}),
        "hours": [asdict(entry) for entry in hours],
    }
    return hashlib.sha256(json.dumps(sources, sort_keys=True, default=str).encode()).hexdigest()


def _evidence(subject: Subject) -> Section:
    return Section(
        slug=f"evidence-{subject.arm}",
        title=f"The evidence on {subject.name}",
        sections=(
            quality_section(subject),
            segments_section(subject),
            *split_sections(subject),
            people_section(subject),
            judge_section(subject),
            drift_section(subject),
            *rubric_sections(subject),
            *checks_sections(subject),
            latency_section(subject),
            reliability_section(subject),
            *capacity_sections(subject),
            *rehearsal_sections(subject),
            *serving_sections(subject),
            money_section(subject),
            *usage_sections(subject),
            *rules_of_thumb_sections(subject),
        ),
    )


def _question(scorecard: Scorecard, configuration: PilotConfiguration) -> str:
    several = list(scorecard.candidates)
    candidates = " or ".join([", ".join(several[:-1]), several[-1]] if len(several) > 1 else several)
    return f"can {candidates or 'a candidate'} replace {configuration.incumbent.model}?"


def _subtitle(scorecard: Scorecard, configuration: PilotConfiguration, made_at: datetime) -> str:
    timezone = configuration.pilot.timezone
    as_of = scorecard.as_of
    upto = "no day is closed yet" if as_of is None else f"data up to {figures.local_time(as_of, timezone)}"
    made = f"made {figures.local_time(made_at, timezone)}"
    return f"Day {scorecard.day} of {planned_days(scorecard, configuration)} · {upto} · {made} · times in {timezone}"


def _summary(scorecard: Scorecard, configuration: PilotConfiguration, subjects: list[Subject]) -> Summary:
    return Summary(
        pilot=scorecard.pilot,
        as_of=scorecard.as_of,
        day=scorecard.day,
        days=planned_days(scorecard, configuration),
        production_requests=scorecard.coverage.production_requests,
        captured=scorecard.coverage.by_reason.get("captured", 0),
        answers=tuple(answer_of(subject) for subject in subjects),
    )
