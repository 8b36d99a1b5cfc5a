"""The page of kinds of work: a forest plot and what moves."""

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.evidence import evidence_of
from app.dashboard.frame import basis_words, pilot_page
from app.dashboard.places import pilot_address
from app.dashboard.standing import Standing, standing_of
from app.dashboard.visitors import Door
from app.reports.context import Subject
from app.reports.document import Section
from app.reports.quality import segments_section
from app.reports.split import split_sections


def add_segments_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = SegmentsPage(door)
    router.add_api_route(
        "/pilots/{name}/segments", pages.show, methods=["GET"], response_class=HTMLResponse, name="segments_page_show"
    )


@dataclass(frozen=True, slots=True)
class SegmentsPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The page of kinds of work: a forest plot and what moves."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        sections = evidence_of(standing, _sections)
        links = _links(standing) if visitor.principal.may_read_payloads else ()
        return pilot_page(
            "segments.html",
            self.door,
            visitor,
            standing.pilot,
            "segments",
            title="Segments",
            basis=basis_words(standing),
            sections=sections,
            links=links,
        )


def _links(standing: Standing) -> tuple[tuple[str, str], ...]:
    """Where the pairs of each kind of work are."""
    subjects = standing.subjects
    names = dict.fromkeys(name for subject in subjects for name in subject.card.segments)
    address = pilot_address(standing.pilot.name, "pairs")
    return tuple((name, f"{address}?{urlencode({'segment': name})}") for name in names)


def _sections(subject: Subject) -> tuple[Section, ...]:
    return (segments_section(subject), *split_sections(subject))
