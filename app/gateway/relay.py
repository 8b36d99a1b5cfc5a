"""One request on its way to the incumbent, and its answer on the way back, byte for byte."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from time import perf_counter
from typing import Any, TypeAlias

from app.domain.live import End
from app.gateway import answers
from app.gateway.bodies import Body, ClientGone
from app.gateway.figures import Figures
from app.gateway.headers import Asked, Headers, pass_response_headers
from app.gateway.observing import Observation
from app.gateway.protocol import SAY_REASON, WATCH_CLIENT
from app.gateway.upstream.client import Upstream, UpstreamBroken, UpstreamError, UpstreamResponse, UpstreamUnreachable

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


_STANDARD_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class RelayBroken(Exception):
    """The incumbent's answer broke off after its head was relayed: the client's connection must break off too."""


class Relay:
    """Forwards one request; whatever happens, the observation is told how it ended.

    Args:
        observation: Where copies go; `None` = nothing is copied.
        body: Let go of as soon as it is sent.
        group: Place in `GROUPS`: whose time it is.
        tells: The answer gets a header with the gateway's own time.
    """

    __slots__ = (
        "_began",
        "_body",
        "_figures",
        "_group",
        "_headers",
        "_is_gone",
        "_observation",
        "_relaying",
        "_response",
        "_scope",
        "_send",
        "_tells",
        "_upstream",
    )

    def __init__(
        self, upstream: Upstream, figures: Figures, scope: Scope, send: Send, observation: Observation | None, body: Body,
        group: int, *, tells: bool,
    ) -> None:  # fmt: skip
        self._upstream = upstream
        self._figures = figures
        self._scope = scope
        self._send = send
        self._observation = observation
        self._body = body
        self._group = group
        self._tells = tells
        self._headers: Headers = []
        self._response: UpstreamResponse | None = None
        self._relaying: asyncio.Task[Any] | None = None
        self._is_gone = False
        self._began = perf_counter()

    async def run(self, base_url: str, rest: bytes, asked: Asked) -> None:
        """Returns when the answer was relayed or one of the three has gone."""
        watch_client = self._scope[WATCH_CLIENT]
        if self._observation is not None:
            self._observation.announce()
        if isinstance(self._body, bytes):  # while a body is read piece by piece, its reader meets the client's end
            self._relaying = asyncio.current_task()
            watch_client(self._client_left)
        try:
            await self._forward(base_url, rest, asked)
        except (asyncio.CancelledError, ClientGone) as error:
            self._end("client_cancelled")
            if isinstance(error, asyncio.CancelledError) and not self._is_gone:  # this process ends
                raise RelayBroken from error
        except RelayBroken:
            raise
        except Exception:
            self._end("connection")
            raise
        finally:
            watch_client(None)
            if self._response is not None:
                self._response.abort()  # does nothing if the answer is complete

    def _client_left(self) -> None:
        """The incumbent is told at once that nobody listens any more, as it would be without a gateway."""
        self._is_gone = True
        if self._relaying is not None:
            self._relaying.cancel()

    async def _forward(self, base_url: str, rest: bytes, asked: Asked) -> None:
        query = self._scope["query_string"]
        target = rest + b"?" + query if query else rest
        try:
            response = self._response = await self._upstream.send(
                base_url, self._scope["method"], target, asked.passed, self._take_body(), content_length=asked.content_length
            )
        except UpstreamError as error:
            await self._not_answered(error)
            return
        self._figures.note_before(self._group, response.sent_at - self._began)
        await self._relay(response)

    def _take_body(self) -> Body:
        body, self._body = self._body, b""
        return body

    async def _not_answered(self, error: UpstreamError) -> None:
        self._figures.upstream_errors[error.reason] = self._figures.upstream_errors.get(error.reason, 0) + 1
        self._end("timeout" if error.reason == "connect_timeout" else "connection")
        was_sent = not isinstance(error, UpstreamUnreachable)
        own_seconds = (error.sent_at or perf_counter()) - self._began
        send = answers.telling(self._send, own_seconds) if self._tells else self._send
        await answers.incumbent_failed(error, send, was_sent=was_sent)

    async def _relay(self, response: UpstreamResponse) -> None:
        send, observation, sent_at = self._send, self._observation, response.sent_at
        await send({"type": "http.response.start", "status": response.status, "headers": self._head(response)})
        is_first = True
        while True:
            try:
                data = await response.read()
            except UpstreamBroken as error:
                self._figures.upstream_errors[error.reason] = self._figures.upstream_errors.get(error.reason, 0) + 1
                self._end("connection")
                raise RelayBroken from error
            is_last = response.is_complete
            await send({"type": "http.response.body", "body": data, "more_body": not is_last})
            read_at = response.read_at
            if observation is not None and data:
                observation.note(read_at - sent_at, data)
            if is_first:
                is_first = False
                self._figures.note_after(self._group, perf_counter() - read_at)
                if observation is not None:
                    observation.note_lag(read_at)
            if is_last:
                break
        self._end("complete")

    def _head(self, response: UpstreamResponse) -> Headers:
        self._figures.note_status(response.status)
        if response.reason != _STANDARD_REASONS.get(response.status):
            self._scope[SAY_REASON](response.reason)
        headers = self._headers = pass_response_headers(response.headers)
        if self._tells:
            headers.append(answers.overhead(response.sent_at - self._began + perf_counter() - response.head_at))
        return headers

    def _end(self, end: End) -> None:
        observation, response = self._observation, self._response
        if observation is None:
            return
        self._observation = None
        if response is None:
            observation.end(end, status=None, seconds=perf_counter() - self._began)
            return
        last = response.read_at if end == "complete" and response.read_at else perf_counter()
        observation.note_lag(last)
        observation.end(
            end,
            status=response.status,
            content_type=_value(self._headers, b"content-type"),
            content_encoding=_value(self._headers, b"content-encoding"),
            seconds=last - response.sent_at,
        )


def _value(headers: Headers, wanted: bytes) -> str:
    for name, value in headers:
        if name == wanted:
            return value.decode("latin-1")
    return ""
