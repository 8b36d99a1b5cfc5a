"""Small model servers for tests: real sockets, one handler each."""

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RawHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def model_server(handler: Handler, paths: Sequence[str] = ("/v1/chat/completions",), gets: Sequence[str] = ()) -> Iterator[str]:
    """Serves POST under the paths and GET under `gets` in a thread of its own; gives the base URL."""
    loop = asyncio.new_event_loop()
    listening = socket.create_server(("127.0.0.1", 0))
    application = web.Application(client_max_size=64 * 1024**2)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    for path in paths:
        application.router.add_post(path, answer)
    for path in gets:
        application.router.add_get(path, answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)

    async def start() -> None:
        await runner.setup()
        await web.SockSite(runner, listening).start()

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        listening.close()


@contextmanager
def raw_server(handler: RawHandler, ssl: SSLContext | None = None) -> Iterator[str]:
    """Serves bytes, for servers that do not speak HTTP properly."""
    loop = asyncio.new_event_loop()

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(closing, "127.0.0.1", 0, ssl=ssl))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def stop() -> None:
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # lets the connections close

    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def completion(content: str | None = "Hello.", **message: Any) -> dict[str, Any]:
    """A whole reply of Chat Completions."""
    return {
        "id": "c-1",
        "object": "chat.completion",
        "model": "served",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content} | message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def event(delta: dict[str, Any] | None = None, **chunk: Any) -> bytes:
    """One chunk of a stream as its event; without a delta it has no choice."""
    choices = [{"index": 0, "delta": delta, "finish_reason": chunk.pop("finish_reason", None)}] if delta is not None else []
    return b"data: " + json.dumps({"model": "served", "choices": choices} | chunk).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


async def event_stream(
    request: web.Request, *pieces: bytes | float, content_type: str = "text/event-stream"
) -> web.StreamResponse:
    """Sends the pieces; a number is a pause in seconds."""
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    for piece in pieces:
        if isinstance(piece, bytes):
            await response.write(piece)
        else:
            await asyncio.sleep(piece)
    return response
