"""One line of the log a request: which address, how it ended, whose key; never a query, a key, or what an address names."""

import secrets
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.declared import route_of
from app.traces.about import open_request

# Asked for every few seconds by machines.
QUIET = ("/health/live", "/health/ready", "/metrics")

log = structlog.get_logger(__name__)


class RequestLog:
    """Pure ASGI: gives each request an id, which is in every line that is written because of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = perf_counter(), 500
        # Not undone: a request has a context of its own, and a fault is told of after it has passed here.
        noted = open_request(secrets.token_hex(8))

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, seen)
        finally:
            route = route_of(scope)
            say = log.debug if route in QUIET else log.info
            seconds = round(perf_counter() - began, 4)
            say("answered", method=scope["method"], route=route, status=status, seconds=seconds, **noted)
