"""The web process: API and pages; `workers/serve.py` serves it."""

import socket
import threading

import structlog
from fastapi import FastAPI

from app.api.application import make_api
from app.api.dependencies import Services
from app.dashboard.pages import make_pages_router
from app.errors import StackError
from app.jobs import make_publish
from app.metrics.processes import watch_process
from app.pipeline.access import load_pepper
from app.pipeline.people_limits import LimitTerms, SignInLimits
from app.pipeline.people_sessions import SessionTerms
from app.pipeline.people_sign_in import SignIns
from app.pipeline.provenance import code_version
from app.pipeline.routing import write_routing, writes_routing
from app.pipeline.text_keys import open_texts
from app.settings import Settings
from app.store.health import DATABASE_ERRORS, database_illness
from app.store.limits import api_limits
from app.store.pool_metrics import watch_pool
from app.store.session import Publish, SessionFactory, make_engine, make_session_factory
from workers.logs import configure_logs

log = structlog.get_logger(__name__)


def create_app() -> FastAPI:
    """Reads `PILOT_*`, composes the process, and writes the gateway's file anew."""
    settings = Settings()
    configure_logs("api", settings.log_level)
    if settings.database_url is None:
        message = "the API needs a database: set PILOT_DATABASE_URL (./run up does it)"
        raise StackError(message)
    engine = make_engine(settings.database_url, limits=api_limits(settings))
    reads_only, texts = make_session_factory(engine), open_texts(settings)
    told = writes_routing(reads_only, settings.home)
    given = settings.pepper.get_secret_value() if settings.pepper else None
    services = Services(
        settings=settings,
        session_factory=make_session_factory(engine, texts=texts, on_pilot_change=told),
        publish=_publish(settings.redis_url),
        pepper=load_pepper(settings.home, given),
    )
    _write_routing(reads_only, settings)
    web = make_api(services)
    web.include_router(
        make_pages_router(
            session_factory=make_session_factory(
                engine, texts=texts, on_pilot_change=told, statement_seconds=settings.page_statement_seconds
            ),
            pepper=services.pepper,
            publish=services.publish,
            sign_ins=_sign_ins(services),
        )
    )
    watch_pool(engine, "api")
    watch_process("api", socket.gethostname(), code_version())
    threading.Thread(target=web.state.health.run, args=(threading.Event(),), name="health", daemon=True).start()
    return web


def _sign_ins(services: Services) -> SignIns:
    given = services.settings
    limits = LimitTerms(given.sign_in_window_seconds, given.sign_in_name_attempts, given.sign_in_address_attempts)
    return SignIns(
        services.session_factory,
        services.pepper,
        limits=SignInLimits(limits, given.redis_url),
        terms=SessionTerms(given.session_seconds, given.session_idle_seconds),
    )


def _publish(redis_url: str | None) -> Publish:
    if redis_url is None:
        message = "the API needs Redis: set PILOT_REDIS_URL (./run up does it)"
        raise StackError(message)
    return make_publish(redis_url)


def _write_routing(session_factory: SessionFactory, settings: Settings) -> None:
    """A pilot may have changed while no API ran; the gateway goes on with the file of before if this does not work."""
    try:
        illness = database_illness(session_factory)
        if illness is None:
            write_routing(session_factory, settings.home)
    except DATABASE_ERRORS as error:
        illness = str(error)
    except OSError as error:
        illness = f"it cannot be written: {error}"
    if illness is not None:
        log.warning("the gateway's file is as it was; the sweep writes it", reason=illness)
