"""The API as one FastAPI application."""

from fastapi import FastAPI
from fastapi.routing import APIRoute

import parallel_pilot
from app.api import (
    alerts,
    bundles,
    decisions,
    encryption,
    erasures,
    grading,
    health,
    hours,
    imports,
    ingest,
    invoices,
    keys,
    labels,
    model_plans,
    notify,
    people,
    pilots,
    plans,
    rehearsals,
    replays,
    reports,
    routing,
    scorecards,
    usage_plans,
)
from app.api.body_limit import BodyLimit
from app.api.counting import CountAnswers
from app.api.declared import API_PREFIX
from app.api.dependencies import Services
from app.api.error_handlers import ERROR_RESPONSES, add_error_handlers
from app.api.request_log import RequestLog
from app.api.roles import describe_roles
from app.pipeline.health_watch import HealthWatch
from app.pipeline.ingesting import Intake
from app.pipeline.labelling.answering import Desk
from app.pipeline.people_passwords import Passwords

STAGES = (
    pilots,
    imports,
    replays,
    rehearsals,
    grading,
    labels,
    hours,
    invoices,
    scorecards,
    reports,
    alerts,
    notify,
    bundles,
    decisions,
    erasures,
    encryption,
    routing,
    plans,
    model_plans,
    usage_plans,
    keys,
    people,
)


def make_api(services: Services) -> FastAPI:
    """The application with every stage's routes; `services` are handed to the endpoints."""
    api = FastAPI(
        title="Parallel Pilot",
        summary="Mirrors production LLM requests to a self-hosted model, measures both, and says whether to migrate.",
        version=parallel_pilot.__version__,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    api.state.services = services
    add_error_handlers(api)
    settings = services.settings
    api.add_middleware(BodyLimit, import_chunk_bytes=settings.import_chunk_bytes, ingest_bytes=settings.ingest_bytes)
    api.add_middleware(CountAnswers)
    api.add_middleware(RequestLog)
    api.include_router(describe_roles(health.router, is_public=True))
    api.state.intake = Intake(settings, services.session_factory, services.pepper)
    api.state.passwords = Passwords()
    api.state.health = HealthWatch(services.session_factory, settings)
    api.state.desk = Desk.of(services.session_factory, services.pepper)
    api.include_router(describe_roles(ingest.router), responses=ERROR_RESPONSES)
    for stage in STAGES:
        api.include_router(describe_roles(stage.router), prefix=API_PREFIX, responses=ERROR_RESPONSES)
    return api


def _operation_id(route: APIRoute) -> str:
    return route.name
