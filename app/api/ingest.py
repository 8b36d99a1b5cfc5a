"""`POST /ingest`: what in-app clients saw. Few batches at a time, each short: no rate of them keeps others waiting."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app.api.bodies import text_body
from app.api.dependencies import Credentials, key_of, permitted
from app.api.error_handlers import ErrorBody, error_response
from app.api.roles import declares
from app.capture.batches import TooLarge, unpack
from app.domain.words import Role
from app.pipeline.ingesting import Intake, StreamsAway
from app.traces.about import note_key

AT_ONCE = 4
MOST_WAITING = 16
READ_SECONDS = 10.0
T = TypeVar("T")

router = APIRouter(tags=["ingest"])
BATCH = text_body("application/vnd.parallel-pilot.batch", "A line of JSON and the bodies, as docs/in-app.md says; may be gzip.")
# Its own threads and no others: imports, reports and pages share the rest.
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ingest")


class RefusalBody(BaseModel):
    """An event that was not taken; all others were."""

    event: int
    code: str
    message: str
    pilot: str | None


class WishBody(BaseModel):
    """What the client is to do for a pilot from now on."""

    mirrors: bool
    repeats_request: bool


class TakenBody(BaseModel):
    """What became of a batch."""

    accepted: int
    refused: list[RefusalBody]
    pilots: dict[str, WishBody]
    clock_offset_seconds: float | None


class _Room:
    waiting = 0


REFUSALS: dict[int | str, dict[str, Any]] = {
    408: {"model": ErrorBody, "description": "The body did not come in time."},
    415: {"model": ErrorBody, "description": "A Content-Encoding other than gzip."},
    503: {"model": ErrorBody, "description": "Not now; see Retry-After."},
}


@router.post("/ingest", response_model=TakenBody, openapi_extra=BATCH | declares(Role.INGEST), responses=REFUSALS)
async def ingest(request: Request, credentials: Credentials) -> TakenBody | Response:
    """Takes a batch of events whole, or says when to come again; the same batch twice does no harm."""
    key = key_of(credentials)
    if _Room.waiting >= MOST_WAITING:
        return _problem(503, "busy", "too many batches at once", retry_after_seconds=1)
    _Room.waiting += 1
    try:
        return await _taken(request, key)
    finally:
        _Room.waiting -= 1


async def _taken(request: Request, key: str) -> TakenBody | Response:
    intake = request.app.state.intake
    assert isinstance(intake, Intake)  # noqa: S101 - make_api puts it there
    who = permitted(await _in_thread(lambda: intake.holder_of(key)), Role.INGEST)
    note_key(who.name)
    coding = request.headers.get("content-encoding", "").lower()
    if coding not in ("", "identity", "gzip"):
        return _problem(415, "unsupported_media_type", f"a body in {coding!r} is not read; send gzip or none")
    try:
        async with asyncio.timeout(READ_SECONDS):
            body = await request.body()
    except TimeoutError:
        return _problem(408, "request_timeout", "the body did not come in time")
    most_bytes = intake.settings.ingest_bytes
    try:
        taken = await _in_thread(lambda: intake.take(who, unpack(body, most_bytes) if coding == "gzip" else body))
    except TooLarge:
        return _problem(413, "too_large", f"the batch is larger than {most_bytes} bytes once it is unpacked")
    except StreamsAway as error:
        return _problem(503, "streams_unavailable", str(error), retry_after_seconds=2)
    return TakenBody.model_validate(asdict(taken))


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


def _problem(status: int, code: str, message: str, *, retry_after_seconds: int | None = None) -> Response:
    response = error_response(status, code, message)
    if retry_after_seconds is not None:
        response.headers["Retry-After"] = str(retry_after_seconds)
    return response
