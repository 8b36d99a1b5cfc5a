"""HTTP connections whose sockets note when bytes go out and come in."""

import errno
import socket
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from weakref import WeakValueDictionary

import aiohttp
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.tracing import Trace
from typing_extensions import override

from app.domain.addresses import refuse_address
from app.providers.timing import now


class Wire:
    """What the socket of one call noted. Falls back to the present where the loop does not use our sockets (uvloop)."""

    def __init__(self) -> None:
        self.is_reused = False
        self._sent_at: float | None = None
        self._received_at: float | None = None

    @property
    def sent_at(self) -> float:
        """When the last byte so far was handed to the socket."""
        return self._sent_at if self._sent_at is not None else now()

    @property
    def received_at(self) -> float:
        """When the last byte so far was read from the socket."""
        return self._received_at if self._received_at is not None else now()

    @property
    def has_received(self) -> bool:
        """Whether any byte of an answer was seen."""
        return self._received_at is not None

    def note_sent(self) -> None:
        """Bytes were handed to the socket."""
        self._sent_at = now()

    def note_received(self) -> None:
        """Bytes were read from the socket."""
        self._received_at = now()


class TimedSocket(socket.socket):
    """A socket that notes its traffic on the wire of the call that holds it now."""

    wire: Wire | None = None

    @override
    def send(self, *args: Any) -> int:
        sent = super().send(*args)
        if self.wire is not None:
            self.wire.note_sent()
        return sent

    @override
    def sendmsg(self, *args: Any) -> int:
        sent = super().sendmsg(*args)
        if self.wire is not None:
            self.wire.note_sent()
        return sent

    @override
    def recv(self, *args: Any) -> bytes:
        data = super().recv(*args)
        if data and self.wire is not None:
            self.wire.note_received()
        return data

    @override
    def recv_into(self, *args: Any) -> int:
        count = super().recv_into(*args)
        if count and self.wire is not None:
            self.wire.note_received()
        return count


current_wire: ContextVar[Wire | None] = ContextVar("current_wire", default=None)


class TimedConnector(aiohttp.TCPConnector):
    """Hands each call's wire to the socket that the call was given.

    A wire per call, not per connection: the next call on the same connection cannot overwrite this one's times.
    Link-local and metadata addresses get no socket.
    """

    def __init__(self, *, limit: int) -> None:
        self._by_number: WeakValueDictionary[int, TimedSocket] = WeakValueDictionary()
        super().__init__(limit=limit, socket_factory=self._make_socket, ttl_dns_cache=60)

    def _make_socket(self, address: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, place = address
        # Here the name is resolved, whatever it resolved to before: what is checked is what is connected to.
        if family in (socket.AF_INET, socket.AF_INET6) and (refused := refuse_address(str(place[0]))):
            raise PermissionError(errno.EACCES, f"not called: {refused}")
        made = TimedSocket(family, kind, protocol)
        self._by_number[made.fileno()] = made
        return made

    @override
    async def connect(self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        connection = await super().connect(req, traces, timeout)
        wire, transport = current_wire.get(), connection.transport
        if wire is not None and transport is not None:
            found = transport.get_extra_info("socket")
            timed = self._by_number.get(found.fileno()) if found is not None else None
            if timed is not None:
                wire.is_reused = timed.wire is not None
                timed.wire = wire
        return connection


def make_session(*, connections: int, headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    """A session that follows nothing, remembers nothing and reads no proxy from the environment.

    Compression is not asked for: a bound on bytes must hold on what is really kept.
    """
    return aiohttp.ClientSession(
        connector=TimedConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "parallel-pilot", **(headers or {})},
    )
