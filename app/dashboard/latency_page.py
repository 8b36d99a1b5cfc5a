"""The page of latency: how long answers of both arms take."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.frame import basis_words, pilot_page
from app.dashboard.kept_sections import Make, kept_sections
from app.dashboard.standing import standing_of
from app.dashboard.visitors import Door
from app.errors import InvalidInput
from app.reports.figures import names
from app.reports.operation import MEASURES, latency_page_section

FIRST = next(iter(MEASURES))


def _maker(measure: str) -> Make:
    return lambda subject: (latency_page_section(subject, measure),)


MAKERS = {measure: _maker(measure) for measure in MEASURES}


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

    def show(self, request: Request, name: str, time: str = FIRST) -> Response:
        """One kind of time in every picture; the others by links."""
        visitor = self.door.visitor(request)
        if time not in MEASURES:
            message = f"there is no time {time[:40]!r}; allowed: {names(list(MEASURES))}"
            raise InvalidInput(message, field="time")
        standing = standing_of(self.door.session_factory, name)
        return pilot_page(
            "latency.html",
            self.door,
            visitor,
            standing.pilot,
            "latency",
            title="Latency",
            sections=kept_sections(standing, MAKERS[time]),
            basis=basis_words(standing),
            times=MEASURES,
            chosen=time,
        )
