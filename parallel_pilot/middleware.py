"""ASGI middleware: what a request says holds for the model calls made inside it; OpenAI-shaped routes are copied."""

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from parallel_pilot.hints import NOTHING, Binding, Hints, Sight, bind, plain, read_headers, unbind
from parallel_pilot.served import Served
from parallel_pilot.shadow import Shadow, has_transport
from parallel_pilot.watch import route_of

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Teller: TypeAlias = Callable[[Scope], str | None]

QUIET_REQUESTS = 200
QUIET_SECONDS = 300.0

log = logging.getLogger("parallel_pilot")


class ShadowMiddleware:
    """Wraps any ASGI application; add it with `app.add_middleware(ShadowMiddleware, pilot=..., service_url=..., api_key=...)`.

    Inside a request, model calls through a shadow transport of the same pilot get the segment and conversation of the
    request's headers `X-Pilot-Segment` and `X-Pilot-Conversation`, and its `X-Pilot-Content` and `X-Pilot-Mirror: off`. Where
    the application itself serves `/v1/chat/completions`, `/v1/completions` or `/v1/responses`, these requests are copied.

    Args:
        app: The application.
        pilot: Name of the pilot.
        service_url: Address of the service, as in `http://pilot:8080`.
        api_key: A key with the role `ingest`.
        enabled: `False` does nothing at all.
        segment: Kind of work, or a function of the ASGI scope that tells it; what it tells goes before the header.
        conversation: A function of the ASGI scope that tells the conversation, before the header.
        content: `full`, `masked` or `metadata`; the strictest of this, the header and the pilot's holds.
        serves: Whether the application's own OpenAI-shaped routes are copied; default: unless this process has a shadow
            transport of the same pilot, which would copy the same work a second time.
        outbox_bytes: Most that waits in this process for the service (16 MiB).

    Raises:
        ValueError: An argument that can never work.
    """

    def __init__(  # noqa: PLR0913 - all but the application are named
        self, app: ASGIApp, *, pilot: str, service_url: str | None = None, api_key: str | None = None, enabled: bool = True,
        segment: str | Teller | None = None, conversation: Teller | None = None, content: str | None = None,
        serves: bool | None = None, outbox_bytes: int | None = None,
    ) -> None:  # fmt: skip
        if enabled and service_url is None:
            message = "give service_url, or enabled=False"
            raise ValueError(message)
        self.app = app
        named = segment if isinstance(segment, str) else None
        self._shadow = Shadow(
            pilot, service_url, api_key, enabled=enabled, segment=named, content=content, outbox_bytes=outbox_bytes
        )
        self._segment = segment if callable(segment) else None
        self._conversation = conversation
        self._serves = serves
        self._sight = Sight()
        self._requests = 0
        self._first_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything through; never fails on its own account."""
        if self._shadow.sender is None or scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        hints = self._hints(scope)
        served = self._served(scope, hints)
        token = bind(Binding(self._shadow.pilot, hints, self._sight))
        try:
            if served is None:
                await self.app(scope, receive, send)
            else:
                await served.run(self.app, scope, receive, send)
        finally:
            unbind(token)
            self._look()

    def _hints(self, scope: Scope) -> Hints:
        try:
            found, _ = read_headers(scope["headers"])
            told = Hints(_told(self._segment, scope), _told(self._conversation, scope))
            return told.over(found).over(self._shadow.hints)
        except Exception:
            self._shadow.note_failure("ShadowMiddleware")
            return NOTHING

    def _served(self, scope: Scope, hints: Hints) -> Served | None:
        """The copy of a request to a route that the application serves in OpenAI's shape."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope.get("method") != "POST" or "/v1/" not in path or route_of(path) is None:
            return None
        serves = not has_transport(self._shadow.pilot) if self._serves is None else self._serves
        if not serves or self._shadow.drops("POST", path, hints, 0):
            return None
        self._sight.has_served = True
        return Served(self._shadow, path, hints)

    def _look(self) -> None:
        """Says once that nothing was seen, if nothing was."""
        self._requests += 1
        if self._sight.has_said or self._sight.has_call or self._sight.has_served:
            return
        now = time.monotonic()
        if self._requests == 1:
            self._first_at = now
        if self._requests >= QUIET_REQUESTS or now - self._first_at >= QUIET_SECONDS:
            self._sight.has_said = True
            words = "parallel_pilot: %d requests and no model call of pilot %r: make its client with shadow_transport(...)"
            log.warning(words, self._requests, self._shadow.pilot)


def _told(teller: Teller | None, scope: Scope) -> str | None:
    told = teller(scope) if teller is not None else None
    return plain(str(told)) if told is not None else None
