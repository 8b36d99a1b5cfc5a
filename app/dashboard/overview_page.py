"""The first pages: all pilots, and what a team looks at each morning of one."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.evidence import nothing_yet
from app.dashboard.frame import basis_words, pilot_page
from app.dashboard.overview_views import SoFar, candidate_view, now_view, progress_tiles
from app.dashboard.places import groups_for, pilot_address
from app.dashboard.responses import page
from app.dashboard.standing import standing_of
from app.dashboard.views import pilot_card
from app.dashboard.visitors import Door
from app.pipeline.pulse import pulse_of, traffic_today
from app.store.alert_evidence import read_mirror_spend
from app.store.judge_money import judge_spent
from app.store.pilots import get_pilot, list_pilots
from app.store.reports import newest_reports
from app.store.session import session_scope


def add_overview_pages(router: APIRouter, door: Door) -> None:
    """Adds the pages."""
    pages = OverviewPages(door)
    for address, method, endpoint in (
        ("/", "GET", pages.pilots),
        ("/pilots/{name}", "GET", pages.pilot),
        ("/pilots/{name}/now", "GET", pages.now),
    ):
        router.add_api_route(
            address, endpoint, methods=[method], response_class=HTMLResponse, name=f"overview_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class OverviewPages:
    """The endpoints."""

    door: Door

    def pilots(self, request: Request) -> Response:
        """All pilots with the newest answer on each, and whether each lives."""
        visitor, now = self.door.visitor(request), datetime.now(UTC)
        with session_scope(self.door.session_factory) as session:
            found = list_pilots(session)
            newest = newest_reports(session, [pilot.id for pilot in found])
            pulses = [pulse_of(session, pilot, now, with_traffic=False) for pilot in found]
        standings = [standing_of(self.door.session_factory, pilot.name) for pilot in found]
        cards = [
            pilot_card(standing, newest.get(standing.pilot.name), pulse)
            for standing, pulse in zip(standings, pulses, strict=True)
        ]
        return page("pilots.html", cards=cards, **self.door.frame(visitor))

    def pilot(self, request: Request, name: str) -> Response:
        """One pilot: the answer now, the conditions, the mirror, what is open, and its reports."""
        visitor, now = self.door.visitor(request), datetime.now(UTC)
        standing = standing_of(self.door.session_factory, name)
        pilot = standing.pilot
        with session_scope(self.door.session_factory) as session:
            newest = newest_reports(session, [pilot.id])
            pulse = pulse_of(session, pilot, now)
            today = traffic_today(session, pilot, now) if pulse.heard is not None else None
            found = SoFar(
                now, judge_spent(session, pilot.id, now).usd, _mirror_usd(read_mirror_spend(session, pilot.id)), today
            )
        return pilot_page(
            "pilot.html",
            self.door,
            visitor,
            pilot,
            "",
            title=pilot.name,
            basis=basis_words(standing),
            card=pilot_card(standing, newest.get(name), pulse),
            candidates=[candidate_view(subject) for subject in standing.subjects],
            missing=nothing_yet(pilot) if standing.card is None else None,
            now=now_view(pulse),
            progress=progress_tiles(standing, found),
            permitted={place.path for group in groups_for(visitor.principal) for place in group.places},
        )

    def now(self, request: Request, name: str) -> Response:
        """The part of it that changes by the second, alone."""
        visitor = self.door.visitor(request, is_here=False)
        with session_scope(self.door.session_factory) as session:
            pilot = get_pilot(session, name)
            pulse = pulse_of(session, pilot, datetime.now(UTC))
        permitted = {place.path for group in groups_for(visitor.principal) for place in group.places}
        return page("now.html", now=now_view(pulse), pilot_name=name, pilot_address=pilot_address, permitted=permitted)


def _mirror_usd(found: tuple[Decimal | None, int]) -> Decimal | None:
    """What asking models live has cost; `None` where the price of a call is unknown."""
    usd, unpriced = found
    return None if unpriced else usd or Decimal(0)
