"""The gateway as its clients meet it: served by uvicorn on a real socket, in the test's own event loop."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from app.gateway.serving import open_gateway, server_configuration
from app.settings import Settings


@dataclass
class Front:
    """A running gateway."""

    port: int
    home: Path

    async def talk(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        """Sends bytes piece by piece on a connection of its own and returns all that comes until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        try:
            return await asyncio.wait_for(reader.read(-1), 10)
        finally:
            writer.close()

    async def ask(
        self, *, method: str = "POST", path: str = "/v1/chat/completions", body: bytes = b"{}", headers: str = ""
    ) -> bytes:
        """One request that closes its connection; the raw answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        return await self.talk(head.encode("latin-1") + body)


def write_routing(home: Path, incumbent_url: str, *, mirrors: bool = True, level: str = "full") -> None:
    """The routing file of one pilot, `live`, that is the default."""
    route = {"incumbent_url": incumbent_url, "mirrors": mirrors, "strictest_level": level}
    draft = home / "routing.draft"
    draft.write_text(json.dumps({"version": 1, "default": "live", "pilots": {"live": route}}))
    draft.replace(home / "routing.json")


@asynccontextmanager
async def front(home: Path, incumbent_url: str, *, level: str = "full", **settings: Any) -> AsyncIterator[Front]:
    """A gateway in front of an incumbent; without `redis_url` its events find no Redis."""
    write_routing(home, incumbent_url, level=level)
    made = Settings(home=home, **settings)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    async with open_gateway(made, "gateway-1") as gateway:
        server = _Server(server_configuration(gateway, made))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        try:
            yield Front(listening.getsockname()[1], home)
        finally:
            server.should_exit = True
            server.force_exit = True
            await serving


class _Server(uvicorn.Server):
    """Signals are the test runner's."""

    def install_signal_handlers(self) -> None:
        """None."""


def parts(answer: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers in order, and the body with its chunked framing undone."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines[1:])]
    is_chunked = (b"transfer-encoding", b"chunked") in headers
    return int(lines[0].split()[1]), headers, unchunked(rest)[0] if is_chunked else rest


def unchunked(data: bytes) -> tuple[bytes, bool]:
    """The body that chunks make, and whether the last one came."""
    body = b""
    while data:
        size, found, rest = data.partition(b"\r\n")
        if not found:
            return body, False
        length = int(size, 16)
        if length == 0:
            return body, True
        body += rest[:length]
        data = rest[length + 2 :]
    return body, False
