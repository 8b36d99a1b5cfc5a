"""The page of quality: the win rate over time, who judged, and what people say."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.frame import section_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.quality import quality_section


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
        sections = [quality_section(subject) for subject in standing.subjects]
        return section_page(self.door, visitor, standing, "quality", "Quality", sections)
