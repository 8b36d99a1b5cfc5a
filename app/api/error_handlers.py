"""One table from error to status, one shape of body for every error."""

import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from app.api.declared import route_of
from app.errors import (
    BudgetExceeded,
    Conflict,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    PermanentProviderError,
    Problem,
    ServiceError,
    TextKeyMissing,
    TooManyAttempts,
    TransientProviderError,
    UnknownPrice,
)
from app.store.health import DATABASE_ERRORS, IMPOSSIBLE_VALUE, VALUE_ERRORS, trouble_of

STATUS: dict[type[ServiceError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    Conflict: 409,
    NotAuthenticated: 401,
    NotPermitted: 403,
    TooManyAttempts: 429,
    BudgetExceeded: 409,
    UnknownPrice: 409,
    TextKeyMissing: 503,
    TransientProviderError: 503,
    PermanentProviderError: 502,
}
RETRY_SECONDS = "2"
CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}


class ProblemBody(BaseModel):
    """One thing that is wrong with an input."""

    message: str
    field: str | None = None
    line: int | None = None
    code: str = "invalid"


class ErrorDetail(BaseModel):
    """What went wrong: `code` is for programs and stable, `message` for people."""

    code: str
    message: str
    problems: list[ProblemBody] = []
    facts: dict[str, Any] = Field(default={}, description="What the message speaks of, by name.")


class ErrorBody(BaseModel):
    """The body of every answer of 400 and above."""

    error: ErrorDetail


ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorBody, "description": "No API key, or one that is unknown or revoked."},
    403: {"model": ErrorBody, "description": "The key's role does not allow it."},
    404: {"model": ErrorBody, "description": "There is no such thing."},
    409: {"model": ErrorBody, "description": "The present state does not allow it."},
    413: {"model": ErrorBody, "description": "The body is larger than this address takes."},
    422: {"model": ErrorBody, "description": "The input is wrong; `problems` lists how. Nothing of it was kept."},
    500: {"model": ErrorBody, "description": "A fault of the service; `facts.id` is in its log."},
    503: {"model": ErrorBody, "description": "The database is away, busy or slow, or a model server is away; `code` says it."},
}


def add_error_handlers(api: FastAPI) -> None:
    """Makes every error leave in the one shape."""
    api.add_exception_handler(ServiceError, _service_error)
    api.add_exception_handler(RequestValidationError, _wrong_request)
    api.add_exception_handler(HTTPException, _http_error)
    for kind in DATABASE_ERRORS:
        api.add_exception_handler(kind, _database_error)
    for kind in VALUE_ERRORS:
        api.add_exception_handler(kind, _impossible_value)
    api.add_exception_handler(Exception, _unexpected)


def error_response(
    status: int, code: str, message: str, *, problems: Sequence[Problem] = (), facts: dict[str, Any] | None = None
) -> JSONResponse:
    """An answer in the one shape."""
    listed = [{"message": p.message, "field": p.field, "line": p.line, "code": p.code} for p in problems]
    body = {"error": {"code": code, "message": message, "problems": listed, "facts": jsonable_encoder(facts or {})}}
    return JSONResponse(body, status, headers={"WWW-Authenticate": "Bearer"} if status == STATUS[NotAuthenticated] else None)


def status_of(error: ServiceError) -> int:
    """The status of the nearest class in the table; 500 for one that nobody put there."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def _service_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)  # noqa: S101 - registered for it
    problems = error.problems if isinstance(error, InvalidInput) else ()
    return error_response(status_of(error), error.code, error.message, problems=problems, facts=error.facts)


def _wrong_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    problems = [Problem(e["msg"], field=".".join(str(part) for part in e["loc"]), code=e["type"]) for e in error.errors()]
    return error_response(422, InvalidInput.code, "the request is wrong", problems=problems)


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if error.status_code == HTTPStatus.BAD_REQUEST:  # the framework's word for a body that is no UTF-8, or ends too early
        unread = Problem("the body cannot be read: it must be JSON in UTF-8", field="body")
        return error_response(STATUS[InvalidInput], InvalidInput.code, unread.message, problems=[unread])
    message = f"there is nothing at {request.url.path}" if error.detail == "Not Found" else str(error.detail)
    response = error_response(error.status_code, CODES.get(error.status_code, "http_error"), message)
    response.headers.update(error.headers or {})
    return response


def _database_error(_: Request, error: Exception) -> JSONResponse:
    trouble = trouble_of(error)
    structlog.get_logger().error(trouble.code, exc_info=error)
    response = error_response(503, trouble.code, trouble.message)
    response.headers["Retry-After"] = RETRY_SECONDS
    return response


def _impossible_value(request: Request, error: Exception) -> JSONResponse:
    structlog.get_logger().warning("impossible_value", route=route_of(request.scope), exc_info=error)
    return error_response(422, InvalidInput.code, IMPOSSIBLE_VALUE)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    number = secrets.token_hex(6)
    structlog.get_logger().error("unexpected_error", id=number, route=route_of(request.scope), exc_info=error)
    message = f"a fault of the service; its log has the details under {number}"
    return error_response(500, "internal_error", message, facts={"id": number})
