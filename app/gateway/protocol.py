"""uvicorn's HTTP/1.1 protocol with what it does not have itself: a bound on heads, answers that nothing breaks into."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.gateway.figures import Figures
from app.gateway.headers import tokens
from app.gateway.joining import JoinedWrites

WATCH_CLIENT = "pilot.watch_client"
"""Key of a scope: a function that takes what to call once when the client goes away, or `None` for nothing any more."""

IDLE_DRAIN_SECONDS = 1.0
"""How long idle connections are kept by a process that ends: a request may be on its way on them."""

SAY_REASON = "pilot.say_reason"
"""Key of a scope: a function that takes the reason phrase of the answer that begins next."""

_VERSIONS = ("1.1", "1.0")
_TOO_LONG = b"The head of the request is too long."
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\nx-pilot-error: head_too_long\r\n\r\n%b" % (len(_TOO_LONG), _TOO_LONG)
)


class HeadTooLong(Exception):
    """Raised through the parser, which then stops."""


class NotServed(Exception):
    """As above: a request line without a version or with one that is not HTTP/1, and CONNECT."""


class BoundedProtocol(HttpToolsProtocol):
    """Counts a head as it is parsed, and what the parser holds of one that is not whole."""

    head_bytes = 64 * 1024
    figures = Figures()
    _is_deaf = False
    _is_draining = False
    _is_without_upgrade = False
    _in_head = True
    _parsed = 0
    _received = 0
    _is_too_long = False
    _on_gone: Callable[[], None] | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        cast("JoinedWrites", self.transport).lose()
        if self._on_gone is not None:
            self._on_gone()

    def watch_client(self, on_gone: Callable[[], None] | None) -> None:
        """Cheaper than a task a request that waits for `http.disconnect`."""
        self._on_gone = on_gone
        if on_gone is None:
            return
        if self.transport.is_closing():
            self.loop.call_soon(on_gone)
        elif not self.pipeline:
            self.flow.resume_reading()  # an end that is not read is not seen

    @override
    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._is_deaf:
            return
        if self._in_head:
            self._received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse()
        except httptools.HttpParserUpgrade as ended:
            self._go_on_without_upgrade(data[ended.args[0] :])
        else:
            if self._in_head and self._received > self.head_bytes:
                self._is_too_long = True
                self._refuse()

    def _refuse(self) -> None:
        """What came is no request. Nothing more is read, and an answer to an earlier request is not broken into."""
        self._is_deaf = True
        self.figures.refused["head_too_long" if self._is_too_long else "invalid"] += 1
        cycle = self.cycle
        if self.pipeline and cycle.more_body:
            self.pipeline.popleft()  # the request that cannot be read to its end
        elif cycle is None or cycle.response_complete or (cycle.more_body and not cycle.response_started):
            self.send_400_response("Invalid HTTP request received.")
        elif cycle.more_body:
            self.transport.close()
        else:
            cycle.keep_alive = False

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """The offer of another protocol is not taken up; llhttp took what follows the head for that protocol's bytes."""
        if not self._is_without_upgrade:
            self._is_deaf = True  # a WebSocket was refused
            return
        self._is_without_upgrade = False
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                lines.append(b"connection: " + b", ".join(tokens(value) - {b"upgrade"}))
            elif name != b"upgrade":
                lines.append(name + b": " + value)
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join([*lines, b"", b""]) + rest)

    @override
    def on_response_complete(self) -> None:
        is_last = self._is_deaf and not self.pipeline
        super().on_response_complete()
        if is_last and not self.transport.is_closing():
            self.transport.close()

    @override
    def shutdown(self) -> None:
        """Requests that are on their way are answered, each with word that the connection ends."""
        self._is_draining = True
        if self.cycle is not None and not self.cycle.response_complete:
            super().shutdown()
        self.loop.call_later(IDLE_DRAIN_SECONDS, self._end_idle)

    def _end_idle(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    @override
    def on_message_begin(self) -> None:
        self._parsed = 0
        super().on_message_begin()

    @override
    def on_url(self, url: bytes) -> None:
        self._grow(len(url))
        super().on_url(url)

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value) + 4)
        if self._in_head:  # a trailer comes with the body: as a header it would be one that nobody has checked
            super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        if self.parser.get_http_version() not in _VERSIONS or self.parser.get_method() == b"CONNECT":
            raise NotServed
        self._in_head = False
        self._received = 0
        if self.parser.should_upgrade() and self._get_upgrade() != b"websocket":
            self._is_without_upgrade = True
            return
        scope = cast("dict[str, object]", self.scope)
        scope[WATCH_CLIENT] = self.watch_client
        scope[SAY_REASON] = cast("JoinedWrites", self.transport).say_reason
        super().on_headers_complete()
        if self._is_draining:
            self.cycle.keep_alive = False

    @override
    def on_message_complete(self) -> None:
        self._in_head = True
        if not self._is_without_upgrade:
            super().on_message_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        if not self._is_too_long:
            super().send_400_response(msg)
            return
        self.transport.write(_REFUSAL)
        self.transport.close()

    def _grow(self, size: int) -> None:
        self._parsed += size
        if self._parsed > self.head_bytes:
            self._is_too_long = True
            raise HeadTooLong


def protocol_class(head_bytes: int, figures: Figures) -> type[HttpToolsProtocol]:
    """The protocol that answers 431 to a head longer than so many bytes."""
    return type("GatewayProtocol", (BoundedProtocol,), {"head_bytes": head_bytes, "figures": figures})
