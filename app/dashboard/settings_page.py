"""The page of a pilot's settings: its configuration, what was registered, what changed since."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.frame import section_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.document import Section


def add_settings_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = SettingsPage(door)
    router.add_api_route(
        "/pilots/{name}/settings", pages.show, methods=["GET"], response_class=HTMLResponse, name="settings_page_show"
    )


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The page of a pilot's settings: its configuration, what was registered, what changed since."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        sections = list[Section]()
        return section_page(self.door, visitor, standing, "settings", "Settings", sections)
