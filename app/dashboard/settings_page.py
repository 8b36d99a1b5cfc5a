"""The page of a pilot's settings: its configuration, what was registered, what changed since, and the steps of an operator."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.forms import Form
from app.dashboard.frame import pilot_page
from app.dashboard.places import pilot_address
from app.dashboard.settings_steps import STEPS, Step, steps_for
from app.dashboard.settings_views import defaults_table, settings_sections
from app.dashboard.visitors import Door
from app.domain.words import Role
from app.errors import Conflict, NotFound
from app.pipeline.model_sightings import look_at_models
from app.pipeline.pilot_steps import read_settings, take_step
from app.pipeline.pilots import EXTENSION_DAYS
from app.reports.settings_words import without_secrets
from app.store.pilots import get_pilot
from app.store.session import session_scope

PLACE = "settings"


def add_settings_page(router: APIRouter, door: Door) -> None:
    """Adds the page, and the pages that ask before a step is taken."""
    pages = SettingsPage(door)
    for address, method, endpoint in (
        ("/pilots/{name}/settings", "GET", pages.show),
        ("/pilots/{name}/settings/{step}", "GET", pages.ask),
        ("/pilots/{name}/settings/{step}", "POST", pages.take),
    ):
        router.add_api_route(
            address, endpoint, methods=[method], response_class=HTMLResponse, name=f"settings_page_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str, said: str = "") -> Response:
        """The configuration as it is, what was registered, and the steps that may be taken now."""
        visitor = self.door.visitor(request)
        now = datetime.now(UTC)
        with session_scope(self.door.session_factory) as session:
            seen = read_settings(session, name, now)
        is_operator = visitor.principal.may(Role.OPERATOR)
        return pilot_page(
            "settings.html",
            self.door,
            visitor,
            seen.pilot,
            PLACE,
            title="Settings",
            sections=settings_sections(seen, now),
            defaults=defaults_table(seen),
            steps=steps_for(seen.pilot) if is_operator else [],
            is_operator=is_operator,
            source=without_secrets(seen.source, seen.pilot.configuration.notify.webhook_url) if is_operator else None,
            said=STEPS[said].done if said in STEPS else "",
        )

    def ask(self, request: Request, name: str, step: str) -> Response:
        """What a step does, and the button that does it."""
        chosen = _step(step)
        visitor = self.door.permitted(self.door.visitor(request), Role.OPERATOR, chosen.what)
        with session_scope(self.door.session_factory) as session:
            pilot = get_pilot(session, name)
        return pilot_page(
            "settings_step.html",
            self.door,
            visitor,
            pilot,
            PLACE,
            title=chosen.question,
            step=chosen,
            why_not=chosen.why_not(pilot),
            most_days=EXTENSION_DAYS,
        )

    def take(self, request: Request, name: str, step: str, form: Form) -> Response:
        """Takes a step, as the API does."""
        chosen = _step(step)
        visitor = self.door.permitted(self.door.sender(request, form), Role.OPERATOR, chosen.what)
        if chosen.needs_worker and self.door.publish is None:
            message = "no worker can be reached from here: PILOT_REDIS_URL is not set"
            raise Conflict(message, pilot=name)
        now = datetime.now(UTC)
        with session_scope(self.door.session_factory, self.door.publish) as session:
            pilot = take_step(session, chosen.slug, name, visitor.principal.name, now, form)
        if chosen.slug == "start":
            look_at_models(self.door.session_factory, pilot, now)
        return RedirectResponse(f"{pilot_address(name, PLACE)}?{urlencode({'said': chosen.slug})}", 303)


def _step(slug: str) -> Step:
    found = STEPS.get(slug)
    if found is None:
        message = f"there is no step {slug[:40]!r}; there are {', '.join(STEPS)}"
        raise NotFound(message)
    return found
