"""The page of coverage: where each production request went."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.evidence import nothing_yet
from app.dashboard.frame import section_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.coverage import coverage_section


def add_coverage_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = CoveragePage(door)
    router.add_api_route(
        "/pilots/{name}/coverage", pages.show, methods=["GET"], response_class=HTMLResponse, name="coverage_page_show"
    )


@dataclass(frozen=True, slots=True)
class CoveragePage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The page of coverage: where each production request went."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        card = standing.card
        sections = [nothing_yet(standing.pilot)] if card is None else [coverage_section(card, standing.subjects)]
        return section_page(self.door, visitor, standing, "coverage", "Coverage", sections)
