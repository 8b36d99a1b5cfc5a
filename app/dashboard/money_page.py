"""The page of money: what both arms cost, what moves the saving, and what if."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.frame import section_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.money import money_section


def add_money_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = MoneyPage(door)
    router.add_api_route(
        "/pilots/{name}/money", pages.show, methods=["GET"], response_class=HTMLResponse, name="money_page_show"
    )


@dataclass(frozen=True, slots=True)
class MoneyPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The page of money: what both arms cost, what moves the saving, and what if."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        sections = [money_section(subject) for subject in standing.subjects]
        return section_page(self.door, visitor, standing, "money", "Money", sections)
