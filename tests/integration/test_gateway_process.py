"""One gateway process: what it imports, how many it can serve at once, and how it ends."""

import asyncio
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from app.domain.live import CountEvent, ReplyEvent
from app.stack.redis import EmbeddedRedis
from tests.integration.test_gateway import Process, events, gateway
from tests.unit.gateway.front import write_routing
from tests.unit.gateway.upstream_servers import Peer, run, serving

ROOT = Path(__file__).resolve().parents[2]
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(256)
        yield made


@pytest.fixture
def streams(redis_server: EmbeddedRedis) -> Iterator[Any]:
    client = redis.Redis.from_url(redis_server.url)
    client.delete("mirror", "record")
    yield client
    client.delete("mirror", "record")
    client.close()


def test_it_imports_nothing_that_it_does_not_need() -> None:
    """A killed process is back when its imports are done."""
    heavy = ("sqlalchemy", "fastapi", "starlette", "celery", "numpy", "scipy", "openai", "aiohttp", "httpx", "httpx2", "jinja2")
    code = f"import sys, workers.gateway, app.gateway.serving; print([name for name in {heavy!r} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "[]"


@contextmanager
def open_files(most: int) -> Iterator[None]:
    """What is started inside begins with so low a soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Gathering:
    """An incumbent that answers nobody before so many have asked."""

    def __init__(self, count: int) -> None:
        self._missing = count
        self._all = asyncio.Event()

    async def __call__(self, peer: Peer) -> None:
        await peer.request()
        self._missing -= 1
        if not self._missing:
            self._all.set()
        await self._all.wait()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


async def status_of(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return head[:12]


def test_the_soft_limit_on_open_files_does_not_limit_what_it_carries(tmp_path: Path, listening: socket.socket) -> None:
    async def story() -> None:
        async with serving(Gathering(100)) as incumbent:
            write_routing(tmp_path, incumbent.url)
            await asyncio.sleep(0.5)
            port = listening.getsockname()[1]
            assert set(await asyncio.gather(*(status_of(port) for _ in range(100)))) == {b"HTTP/1.1 200"}

    with ExitStack() as stack:
        with open_files(100):
            stack.enter_context(gateway(tmp_path, None, listening))
        run(story())


def test_a_stream_that_outlives_the_drain_is_cut_and_told(
    tmp_path: Path, listening: socket.socket, redis_server: EmbeddedRedis, streams: Any
) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await peer.say(b"5\r\nhello\r\n")
            await asyncio.sleep(0.05)

    async def story(process: Process) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
        writer.write(REQUEST)
        await reader.readuntil(b"hello")
        process.process.send_signal(signal.SIGTERM)
        rest = await reader.read(-1)
        writer.close()
        assert await asyncio.to_thread(process.process.wait, 10) == 0
        return rest

    async def all_of_it() -> None:
        async with serving(endless) as incumbent:
            write_routing(tmp_path, incumbent.url)
            await asyncio.to_thread(told)

    def told() -> None:
        with gateway(tmp_path, redis_server.url, listening, PILOT_GATEWAY_DRAIN_SECONDS="1") as process:
            rest = asyncio.run(story(process))
        assert b"hello" in rest
        assert not rest.endswith(b"0\r\n\r\n")
        [reply] = [event for event in events(streams, "mirror", tmp_path) if isinstance(event, ReplyEvent)]
        assert (reply.end, reply.body[:5]) == ("client_cancelled", b"hello")
        last = events(streams, "record", tmp_path)[-1]
        assert isinstance(last, CountEvent)
        assert (last.is_final, last.pilots["live"].issued) == (True, 1)
        assert "Traceback" not in (tmp_path / "gateway-1.log").read_text()

    run(all_of_it())
