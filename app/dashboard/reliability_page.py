"""The page of reliability: how often each arm failed, and how."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.evidence import evidence_of
from app.dashboard.frame import section_page
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.context import Subject
from app.reports.document import Section
from app.reports.operation import reliability_section


def add_reliability_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = ReliabilityPage(door)
    router.add_api_route(
        "/pilots/{name}/reliability", pages.show, methods=["GET"], response_class=HTMLResponse, name="reliability_page_show"
    )


@dataclass(frozen=True, slots=True)
class ReliabilityPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The page of reliability: how often each arm failed, and how."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        sections = evidence_of(standing, _sections)
        return section_page(self.door, visitor, standing, "reliability", "Reliability", sections)


def _sections(subject: Subject) -> tuple[Section, ...]:
    return (reliability_section(subject),)
