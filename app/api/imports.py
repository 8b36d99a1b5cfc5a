"""Imports of recorded exchanges: opened, sent in chunks of whole lines, committed."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from app.api.bodies import RawBody, text_body
from app.api.dependencies import Operator, ServicesDep, Viewer
from app.api.error_handlers import ProblemBody
from app.api.paths import Id
from app.capture.sealing import load_digest_key
from app.domain.imports import ImportFormat, ImportState
from app.pipeline import importing
from app.store.imports import Import, get_import
from app.store.session import session_scope

router = APIRouter(tags=["imports"])
LINES = text_body("application/jsonl", "Whole lines, one exchange each; only the last line of the file may lack its end.")


class NewImport(BaseModel):
    """Which file; an unfinished import of the same file goes on."""

    model_config = ConfigDict(extra="forbid")

    file_key: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file, in hexadecimal digits.")
    format: ImportFormat = ImportFormat.PILOT


class ImportBody(BaseModel):
    """An import as it stands; `bytes_staged` is where the next chunk begins, `problem_count` how many lines are wrong."""

    id: int
    pilot: str
    format: ImportFormat
    state: ImportState
    lines_staged: int
    lines_skipped: int
    bytes_staged: int
    problem_count: int
    problems: list[ProblemBody]
    result: "ResultBody | None"


class ResultBody(BaseModel):
    """What an import did: lines = new + unchanged + merged; `skipped` = foreign records that are no exchange."""

    lines: int
    new: int
    unchanged: int
    merged: int
    skipped: int = 0


@router.post("/pilots/{name}/imports")
def open_import(services: ServicesDep, who: Operator, name: str, new: NewImport) -> ImportBody:
    """Begins an import, or re-opens the unfinished one of the same file."""
    with session_scope(services.session_factory) as session:
        return _body(importing.open_import(session, name, file_key=new.file_key, format_=new.format, by=who.name))


@router.put("/imports/{import_id}/chunks", openapi_extra=LINES)
def send_chunk(
    services: ServicesDep, _: Operator, import_id: Id, offset: Annotated[int, Query(ge=0)], text: RawBody
) -> ImportBody:
    """Takes the next lines; 409 with `facts.bytes_staged` if they do not begin where the last chunk ended."""
    settings = services.settings
    given = settings.stream_key.get_secret_value() if settings.stream_key else None
    found = importing.stage_chunk(
        services.session_factory,
        import_id,
        offset=offset,
        text=text,
        line_bytes=settings.import_line_bytes,
        digest_key=partial(load_digest_key, settings.home, given),
    )
    return _body(found)


@router.post("/imports/{import_id}/commit")
def commit_import(services: ServicesDep, who: Operator, import_id: Id) -> ResultBody:
    """Stores everything, or 422 with what is wrong with the first 50 bad lines, and nothing is stored."""
    given = services.settings.stream_key.get_secret_value() if services.settings.stream_key else None
    done = importing.commit_import(
        services.session_factory, import_id, who.name, digest_key=partial(load_digest_key, services.settings.home, given)
    )
    return ResultBody(
        lines=done.lines, new=done.new, unchanged=done.unchanged, merged=done.merged, skipped=done.skipped
    )  # fmt: skip


@router.get("/imports/{import_id}")
def read_import(services: ServicesDep, _: Viewer, import_id: Id) -> ImportBody:
    """How far an import is, and what is wrong so far."""
    with session_scope(services.session_factory) as session:
        return _body(get_import(session, import_id))


@router.delete("/imports/{import_id}")
def abandon_import(services: ServicesDep, who: Operator, import_id: Id) -> ImportBody:
    """Throws an unfinished import away; one that ended stays as it is."""
    with session_scope(services.session_factory) as session:
        return _body(importing.abandon_import(session, import_id, who.name))


def _body(current: Import) -> ImportBody:
    problems = [ProblemBody(message=p.message, field=p.field, line=p.line, code=p.code) for p in current.problems]
    return ImportBody(
        id=current.id,
        pilot=current.pilot,
        format=current.format,
        state=current.state,
        lines_staged=current.lines_staged,
        lines_skipped=current.lines_skipped,
        bytes_staged=current.bytes_staged,
        problem_count=current.bad_lines,
        problems=problems,
        result=ResultBody(**current.result) if current.result is not None else None,
    )
