"""One connection to the incumbent: writes a request, parses the answer with llhttp in its strict mode."""

import asyncio
import select
from collections.abc import AsyncIterator, Callable
from time import monotonic, perf_counter
from typing import NoReturn, cast

import httptools
from typing_extensions import override

from app.gateway.upstream.errors import BrokenReason, UpstreamBroken
from app.gateway.upstream.response import UpstreamResponse
from app.gateway.upstream.upload import framed

_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL = 200
_WITHOUT_BODY = frozenset({204, 304})
_WATCHED = frozenset({b"content-length", b"transfer-encoding", b"keep-alive"})


class _Refused(Exception):
    """Raised through the parser, which then stops."""

    def __init__(self, message: str, reason: BrokenReason) -> None:
        super().__init__(message)
        self.reason: BrokenReason = reason


class Connection(asyncio.Protocol):
    """Serves one request at a time and tells its pool when it may serve the next one."""

    __slots__ = (
        "_got_body", "_has_length", "_head_bytes", "_head_limit", "_held_limit", "_is_bodyless", "_is_chunked", "_is_done",
        "_is_kept", "_is_spoiled", "_loop", "_on_idle", "_on_lost", "_parser", "_poll", "_refused", "_response",
        "_silent_bytes", "_transport", "_upload", "_writable", "idle_limit_seconds", "idle_since",
    )  # fmt: skip

    def __init__(
        self,
        head_limit: int,
        held_limit: int,
        on_idle: Callable[["Connection"], None],
        on_lost: Callable[["Connection"], None],
    ) -> None:
        self._head_limit = head_limit
        self._held_limit = held_limit
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._poll = select.poll()
        self._parser = httptools.HttpResponseParser(self)
        self._response: UpstreamResponse | None = None
        self._upload: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._refused: _Refused | None = None
        self._is_spoiled = False
        self._got_body = False
        self.idle_since = 0.0
        self.idle_limit_seconds: float | None = None
        self._reset()

    def _reset(self) -> None:
        """A new answer begins."""
        self._has_length = False
        self._is_chunked = False
        self._is_bodyless = False
        self._is_kept = False
        self._is_done = False
        self._head_bytes = 0
        self._silent_bytes = 0

    # The request

    def is_usable(self) -> bool:
        """Nothing was said and nothing ended since the last answer, as far as this machine's kernel knows."""
        return not (self._is_spoiled or self._transport.is_closing() or self._poll.poll(0))

    def begin(self, data: bytes, *, is_head: bool) -> UpstreamResponse | None:
        """Writes head (and body); `None` = the connection was closed already and not one byte left."""
        response = self._response = UpstreamResponse(self, self._loop)
        self._reset()
        self._is_bodyless = is_head
        self._transport.write(data)
        if self._transport.is_closing():
            self._response = None
            return None
        response.sent_at = perf_counter()
        return response

    def upload(self, response: UpstreamResponse, body: AsyncIterator[bytes], length: int | None) -> None:
        """Sends the body piece by piece beside the answer, which may come before its end."""
        self._upload = self._loop.create_task(self._send_body(response, body, length))

    async def _send_body(self, response: UpstreamResponse, body: AsyncIterator[bytes], length: int | None) -> None:
        try:
            async for piece in framed(body, length):
                self._transport.write(piece)
                response.sent_at = perf_counter()
                if self._writable is not None:
                    await self._writable
                if self._transport.is_closing():
                    return
            self._upload = None
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # whatever the body's source raised is raised to whoever reads
            response.fail(error)
            self.abort()

    # What the transport says

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods, not the base class.
        self._transport = cast("asyncio.Transport", transport)
        if transport.get_extra_info("sslcontext") is None:
            # Told at once when a write did not leave whole: then the clock of the answer starts when it has.
            self._transport.set_write_buffer_limits(high=0)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN | getattr(select, "POLLRDHUP", 0))

    @override
    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:
            self._spoil()
            return
        response.read_at = perf_counter()
        self._got_body = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._unparsed(response, error)
        except httptools.HttpParserUpgrade:
            self._break(response, "the incumbent switched to another protocol", "upgrade")
        else:
            if self._is_done:
                self._release(response)
            elif self._got_body:
                self._relay(response)
            else:
                self._silent(response, len(data))

    def _relay(self, response: UpstreamResponse) -> None:
        self._silent_bytes = 0
        response.wake()
        if response.held_bytes > self._held_limit and not response.is_paused:
            response.is_paused = True
            self._transport.pause_reading()

    def _silent(self, response: UpstreamResponse, count: int) -> None:
        """Heads, trailers, chunk extensions: what brings no body is bounded, whatever it claims to be."""
        self._silent_bytes += count
        if self._silent_bytes > self._head_limit:
            self._break(response, f"a head or trailer longer than {self._head_limit} bytes", "head_too_large")

    def _unparsed(self, response: UpstreamResponse, error: httptools.HttpParserError) -> None:
        """What came is no HTTP. After the end of a whole answer that costs only the connection."""
        if self._is_done:
            self._is_spoiled = True
            self._release(response)
        elif self._refused is not None:
            self._break(response, str(self._refused), self._refused.reason)
        else:
            self._break(response, f"the incumbent's answer is no valid HTTP/1.1: {error}", "invalid_response")

    @override
    def eof_received(self) -> None:
        self._ended(None)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self.resume_writing()
        self._on_lost(self)

    def _ended(self, error: Exception | None) -> None:
        response = self._response
        self._is_spoiled = True
        if response is None:
            return
        if response.has_head and not (self._has_length or self._is_chunked) and error is None:
            self._release(response)
        else:
            where = "in the middle of its answer" if response.has_head else "before it answered"
            self._break(response, f"the incumbent closed the connection {where}" + (f": {error}" if error else ""), "closed")

    @override
    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    @override
    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)
            if self._response is not None:
                self._response.sent_at = perf_counter()

    # What the parser says

    def on_message_begin(self) -> None:
        """After a whole answer: bytes that nobody asked for."""
        if self._is_done:
            self._is_spoiled = True

    def on_status(self, reason: bytes) -> None:
        """May come in pieces."""
        if self._response is not None and not self._is_done:
            self._response.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which nobody is told of."""
        response = self._response
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._head_limit:
            self._refuse(f"a head or trailer longer than {self._head_limit} bytes", "head_too_large")
        if response is None or response.has_head:
            return
        response.headers.append((name, value))
        lowered = name.lower()
        if lowered in _WATCHED:
            self._note(lowered, value)

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            self._has_length = True
        elif name == b"keep-alive":
            self.idle_limit_seconds = _seconds_of(value)
        elif self._is_chunked or value.strip(b" \t").lower() != b"chunked":
            self._refuse("a transfer coding other than chunked, once", "invalid_response")
        else:
            self._is_chunked = True

    def on_headers_complete(self) -> None:
        """The head is whole; an informational one is forgotten."""
        response = self._response
        if response is None or self._is_done:
            return
        status = self._parser.get_status_code()
        if status < _FIRST_FINAL:
            self._informational(response, status)
            return
        if self._is_chunked and self._parser.get_http_version() != "1.1":
            self._refuse("a transfer coding in another version than HTTP/1.1", "invalid_response")
        self._is_kept = self._parser.should_keep_alive()
        response.status = status
        response.has_head = True
        response.head_at = response.read_at
        if status in _WITHOUT_BODY:
            self._is_bodyless = True
        if self._is_bodyless:
            self._is_done = True
        response.wake()

    def _informational(self, response: UpstreamResponse, status: int) -> None:
        if status == _SWITCHING_PROTOCOLS:
            self._refuse("the incumbent switched to another protocol", "upgrade")
        if status < 100:  # noqa: PLR2004 - the first status there is
            self._refuse(f"status {status}", "invalid_response")
        response.reason = b""
        response.headers.clear()
        self._has_length = self._is_chunked = False

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._is_done or self._response is None:
            self._is_spoiled = True
            return
        self._got_body = True
        self._response.add(data)

    def on_message_complete(self) -> None:
        """The end of the body, or of an informational answer."""
        if self._response is not None and self._response.has_head:
            self._is_done = True

    # The end

    def resume_reading(self) -> None:
        """The reader has caught up."""
        self._transport.resume_reading()

    def abort(self) -> None:
        """Ends it at once; nobody waits for it any more."""
        self._response = None
        self._is_spoiled = True
        if self._upload is not None:
            self._upload.cancel()
            self._upload = None
        self._transport.abort()

    def _release(self, response: UpstreamResponse) -> None:
        """The answer is whole: the next request may use the connection, unless something speaks against it."""
        self._response = None
        response.finish()
        if self._is_spoiled or not self._is_kept or self._upload is not None or self._transport.is_closing():
            self.abort()
            return
        if self._is_bodyless:
            # llhttp does not know what was asked: after a HEAD it would wait for the body.
            self._parser = httptools.HttpResponseParser(self)
        self.idle_since = monotonic()
        self._on_idle(self)

    def _spoil(self) -> None:
        """Bytes that nobody asked for, on a connection that is kept: it is not used again."""
        self._is_spoiled = True
        self._transport.abort()

    def _break(self, response: UpstreamResponse, message: str, reason: BrokenReason) -> None:
        response.fail(UpstreamBroken(message, reason))
        self.abort()

    def _refuse(self, message: str, reason: BrokenReason) -> NoReturn:
        self._refused = _Refused(message, reason)
        raise self._refused


def _seconds_of(keep_alive: bytes) -> float | None:
    """How long the server keeps an idle connection, less a second: better a new one than one that just ends."""
    for part in keep_alive.lower().split(b","):
        name, _, value = part.strip().partition(b"=")
        if name.strip() == b"timeout" and value.strip().isdigit():
            return max(0.0, float(value) - 1.0)
    return None
