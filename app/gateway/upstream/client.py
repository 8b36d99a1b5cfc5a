"""`Upstream`: sends production's requests to the incumbent and hands back what comes, as it comes.

It adds nothing (no Accept-Encoding, User-Agent, cookie, proxy, redirect or retry) and waits without limit, but for connecting.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic

from app.gateway.upstream.connection import Connection
from app.gateway.upstream.errors import UpstreamBroken, UpstreamError, UpstreamUnreachable
from app.gateway.upstream.origin import Addresses, Place, place_of
from app.gateway.upstream.response import UpstreamResponse

__all__ = ["Upstream", "UpstreamBroken", "UpstreamError", "UpstreamLimits", "UpstreamResponse", "UpstreamUnreachable"]

_OURS = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection"})


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Bounds of one process's client.

    Attributes:
        head_bytes: Longest head of an answer.
        connect_seconds: Name lookup, TCP and TLS together.
        idle_seconds: How long a connection is kept for the next request; less if the server says less.
        buffered_bytes: Body that waits for a slow reader before the incumbent is made to wait.
    """

    head_bytes: int
    connect_seconds: float
    idle_seconds: float = 15.0
    buffered_bytes: int = 256 * 1024


class _Origin:
    """A place and the connections kept open to it, the one used last on top."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.addresses = Addresses(place.host, place.port)
        self.idle: list[Connection] = []


class Upstream:
    """One per process and event loop."""

    def __init__(self, limits: UpstreamLimits, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits
        self._tls = tls
        self._origins: dict[str, _Origin] = {}
        self._open: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def send(
        self,
        base_url: str,
        method: str,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes | AsyncIterator[bytes],
        *,
        content_length: int | None,
    ) -> UpstreamResponse:
        """Asks `{base_url}{target}` and returns once the answer's head is there.

        Args:
            method: As the client sent it; after a HEAD no body is awaited.
            base_url: As configured, e.g. `https://api.example.com/v1`.
            target: What follows it: the rest of the path, and the query, as raw bytes.
            headers: End-to-end headers in their order; Host, Connection, Content-Length and Transfer-Encoding are ours.
            body: All of it, or an iterator whose pieces are sent as they come, while the answer may already be on its way.
                What the iterator raises ends the connection and is raised here or by `read`.
            content_length: The body's length if the client said it; an iterator without it is sent chunked, and bytes
                without it and without content are no body at all.

        Raises:
            UpstreamUnreachable: Nothing of the request was sent.
            UpstreamBroken: It was, at least in part, and no answer came.
            ValueError: A header, the method or the target holds what would change the message around it.
        """
        origin = self._origins.get(base_url) or self._new_origin(base_url)
        length = len(body) if isinstance(body, bytes) and (body or content_length is not None) else content_length
        data = _head(origin.place, method, target, headers, length, is_chunked=length is None and not isinstance(body, bytes))
        if isinstance(body, bytes):
            data += body
        connection, response = await self._begin(origin, data, is_head=method == "HEAD")
        data = b""  # sent, or in the transport's keeping: an answer may take minutes
        if isinstance(body, bytes):
            body = b""
        else:
            connection.upload(response, body, length)
        try:
            await response.head()
        except UpstreamError as error:
            error.sent_at = response.sent_at
            response.abort()
            raise
        except BaseException:
            response.abort()
            raise
        return response

    async def close(self) -> None:
        """Ends every connection."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._open):
            connection.abort()
        self._origins.clear()
        await asyncio.sleep(0)

    async def _begin(self, origin: _Origin, data: bytes, *, is_head: bool) -> tuple[Connection, UpstreamResponse]:
        """Writes to a kept connection or a new one.

        A kept one that ended is known by its socket before the write, or by the write that fails at once; in both cases
        not one byte was sent, so that another connection is no retry. After the first byte nothing is ever sent again.
        """
        while (connection := self._kept(origin)) is not None:
            response = connection.begin(data, is_head=is_head)
            if response is not None:
                return connection, response
        connection = await self._connect(origin)
        response = connection.begin(data, is_head=is_head)
        if response is None:
            message = f"{origin.place.host} closed the connection at once"
            raise UpstreamUnreachable(message, "connect")
        return connection, response

    def _kept(self, origin: _Origin) -> Connection | None:
        while origin.idle:
            connection = origin.idle.pop()
            if monotonic() - connection.idle_since < self._idle_limit(connection) and connection.is_usable():
                return connection
            connection.abort()
        return None

    def _idle_limit(self, connection: Connection) -> float:
        said = connection.idle_limit_seconds
        return self._limits.idle_seconds if said is None else min(said, self._limits.idle_seconds)

    def _new_origin(self, base_url: str) -> _Origin:
        origin = self._origins[base_url] = _Origin(place_of(base_url))
        return origin

    async def _connect(self, origin: _Origin) -> Connection:
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                return await self._connect_to_any(origin, await origin.addresses.get())
        except TimeoutError as error:
            origin.addresses.expire()
            message = f"no connection to {origin.place.host} within {self._limits.connect_seconds} s"
            raise UpstreamUnreachable(message, "connect_timeout") from error

    async def _connect_to_any(self, origin: _Origin, addresses: list[str]) -> Connection:
        """Addresses in order; each gets an equal share of the time, so that a dead one does not use up all of it."""
        place, failure = origin.place, OSError("no address")
        for address in addresses:
            try:
                async with asyncio.timeout(self._limits.connect_seconds / len(addresses)):
                    return await self._connect_to(origin, address)
            except OSError as error:  # TimeoutError is one
                failure = error
        origin.addresses.expire()
        if isinstance(failure, TimeoutError):
            raise failure
        message = f"cannot connect to {place.host} port {place.port}: {failure}"
        raise UpstreamUnreachable(message, "tls" if isinstance(failure, ssl.SSLError) else "connect") from failure

    async def _connect_to(self, origin: _Origin, address: str) -> Connection:
        """To the very address that was checked: a name that now resolves elsewhere leads nowhere else."""
        place, loop = origin.place, asyncio.get_running_loop()

        def make() -> Connection:
            return Connection(self._limits.head_bytes, self._limits.buffered_bytes, keep, self._open.discard)

        def keep(connection: Connection) -> None:
            origin.idle.append(connection)
            if self._sweep is None:
                self._sweep = loop.call_later(self._limits.idle_seconds, self._sweep_idle)

        tls, name = (self._context(), place.host) if place.is_tls else (None, None)
        _, connection = await loop.create_connection(make, address, place.port, ssl=tls, server_hostname=name)
        self._open.add(connection)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _sweep_idle(self) -> None:
        """Connections that nobody used for long are closed, also where no request comes to notice."""
        self._sweep = None
        now = monotonic()
        for origin in self._origins.values():
            old = [kept for kept in origin.idle if now - kept.idle_since >= self._idle_limit(kept)]
            origin.idle = [kept for kept in origin.idle if kept not in old]
            for connection in old:
                connection.abort()
        if any(origin.idle for origin in self._origins.values()):
            self._sweep = asyncio.get_running_loop().call_later(self._limits.idle_seconds, self._sweep_idle)


def _head(
    place: Place, method: str, target: bytes, headers: list[tuple[bytes, bytes]], length: int | None, *, is_chunked: bool
) -> bytes:
    lines = [b"%b %b%b HTTP/1.1" % (method.encode(), place.path, target), b"Host: " + place.host_header]
    lines += [name + b": " + value for name, value in headers if name.lower() not in _OURS]
    if length is not None:
        lines.append(b"Content-Length: %d" % length)
    elif is_chunked:
        lines.append(b"Transfer-Encoding: chunked")
    head = b"\r\n".join(lines)
    ends = len(lines) - 1
    if head.count(b"\r") != ends or head.count(b"\n") != ends or b"\0" in head or lines[0].count(b" ") != 2:  # noqa: PLR2004
        message = "a line break, a NUL or a space where HTTP allows none"
        raise ValueError(message)
    return head + b"\r\n\r\n"
