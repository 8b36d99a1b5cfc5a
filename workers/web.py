"""The web process: API and pages, `uvicorn --factory workers.web:create_app`."""

from fastapi import FastAPI

from app.api.application import make_api
from app.api.dependencies import Services
from app.dashboard.pages import make_pages_router
from app.errors import StackError
from app.jobs import make_publish
from app.pipeline.access import load_pepper
from app.settings import Settings
from app.store.session import Publish, make_engine, make_session_factory
from workers.logs import configure_logs


def create_app() -> FastAPI:
    """Reads `PILOT_*` and composes the process; connects to nothing yet."""
    configure_logs("api")
    settings = Settings()
    if settings.database_url is None:
        message = "the API needs a database: set PILOT_DATABASE_URL (./run up does it)"
        raise StackError(message)
    engine = make_engine(settings.database_url, pool_size=settings.database_pool_size)
    given = settings.pepper.get_secret_value() if settings.pepper else None
    services = Services(
        settings=settings,
        session_factory=make_session_factory(engine),
        publish=_publish(settings.redis_url),
        pepper=load_pepper(settings.home, given),
    )
    web = make_api(services)
    web.include_router(make_pages_router(session_factory=services.session_factory, pepper=services.pepper))
    return web


def _publish(redis_url: str | None) -> Publish:
    if redis_url is None:
        message = "the API needs Redis: set PILOT_REDIS_URL (./run up does it)"
        raise StackError(message)
    return make_publish(redis_url)
