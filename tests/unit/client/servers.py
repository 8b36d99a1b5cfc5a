"""Loopback servers for the client's tests: a vendor that does what it is told, a service that remembers what it was sent."""

import asyncio
import json
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from parallel_pilot import sending

Handler = Callable[["Heard", asyncio.StreamWriter], Any]
PILOT = "support-bot"


@dataclass
class Heard:
    """One request as a server got it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name.lower())


@dataclass
class Server:
    """A server's address and what it heard."""

    url: str
    port: int
    heard: list[Heard] = field(default_factory=list)


class _Serving:
    """One listening socket and its connections."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._writers: set[asyncio.StreamWriter] = set()
        self.heard: list[Heard] = []

    async def start(self, port: int) -> Server:
        self._listening = await asyncio.start_server(self._connected, "127.0.0.1", port, limit=2**24)
        number = self._listening.sockets[0].getsockname()[1]
        return Server(f"http://127.0.0.1:{number}", number, self.heard)

    async def stop(self) -> None:
        self._listening.close()
        for writer in list(self._writers):
            writer.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, EOFError, asyncio.CancelledError):
            while True:
                heard = await _read(reader)
                self.heard.append(heard)
                await self._handler(heard, writer)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()


@contextmanager
def serving(handler: Handler, port: int = 0) -> Iterator[Server]:
    """Serves one handler in a thread of its own; a handler writes what it likes and may raise to break off."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    made = _Serving(handler)
    try:
        yield asyncio.run_coroutine_threadsafe(made.start(port), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(made.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _read(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
    length = int(dict(headers).get("content-length", 0))
    return Heard(method, path, headers, await reader.readexactly(length) if length else b"")


def answer(writer: asyncio.StreamWriter, body: bytes, *, status: int = 200, **headers: str) -> None:
    """Writes one whole response."""
    said = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)


WHOLE = json.dumps(
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
).encode()
PIECES = [f'data: {{"n": {number}}}\n\n'.encode() for number in range(4)] + [b"data: [DONE]\n\n"]


async def vendor(heard: Heard, writer: asyncio.StreamWriter) -> None:
    """Does what the prompt says: whole, stream, slow, broken, silent, packed, refused."""
    wish = json.loads(heard.body).get("wish", "whole") if heard.body else "whole"
    if wish in ("stream", "broken"):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in PIECES if wish == "stream" else PIECES[:2]:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0.01)
        if wish == "broken":
            raise ConnectionAbortedError
        writer.write(b"0\r\n\r\n")
    elif wish == "silent":
        await asyncio.sleep(30)
    elif wish == "hangs":
        raise ConnectionAbortedError
    elif wish == "packed":
        packer = zlib.compressobj(wbits=31)
        answer(writer, packer.compress(WHOLE) + packer.flush(), Content_Encoding="gzip")
    elif wish == "refused":
        answer(writer, b'{"error": {"message": "slow down"}}', status=429, Retry_After_Ms="5")
    else:
        answer(writer, WHOLE)


@dataclass
class Service:
    """What `POST /ingest` was sent, and what it is to answer."""

    events: list[dict[str, Any]] = field(default_factory=list)
    boots: list[str] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    batches: list[int] = field(default_factory=list)
    mirrors: bool = True
    repeats_request: bool = True
    refused: list[dict[str, Any]] = field(default_factory=list)
    offset: float | None = None

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        text = zlib.decompress(heard.body, 31) if heard.header("content-encoding") == "gzip" else heard.body
        assert heard.path == "/ingest"
        self.batches.append(len(heard.body))
        self.keys.add(heard.header("authorization"))
        line, _, rest = text.partition(b"\n")
        head = json.loads(line)
        assert head["version"] == 1
        self.boots.append(head["boot"])
        at = 0
        for event in head["events"]:
            cut = []
            for length in event.pop("parts", []):
                cut.append(None if length is None else rest[at : at + length])
                at += length or 0
            self.events.append(event | {"parts": cut, "boot": head["boot"]})
        assert at == len(rest)
        wish = {"mirrors": self.mirrors, "repeats_request": self.repeats_request}
        told = {
            "accepted": len(head["events"]),
            "refused": self.refused,
            "pilots": {PILOT: wish},
            "clock_offset_seconds": self.offset,
        }
        answer(writer, json.dumps(told).encode())

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in list(self.events) if event["kind"] == kind]

    def counts(self) -> dict[str, Any]:
        """The newest ledger of the pilot."""
        found = self.of("count")
        counts: dict[str, Any] = found[-1]["pilots"].get(PILOT, {}) if found else {}
        return counts


def until(happened: Callable[[], object], seconds: float = 10.0) -> None:
    """Waits for something; fails if it does not happen."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def sender_of(url: str, key: str = "pp_key") -> sending.Sender:
    """The process's sender to a service."""
    return sending._senders[url, key]
