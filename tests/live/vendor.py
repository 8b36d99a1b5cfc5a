"""A model server whose answer is a pure function of the request, so that each byte of a relayed reply can be checked."""

import asyncio
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

CHUNKS = 6


@dataclass
class Heard:
    """What one server was asked, written by its thread."""

    times: dict[str, float] = field(default_factory=dict)
    counts: "Counter[str]" = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)


def text_of(model: str, prompt: str) -> str:
    """What a model says to a prompt."""
    return f"{model} says {hashlib.sha256(f'{model}|{prompt}'.encode()).hexdigest()}"


def whole_body(model: str, prompt: str) -> bytes:
    """The bytes of a reply that is not streamed."""
    message = {"role": "assistant", "content": text_of(model, prompt)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": len(prompt), "completion_tokens": 12, "total_tokens": len(prompt) + 12}
    identity = "chatcmpl-" + hashlib.sha256(prompt.encode()).hexdigest()[:12]
    body = {"id": identity, "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}
    return json.dumps(body).encode()


def stream_pieces(model: str, prompt: str) -> list[bytes]:
    """The events of a streamed reply."""
    text = text_of(model, prompt)
    size = -(-len(text) // CHUNKS)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[at : at + size]} for at in range(0, len(text), size)]
    identity = "chatcmpl-" + hashlib.sha256(prompt.encode()).hexdigest()[:12]
    frame = {"id": identity, "object": "chat.completion.chunk", "created": 1, "model": model}
    events = [frame | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append(frame | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events] + [b"data: [DONE]\n\n"]


def expected_body(model: str, request: dict[str, Any]) -> bytes:
    """All bytes of the reply to a request."""
    prompt = request["messages"][-1]["content"]
    return b"".join(stream_pieces(model, prompt)) if request.get("stream") else whole_body(model, prompt)


class Vendor:
    """One model behind HTTP in a thread of its own.

    Args:
        model: Which model it is.
        seconds: How long it takes to the first byte.
        gap_seconds: Between the events of a stream.
    """

    def __init__(self, model: str, *, seconds: float = 0.01, gap_seconds: float = 0.004) -> None:
        self.model = model
        self.seconds = seconds
        self.gap_seconds = gap_seconds
        self.heard = Heard()

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        request = await http.json()
        prompt = request["messages"][-1]["content"]
        self.heard.times.setdefault(prompt, time.time())
        self.heard.counts[prompt] += 1
        self.heard.keys.add(http.headers.get("Authorization", ""))
        self.heard.headers.update(name.lower() for name in http.headers)
        await asyncio.sleep(self.seconds)
        if not request.get("stream"):
            return web.Response(body=whole_body(self.model, prompt), content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(http)
        for piece in stream_pieces(self.model, prompt):
            await response.write(piece)
            await asyncio.sleep(self.gap_seconds)
        await response.write_eof()
        return response

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self.model, "object": "model"}]})

    def application(self) -> web.Application:
        """Its routes."""
        made = web.Application(client_max_size=64 << 20)
        made.router.add_post("/v1/chat/completions", self._complete)
        made.router.add_get("/v1/models", self._models)
        return made


@contextmanager
def serving(vendor: Vendor) -> Iterator[str]:
    """Serves it; gives its base URL, with `/v1`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=vendor.model, daemon=True)
    thread.start()
    runner = web.AppRunner(vendor.application(), access_log=None, shutdown_timeout=0.2)

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
