"""The page of quality: the win rate over time, who judged, and what people say."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.evidence import evidence_of
from app.dashboard.frame import basis_words, pilot_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.checks import checks_sections
from app.reports.context import Subject
from app.reports.document import Section
from app.reports.drift import drift_section
from app.reports.judge import judge_section
from app.reports.people import people_section
from app.reports.quality import quality_section
from app.reports.rubrics import rubric_sections


def add_quality_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = QualityPage(door)
    router.add_api_route(
        "/pilots/{name}/quality", pages.show, methods=["GET"], response_class=HTMLResponse, name="quality_page_show"
    )


@dataclass(frozen=True, slots=True)
class QualityPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The page of quality: the win rate over time, who judged, and what people say."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        sections = evidence_of(standing, _sections)
        return pilot_page(
            "evidence.html",
            self.door,
            visitor,
            standing.pilot,
            "quality",
            title="Quality",
            basis=basis_words(standing),
            sections=sections,
        )


def _sections(subject: Subject) -> tuple[Section, ...]:
    """First what it came to over days, then who said so and whether they can be believed."""
    return (
        quality_section(subject),
        people_section(subject),
        judge_section(subject),
        drift_section(subject),
        *rubric_sections(subject),
        *checks_sections(subject),
    )
