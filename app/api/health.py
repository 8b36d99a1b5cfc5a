"""Whether this process lives, whether it can serve, and what the machine's processes count."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app.api.dependencies import ServicesDep
from app.domain.health import Parts
from app.jobs import redis_illness
from app.metrics import exposition
from app.pipeline.health_watch import HealthWatch
from app.store.health import database_illness

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """What the process needs, and what is wrong with it; `null` = nothing."""

    status: Literal["ok", "ill"]
    database: str | None
    redis: str | None


@router.get("/health/live")
def live() -> Alive:
    """The process answers; says nothing of what it needs."""
    return Alive()


@router.get("/health/ready", responses={503: {"model": Readiness, "description": "Something it needs is ill; named."}})
def ready(services: ServicesDep, response: Response) -> Readiness:
    """The database answers and is migrated, and Redis answers."""
    database = database_illness(services.session_factory)
    queue = redis_illness(services.settings.redis_url)
    well = database is None and queue is None
    response.status_code = 200 if well else 503
    return Readiness(status="ok" if well else "ill", database=database, redis=queue)


@router.get("/health/parts", name="health_parts")
def parts(request: Request) -> Parts:
    """Each part of the service: whether it is well, what is wrong with it, and since when. Looked at anew every few seconds."""
    watch = request.app.state.health
    assert isinstance(watch, HealthWatch)  # noqa: S101 - make_api puts it there
    return watch.look()


@router.get("/metrics", include_in_schema=False)
def metrics() -> Response:
    """Prometheus' text format: names of pilots and arms, numbers, never a text of production; so it asks for no key."""
    text, media_type = exposition()
    return Response(text, media_type=media_type)
