"""The pairs explorer: find pairs, look at one, see why it counts as it does."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.frame import section_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.document import Section


def add_pairs_pages(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = PairsPages(door)
    router.add_api_route(
        "/pilots/{name}/pairs", pages.show, methods=["GET"], response_class=HTMLResponse, name="pairs_pages_show"
    )


@dataclass(frozen=True, slots=True)
class PairsPages:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The pairs explorer: find pairs, look at one, see why it counts as it does."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        sections = list[Section]()
        return section_page(self.door, visitor, standing, "pairs", "Pairs", sections)
