"""The page of capacity: what the candidate's servers carry, the rehearsal, and how they serve."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.frame import section_page
from app.dashboard.kept_sections import kept_sections
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.reports.capacity import capacity_sections
from app.reports.context import Subject
from app.reports.document import Paragraph, Section
from app.reports.operation import under_load_sections
from app.reports.rehearsal import rehearsal_sections
from app.reports.serving import serving_sections


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
        sections = kept_sections(standing, _sections)
        return section_page(self.door, visitor, standing, "capacity", "Capacity", sections)


def _sections(subject: Subject) -> tuple[Section, ...]:
    """What traffic asks and how many replicas that needs; what a rehearsal showed, or how to make one; how it served."""
    return (
        *(capacity_sections(subject) or (_unknown(subject),)),
        *(rehearsal_sections(subject) or (_not_rehearsed(subject),)),
        *under_load_sections(subject),
        *serving_sections(subject),
    )


def _unknown(subject: Subject) -> Section:
    text = "Nothing is known of the traffic yet: no day with compared requests is closed."
    return Section(slug=f"capacity-{subject.arm}", title="Capacity", blocks=(Paragraph(text=text),))


def _not_rehearsed(subject: Subject) -> Section:
    command = f"pilot rehearse {subject.scorecard.pilot} --candidate {subject.name} --find-capacity"
    text = (
        f"{subject.name}, as it is configured now, was not rehearsed: what one replica carries is not known, and neither is "
        f"how many are needed. The command “{command}” sends recorded requests to it at their times and faster. It loads the "
        "candidate's server, never production's."
    )
    return Section(
        slug=f"rehearsal-{subject.arm}", title="Under production's load: the rehearsal", blocks=(Paragraph(text=text),)
    )
