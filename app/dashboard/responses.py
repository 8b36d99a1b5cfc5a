"""Pages as responses: escaped templates, strict headers, and errors that a person can read."""

import json
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute
from jinja2 import Environment
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from typing_extensions import override

from app.dashboard.assets import asset_address
from app.errors import (
    Conflict,
    InvalidInput,
    MustChangePassword,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    ServiceError,
    TooManyAttempts,
)
from app.reports.document import Chart
from app.reports.html import TEMPLATES as REPORT_TEMPLATES
from app.reports.html import content_security_policy, make_environment
from app.reports.palette import INKS
from app.store.health import IMPOSSIBLE_VALUE, VALUE_ERRORS

STATUS = {NotPermitted: 403, NotFound: 404, Conflict: 409, InvalidInput: 422, TooManyAttempts: 429}
ACCOUNT = "/account"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = f"{content_security_policy()}; frame-ancestors 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@cache
def templates() -> Environment:
    """The pages' templates, with those of reports beside them; charts are drawn in the browser instead of here."""
    made = make_environment(Path(__file__).with_name("templates"), REPORT_TEMPLATES)
    made.globals.update(asset_address=asset_address, specification=specification)
    made.globals["dark_inks"] = json.dumps({ink.light: ink.dark for ink in INKS})
    return made


def specification(chart: Chart) -> Markup:
    """A chart as JSON to stand inside a script element, which ends at the first `</` of whatever text."""
    text = json.dumps(chart.spec, ensure_ascii=True).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704 - no "<" is left


def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from a template."""
    return HTMLResponse(templates().get_template(name).render(**values), status)


def page_route(sign_in: Callable[[Request, str], Response]) -> type[APIRoute]:
    """Routes whose answers have strict headers and whose errors are pages; `sign_in` makes the page of one who must."""

    class PageRoute(APIRoute):
        @override
        def get_route_handler(self) -> Handler:
            answer = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                try:
                    response = await answer(request)
                except NotAuthenticated as error:
                    response = sign_in(request, error.message)
                except MustChangePassword:
                    response = RedirectResponse(ACCOUNT, 303)
                except ServiceError as error:
                    response = problem_page(error)
                except VALUE_ERRORS:
                    response = problem_page(InvalidInput(IMPOSSIBLE_VALUE))
                for header, value in HEADERS.items():
                    response.headers.setdefault(header, value)
                return response

            return guarded

    return PageRoute


def problem_page(error: ServiceError) -> HTMLResponse:
    """What went wrong, in the service's own words."""
    response = page("problem.html", problem_status(error), message=error.message)
    if isinstance(error, TooManyAttempts):
        response.headers["Retry-After"] = str(round(error.retry_after_seconds))
    return response


def problem_status(error: ServiceError) -> int:
    """The status of a page that says what went wrong."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
