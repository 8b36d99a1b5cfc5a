"""uvicorn's HTTP/1.1 protocol with what it does not have itself: a bound on heads, and a word when the client goes away."""

import asyncio
from collections.abc import Callable
from typing import cast

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.gateway.joining import JoinedWrites

WATCH_CLIENT = "pilot.watch_client"
"""Key of a scope: a function that takes what to call once when the client goes away, or `None` for nothing any more."""

_VERSIONS = ("1.1", "1.0")
_TOO_LONG = b"The head of the request is too long."
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\nx-pilot-error: head_too_long\r\n\r\n%b" % (len(_TOO_LONG), _TOO_LONG)
)


class HeadTooLong(Exception):
    """Raised through the parser, which then stops."""


class UnknownVersion(Exception):
    """As above: a request line without a version, or with one that is not HTTP/1."""


class BoundedProtocol(HttpToolsProtocol):
    """Counts a head as it is parsed, and what the parser holds of one that is not whole."""

    head_bytes = 64 * 1024
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
        if self._on_gone is not None:
            self._on_gone()

    def watch_client(self, on_gone: Callable[[], None] | None) -> None:
        """Cheaper than a task a request that waits for `http.disconnect`."""
        self._on_gone = on_gone
        if on_gone is None:
            return
        if self.transport.is_closing():
            self.loop.call_soon(on_gone)
        else:
            self.flow.resume_reading()  # an end that is not read is not seen

    @override
    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._received += len(data)
        super().data_received(data)
        if self._in_head and self._received > self.head_bytes and not self.transport.is_closing():
            self._is_too_long = True
            self.send_400_response("")

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
        if self.parser.get_http_version() not in _VERSIONS:
            raise UnknownVersion
        self._in_head = False
        self._received = 0
        cast("dict[str, object]", self.scope)[WATCH_CLIENT] = self.watch_client
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        self._in_head = True
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


def protocol_class(head_bytes: int) -> type[HttpToolsProtocol]:
    """The protocol that answers 431 to a head longer than so many bytes."""
    return type("GatewayProtocol", (BoundedProtocol,), {"head_bytes": head_bytes})
