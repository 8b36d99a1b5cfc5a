"""Pilots: create, configure, start, stop, extend, and where they stand."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.bodies import RawBody, text_body
from app.api.dependencies import Operator, ServicesDep, Viewer
from app.api.pilot_models import PilotBody, StatusBody, pilot_body, status_body, summary_body
from app.pipeline import pilots as life
from app.pipeline.configuration_changes import change_configuration
from app.pipeline.grader_rules import function_rules
from app.pipeline.judge_independence import look_at_judges
from app.pipeline.licence_notes import licence_notes
from app.pipeline.mirroring.breakers_seen import read_breakers
from app.pipeline.model_sightings import look_at_models, notes_on
from app.pipeline.recording.waiting import waiting_events
from app.pipeline.status import status_of
from app.store.pilots import get_pilot, list_pilots
from app.store.session import session_scope

router = APIRouter(prefix="/pilots", tags=["pilots"])
TOML = text_body("application/toml", "The text of `pilot.toml`.")


class Mirror(BaseModel):
    """The kill switch."""

    on: bool


class Extension(BaseModel):
    """How much longer; a pilot is extended once."""

    days: int = Field(default=life.EXTENSION_DAYS, ge=1, le=life.EXTENSION_DAYS)


@router.post("", status_code=201, openapi_extra=TOML)
def create_pilot(services: ServicesDep, who: Operator, toml: RawBody) -> PilotBody:
    """Stores a draft. A wrong file is refused with every problem: key, line and what is allowed."""
    seen = look_at_judges(toml, datetime.now(UTC))
    with session_scope(services.session_factory) as session:
        told = life.create_pilot(session, toml, who.name, datetime.now(UTC), functions=function_rules(services.settings))
        known = licence_notes(told.pilot.configuration, services.settings.catalogue)
        return pilot_body(life.details_of(session, told.pilot), (*told.notes, *known, *seen))


@router.get("")
def list_all_pilots(services: ServicesDep, _: Viewer) -> list[PilotBody]:
    """All pilots, oldest first; without configuration, changes and guesses."""
    with session_scope(services.session_factory) as session:
        return [summary_body(pilot) for pilot in list_pilots(session)]


@router.get("/{name}")
def read_pilot(services: ServicesDep, _: Viewer, name: str) -> PilotBody:
    """One pilot with its configuration, its registration and all changes since."""
    with session_scope(services.session_factory) as session:
        return pilot_body(life.details_of(session, get_pilot(session, name)))


@router.get("/{name}/status")
def read_status(services: ServicesDep, _: Viewer, name: str) -> StatusBody:
    """How far it is, what it has cost, and what is missing next."""
    with session_scope(services.session_factory) as session:
        status = status_of(session, get_pilot(session, name), datetime.now(UTC))
    redis_url = services.settings.redis_url
    if redis_url is None:
        return status_body(status, None, None)
    waiting = waiting_events(redis_url) if status.live is not None else None
    return status_body(status, read_breakers(redis_url, name), waiting)


@router.put("/{name}/configuration", openapi_extra=TOML)
def configure_pilot(services: ServicesDep, who: Operator, name: str, toml: RawBody) -> PilotBody:
    """Replaces the configuration; after the start every change is listed, and some are refused."""
    seen = look_at_judges(toml, datetime.now(UTC))
    with session_scope(services.session_factory) as session:
        pilot, loaded, changes = change_configuration(
            session, name, toml, who.name, datetime.now(UTC), functions=function_rules(services.settings)
        )
        notes = life.notes_on(loaded) + tuple(life.change_words(pilot, change) for change in changes)
        known = licence_notes(pilot.configuration, services.settings.catalogue)
        return pilot_body(life.details_of(session, pilot), (*(notes or ("nothing changed",)), *known, *seen))


@router.post("/{name}/start")
def start_pilot(services: ServicesDep, who: Operator, name: str) -> PilotBody:
    """Fixes the window and registers the configuration under a hash; asks the candidates' servers what they serve."""
    with session_scope(services.session_factory) as session:
        told = life.start_pilot(session, name, who.name, datetime.now(UTC))
        details = life.details_of(session, told.pilot)
    sightings = look_at_models(services.session_factory, told.pilot, datetime.now(UTC))
    return pilot_body(details, (*told.notes, *notes_on(sightings, told.pilot)))


@router.post("/{name}/stop")
def stop_pilot(services: ServicesDep, who: Operator, name: str) -> PilotBody:
    """Ends a running pilot for good."""
    with session_scope(services.session_factory) as session:
        told = life.stop_pilot(session, name, who.name, datetime.now(UTC))
        return pilot_body(life.details_of(session, told.pilot), told.notes)


@router.post("/{name}/extend")
def extend_pilot(services: ServicesDep, who: Operator, name: str, extension: Extension | None = None) -> PilotBody:
    """Makes a running pilot longer, once, by at most 14 days."""
    with session_scope(services.session_factory) as session:
        told = life.extend_pilot(session, name, who.name, days=(extension or Extension()).days)
        return pilot_body(life.details_of(session, told.pilot), told.notes)


@router.post("/{name}/default")
def make_pilot_default(services: ServicesDep, who: Operator, name: str) -> PilotBody:
    """The gateway's `/v1` is this pilot's from now on."""
    with session_scope(services.session_factory) as session:
        told = life.make_default(session, name, who.name)
        return pilot_body(life.details_of(session, told.pilot), told.notes)


@router.post("/{name}/detach")
def detach_pilot(services: ServicesDep, who: Operator, name: str) -> PilotBody:
    """The gateway stops forwarding for it; refused while its window runs."""
    with session_scope(services.session_factory) as session:
        told = life.detach_pilot(session, name, who.name, datetime.now(UTC))
        return pilot_body(life.details_of(session, told.pilot), told.notes)


@router.post("/{name}/mirror")
def switch_mirror(services: ServicesDep, who: Operator, name: str, mirror: Mirror) -> PilotBody:
    """Switches mirroring on or off."""
    with session_scope(services.session_factory) as session:
        told = life.set_mirror(session, name, who.name, on=mirror.on)
        return pilot_body(life.details_of(session, told.pilot), told.notes)
