"""The page of capacity: what the candidate's servers carry, the rehearsal, and how they serve."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.frame import section_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.capacity import capacity_sections


def add_capacity_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = CapacityPage(door)
    router.add_api_route(
        "/pilots/{name}/capacity", pages.show, methods=["GET"], response_class=HTMLResponse, name="capacity_page_show"
    )


@dataclass(frozen=True, slots=True)
class CapacityPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The page of capacity: what the candidate's servers carry, the rehearsal, and how they serve."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        sections = [section for subject in standing.subjects for section in capacity_sections(subject)]
        return section_page(self.door, visitor, standing, "capacity", "Capacity", sections)
