"""The page of latency: how long answers of both arms take."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.frame import section_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.operation import latency_section


def add_latency_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = LatencyPage(door)
    router.add_api_route(
        "/pilots/{name}/latency", pages.show, methods=["GET"], response_class=HTMLResponse, name="latency_page_show"
    )


@dataclass(frozen=True, slots=True)
class LatencyPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The page of latency: how long answers of both arms take."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        sections = [latency_section(subject) for subject in standing.subjects]
        return section_page(self.door, visitor, standing, "latency", "Latency", sections)
