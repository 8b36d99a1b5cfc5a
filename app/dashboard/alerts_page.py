"""The page of alarms: which are open, which were, and what messages went out."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.frame import section_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.document import Section


def add_alerts_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = AlertsPage(door)
    router.add_api_route(
        "/pilots/{name}/alerts", pages.show, methods=["GET"], response_class=HTMLResponse, name="alerts_page_show"
    )


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The page of alarms: which are open, which were, and what messages went out."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        sections = list[Section]()
        return section_page(self.door, visitor, standing, "alerts", "Alerts", sections)
