"""Who is slow makes the other side wait; nothing piles up in between."""

import asyncio
from pathlib import Path

from tests.unit.gateway.front import front
from tests.unit.gateway.upstream_servers import Peer, run, serving

PIECE = b"x" * 65536
MANY = 1000
# What sockets on loopback and the two processes' buffers may take; the rest of the 64 MB must wait.
TAKEN_BYTES = 40 * 1024 * 1024


async def stalled(writer: asyncio.StreamWriter) -> int:
    """Writes until nobody takes more; how many bytes were taken."""
    taken = 0
    for _ in range(MANY):
        writer.write(PIECE)
        try:
            await asyncio.wait_for(writer.drain(), 0.3)
        except TimeoutError:
            return taken
        taken += len(PIECE)
    return taken


def test_an_incumbent_that_does_not_read_makes_the_client_wait(tmp_path: Path) -> None:
    async def conversation(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def story() -> None:
        async with serving(conversation) as incumbent, front(tmp_path, incumbent.url) as gateway:
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(b"POST /v1/files HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % (MANY * len(PIECE)))
            assert await stalled(writer) < TAKEN_BYTES
            writer.transport.abort()

    run(story())


def test_a_client_that_does_not_read_makes_the_incumbent_wait(tmp_path: Path) -> None:
    taken: asyncio.Queue[int] = asyncio.Queue()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MANY * len(PIECE)))
        taken.put_nowait(await stalled(peer.writer))

    async def story() -> None:
        async with serving(conversation) as incumbent, front(tmp_path, incumbent.url) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(b"GET /v1/files/1/content HTTP/1.1\r\nHost: g\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            assert await taken.get() < TAKEN_BYTES
            writer.transport.abort()

    run(story())
