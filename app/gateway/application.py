"""The gateway as a raw ASGI application: forward first, copy second."""

import time
from collections.abc import AsyncIterator

from app.domain.routing import PilotRoute
from app.gateway import answers
from app.gateway.counting import Ledger
from app.gateway.figures import Figures
from app.gateway.headers import Asked, read_request_headers
from app.gateway.observing import Observer
from app.gateway.relay import ClientGone, Receive, Relay, Scope, Send
from app.gateway.routes import MIRRORED, leaves_the_base, target_of
from app.gateway.upstream.client import Upstream
from app.gateway.watching import RoutingWatch


class Gateway:
    """One process of the gateway.

    Args:
        watch: Where to send what.
        upstream: How to send it.
        ledger: Numbers and counts.
        observer: Takes copies.
        figures: What metrics are made of.
        body_bytes: Longest body that is mirrored.
    """

    def __init__(
        self, watch: RoutingWatch, upstream: Upstream, ledger: Ledger, observer: Observer, figures: Figures, *, body_bytes: int
    ) -> None:
        self._watch = watch
        self._upstream = upstream
        self._ledger = ledger
        self._observer = observer
        self.figures = figures
        self._body_limit = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        at_us = time.time_ns() // 1000
        if scope["type"] != "http":
            await answers.refuse_socket(scope, send)
            return
        target = target_of(scope["raw_path"])
        if target is None:
            await answers.own_page(self._watch, scope, send)
            return
        route = await self._route_for(target.pilot, send)
        if route is None:
            return
        if leaves_the_base(target.rest):
            await answers.bad_path(send)
            return
        asked = read_request_headers(scope["headers"])
        if asked.wants_socket:
            await answers.refuse_upgrade(send)
            return
        figures = self.figures
        figures.in_flight += 1
        try:
            await self._serve(scope, receive, send, route, target.rest, asked, at_us)
        finally:
            figures.in_flight -= 1

    async def _route_for(self, name: str | None, send: Send) -> PilotRoute | None:
        routing = self._watch.routing
        wanted = name if name is not None or routing is None else routing.default
        route = routing.pilots.get(wanted) if routing is not None and wanted is not None else None
        if route is None:
            await answers.no_route(self._watch, name, send)
        return route

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, route: PilotRoute, rest: bytes, asked: Asked, at_us: int
    ) -> None:
        ledger = self._ledger.of(route.name)
        number = ledger.issue()
        reason = self._not_mirrored(route, scope["method"], rest, asked)
        try:
            body = await self._body(receive, asked.content_length)
        except ClientGone:
            ledger.dropped[reason or "not_mirrored_route"] += 1
            return
        if reason is None and not isinstance(body, bytes):
            reason = "too_large"
        observation = None
        if reason is not None:
            ledger.dropped[reason] += 1
        elif isinstance(body, bytes):
            observation = self._observer.observe(route, ledger, number, at_us, rest.decode(), asked.hints, body)
        if asked.has_bad_content:
            self.figures.bad_content += 1
        relay = Relay(self._upstream, self.figures, scope, send, observation)
        await relay.run(route.incumbent_url, rest, asked, body)

    def _not_mirrored(self, route: PilotRoute, method: str, rest: bytes, asked: Asked) -> str | None:
        """The first reason for which this request leaves no event, of those that are known from its head."""
        if not route.mirrors or self._watch.is_off:
            return "mirroring_off"
        if asked.opted_out:
            return "opted_out"
        if method != "POST" or rest not in MIRRORED:
            return "not_mirrored_route"
        if asked.content_length is not None and asked.content_length > self._body_limit:
            return "too_large"
        return None

    async def _body(self, receive: Receive, content_length: int | None) -> bytes | AsyncIterator[bytes]:
        """The whole body if it is within the limit, else its pieces as they come."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        if not message.get("more_body"):
            whole: bytes = message["body"]
            return whole
        pieces = [message["body"]]
        size = len(pieces[0])
        if content_length is None or content_length <= self._body_limit:
            while size <= self._body_limit:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                pieces.append(message["body"])
                size += len(message["body"])
                if not message.get("more_body"):
                    return b"".join(pieces)
        return _pieces(b"".join(pieces), receive)


async def _pieces(begun: bytes, receive: Receive) -> AsyncIterator[bytes]:
    yield begun
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        yield message["body"]
        if not message.get("more_body"):
            return
