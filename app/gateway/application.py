"""The gateway as a raw ASGI application: forward first, copy second."""

import time
from collections.abc import Callable

from app.domain.routing import PilotRoute
from app.gateway import answers
from app.gateway.bodies import ClientGone, Receive, read_body
from app.gateway.counting import Ledger
from app.gateway.figures import BYPASS, COPIED, OTHER, Figures
from app.gateway.headers import Asked, asks_for_overhead, read_request_headers
from app.gateway.observing import Observer
from app.gateway.relay import Relay, Scope, Send
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
        publish: Brings the metrics up to date.
        body_bytes: Longest body that is mirrored.
    """

    def __init__(
        self,
        watch: RoutingWatch,
        upstream: Upstream,
        ledger: Ledger,
        observer: Observer,
        figures: Figures,
        publish: Callable[[], None],
        *,
        body_bytes: int,
    ) -> None:
        self._watch = watch
        self._upstream = upstream
        self._ledger = ledger
        self._observer = observer
        self.figures = figures
        self._publish = publish
        self._body_limit = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        at_us = time.time_ns() // 1000
        if scope["type"] != "http":
            await answers.refuse_socket(scope, send)
            return
        target = target_of(scope["raw_path"])
        if target is None:
            await answers.own_page(self._watch, self._publish, scope, _told(scope, send, at_us))
            return
        route = self._route_for(target.pilot)
        if route is None:
            await answers.no_route(self._watch, target.pilot, _told(scope, send, at_us))
            return
        if leaves_the_base(target.rest):
            await answers.bad_path(_told(scope, send, at_us))
            return
        asked = read_request_headers(scope["headers"])
        if asked.wants_socket:
            await answers.refuse_upgrade(_told(scope, send, at_us))
            return
        figures = self.figures
        figures.in_flight += 1
        try:
            await self._serve(scope, receive, send, route, target.rest, asked, at_us)
        finally:
            figures.in_flight -= 1

    def _route_for(self, name: str | None) -> PilotRoute | None:
        routing = self._watch.routing
        wanted = name if name is not None or routing is None else routing.default
        return routing.pilots.get(wanted) if routing is not None and wanted is not None else None

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, route: PilotRoute, rest: bytes, asked: Asked, at_us: int
    ) -> None:
        reason = self._not_mirrored(route, scope["method"], rest, asked)
        is_long = asked.content_length is not None and asked.content_length > self._body_limit
        try:
            body, too_much = await read_body(receive, -1 if is_long else self._body_limit, self._observer)
        except ClientGone:
            self.figures.refused["incomplete"] += 1
            return
        ledger = self._ledger.of(route.name)
        number = ledger.issue()
        observation, group = None, OTHER
        is_drawn = number == ledger.next_bypass
        if is_drawn:
            ledger.draw_next()
        if reason is not None or too_much is not None:
            ledger.dropped[reason or too_much or ""] += 1
        elif is_drawn:
            ledger.dropped["not_sampled"] += 1
            group = BYPASS
        elif isinstance(body, bytes):
            observation = self._observer.observe(route, ledger, number, at_us, rest.decode(), asked, body)
            group = OTHER if observation is None else COPIED
        if asked.has_bad_content:
            self.figures.bad_content += 1
        relay = Relay(self._upstream, self.figures, scope, send, observation, body, group, tells=asked.wants_overhead)
        del body  # it is not held until the answer has come
        await relay.run(route.incumbent_url, rest, asked)

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


def _told(scope: Scope, send: Send, at_us: int) -> Send:
    """For an answer of ours: with the header that tells its time, if that was asked for."""
    if not asks_for_overhead(scope["headers"]):
        return send
    return answers.telling(send, max(0, time.time_ns() // 1000 - at_us) / 1e6)  # the clock may be set in between
