"""The page of kinds of work: a forest plot and what moves."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.frame import section_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.quality import segments_section


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
        sections = [segments_section(subject) for subject in standing.subjects]
        return section_page(self.door, visitor, standing, "segments", "Segments", sections)
