"""Incumbents for the client's tests: they send exactly the bytes they are told, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvloop

from app.gateway.upstream.client import Upstream, UpstreamLimits, UpstreamResponse

T = TypeVar("T")
Conversation = Callable[["Peer"], Awaitable[None]]
LIMITS = UpstreamLimits(head_bytes=8192, connect_seconds=5.0)
LOOPS = ("asyncio", "uvloop")


def run(coroutine: Coroutine[Any, Any, T], loop: str = "uvloop") -> T:
    """On the loop that the gateway uses, or on the one of the standard library."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        return runner.run(asyncio.wait_for(coroutine, 20))


@dataclass
class Peer:
    """One accepted connection, from the server's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[tuple[bytes, bytes]]

    async def request(self) -> bool:
        """Reads one request; false if the client closed instead."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            place = len(self.requests)
            self.requests.append((head, b""))
            self.requests[place] = (head, await self._body(head.lower()))
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        return True

    async def _body(self, head: bytes) -> bytes:
        if b"\r\ntransfer-encoding: chunked\r\n" in head:
            body = b""
            while size := int(await self.reader.readline(), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readexactly(2)
            return body
        _, found, rest = head.partition(b"\r\ncontent-length:")
        return await self.reader.readexactly(int(rest.split(b"\r\n")[0])) if found else b""

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Waits until the client has closed."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass


@dataclass
class Incumbent:
    """A running server: its base URL, what it was sent, how often somebody connected."""

    url: str
    port: int
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def serving(conversation: Conversation, port: int = 0, **options: Any) -> AsyncIterator[Incumbent]:
    """Each connection is one conversation; it is closed when that returns."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        incumbent.connections += 1
        try:
            await conversation(Peer(reader, writer, incumbent.requests))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", port, **options)
    port = server.sockets[0].getsockname()[1]
    scheme = "https" if options.get("ssl") else "http"
    incumbent = Incumbent(f"{scheme}://{'localhost' if scheme == 'https' else '127.0.0.1'}:{port}/v1", port)
    try:
        yield incumbent
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.sleep(0.01)


def answering(*answers: bytes) -> Conversation:
    """One answer a request, in turn, the last one for ever; the connection stays open."""
    left = list(answers)

    async def conversation(peer: Peer) -> None:
        while await peer.request():
            await peer.say(left.pop(0) if len(left) > 1 else left[0])

    return conversation


@asynccontextmanager
async def upstream(limits: UpstreamLimits = LIMITS, **options: Any) -> AsyncIterator[Upstream]:
    """A client that ends with the test."""
    client = Upstream(limits, **options)
    try:
        yield client
    finally:
        await client.close()
        await asyncio.sleep(0.01)


async def ask(client: Upstream, url: str, method: str = "POST", body: Any = b"{}", **options: Any) -> UpstreamResponse:
    """One request to `/chat/completions`."""
    given: dict[str, Any] = {"content_length": len(body) if isinstance(body, bytes) else None} | options
    headers = given.pop("headers", [(b"authorization", b"Bearer k")])
    return await client.send(url, method, given.pop("target", b"/chat/completions"), headers, body, **given)


async def whole(response: UpstreamResponse) -> bytes:
    """The body to its end."""
    body = b""
    while piece := await response.read():
        body += piece
    return body


def reply(body: bytes = b"{}", status: str = "200 OK", headers: bytes = b"") -> bytes:
    """An answer with its length."""
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status.encode(), len(body), headers, body)
