"""An answer of the incumbent, while it comes in."""

import asyncio
from typing import Protocol

from app.gateway.upstream.errors import UpstreamBroken


class Source(Protocol):
    """The connection that an answer comes from."""

    def resume_reading(self) -> None:
        """Goes on reading."""

    def abort(self) -> None:
        """Ends the connection."""


class UpstreamResponse:
    """Head and body as they came; made by `Upstream.send`, which returns it once the head is whole.

    Attributes:
        headers: Names and values in order, as they were on the wire, hop-by-hop ones too.
        sent_at: `time.perf_counter()` when the last request byte (so far) was handed to the socket.
        head_at: `perf_counter` of the socket read that made the head whole.
        read_at: `perf_counter` of the socket read that brought the last byte that `read` returned.
    """

    __slots__ = (
        "_chunks", "_failure", "_held", "_is_finished", "_loop", "_source", "_waiter",
        "has_head", "head_at", "headers", "is_paused", "read_at", "reason", "sent_at", "status",
    )  # fmt: skip

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.sent_at = 0.0
        self.head_at = 0.0
        self.read_at = 0.0
        self.has_head = False
        self.is_paused = False
        self._chunks: list[bytes] = []
        self._held = 0
        self._is_finished = False
        self._failure: BaseException | None = None
        self._source: Source | None = source
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_complete(self) -> bool:
        """The whole body came and was read: the next `read` would return nothing."""
        return self._is_finished and not self._chunks

    @property
    def held_bytes(self) -> int:
        """Body that came and was not read yet."""
        return self._held

    async def read(self) -> bytes:
        """Next piece of the body, as the socket brought it; empty once the body is complete.

        Raises:
            UpstreamBroken: The connection broke before the end, after all that came was returned.
        """
        while not self._chunks:
            if self._is_finished:
                return b""
            if self._failure is not None:
                raise self._failure
            await self._more()
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self._held = 0
        if self.is_paused and self._source is not None:
            self.is_paused = False
            self._source.resume_reading()
        return data

    def abort(self) -> None:
        """Drops the connection, unless the response is complete; the incumbent sees that the client went away."""
        source = self._source
        if source is not None:
            self.fail(UpstreamBroken("given up by the gateway", "aborted"))
            source.abort()

    async def head(self) -> None:
        """Waits until status and headers are there; raises what went wrong."""
        while not self.has_head:
            if self._failure is not None:
                raise self._failure
            await self._more()

    def add(self, data: bytes) -> None:
        """A piece of the body came."""
        self._chunks.append(data)
        self._held += len(data)

    def finish(self) -> None:
        """The body is complete; the connection is no longer this response's."""
        self._is_finished = True
        self._source = None
        self.wake()

    def fail(self, failure: BaseException) -> None:
        """No more will come."""
        if not self._is_finished and self._failure is None:
            self._failure = failure
            self._source = None
            self.wake()

    def wake(self) -> None:
        """Something changed that a reader may wait for."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    async def _more(self) -> None:
        self._waiter = self._loop.create_future()
        await self._waiter
