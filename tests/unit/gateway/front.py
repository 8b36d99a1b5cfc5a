"""The gateway as its clients meet it: served by its protocol of uvicorn's on a real socket, in the test's own event loop."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uvicorn.server import ServerState

from app.gateway.serving import open_gateway, server_configuration
from app.settings import Settings


@dataclass
class Front:
    """A running gateway."""

    port: int
    home: Path
    server: asyncio.AbstractServer
    state: ServerState

    def end(self) -> None:
        """What uvicorn does when its process is told to end."""
        self.server.close()
        for connection in list(self.state.connections):
            connection.shutdown()

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
async def front(home: Path, incumbent_url: str | None, *, level: str = "full", **settings: Any) -> AsyncIterator[Front]:
    """A gateway in front of an incumbent; without `redis_url` its events find no Redis, without an address no routing file."""
    if incumbent_url is not None:
        write_routing(home, incumbent_url, level=level)
    made = Settings(home=home, **settings)
    state = ServerState()
    async with open_gateway(made, "gateway-1") as gateway:
        config = server_configuration(gateway, made)
        config.load()

        def connect() -> asyncio.Protocol:
            return config.http_protocol_class(config=config, server_state=state, app_state={})  # type: ignore[call-arg]

        server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
        try:
            yield Front(server.sockets[0].getsockname()[1], home, server, state)
        finally:
            server.close()
            for connection in list(state.connections):
                connection.transport.close()
            for task in list(state.tasks):
                task.cancel()
            await asyncio.sleep(0)


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
