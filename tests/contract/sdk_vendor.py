"""A vendor that follows the script named by a request's `user`, and remembers what it was sent."""

import asyncio
import contextlib
import gzip
import hashlib
import json
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from app.domain.exchange import Json
from app.simulator.assistant import INCUMBENT
from app.simulator.completions import Answer, Refusal
from app.simulator.models import SimulatedModel
from app.simulator.wire import ROUTES, Route

# What a proxy may add, change or leave out; all else is the client's.
HOPS = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"})
ERRORS = {
    400: ("invalid_request_error", "Invalid value for 'temperature'", "temperature"),
    401: ("invalid_request_error", "Incorrect API key provided", None),
    404: ("invalid_request_error", "The model does not exist", "model"),
    422: ("invalid_request_error", "Unprocessable", None),
    429: ("rate_limit_error", "Rate limit reached", None),
    500: ("server_error", "The server had an error", None),
    503: ("server_error", "Overloaded", None),
}
GAP_SECONDS = 0.002
MIRRORED_BYTES = 1024 * 1024


@dataclass
class Heard:
    """What the vendor was sent and saw, written by its thread."""

    requests: list[Json] = field(default_factory=list)
    cut_at: dict[str, float] = field(default_factory=dict)
    counts: "Counter[str]" = field(default_factory=Counter)


class ScriptedVendor:
    """Serves the simulated incumbent's replies with a vendor's headers."""

    def __init__(self) -> None:
        self.heard = Heard()
        self._model = SimulatedModel(INCUMBENT, "sim", reasoning_words=4)

    def application(self) -> web.Application:
        """Its routes."""
        made = web.Application(client_max_size=64 << 20)
        for route in ROUTES:
            made.router.add_post(f"/v1{route.path}", self._handler(route))
        made.router.add_get("/v1/models", self._models)
        made.router.add_post("/v1/embeddings", self._embed)
        made.on_response_prepare.append(self._sign)
        return made

    def _handler(self, route: Route) -> Any:
        async def handle(http: web.Request) -> web.StreamResponse:
            request = self._listen(http, await http.read())
            script, _, argument = request.get("user", "").partition("-")
            status = int(argument) if script in ("status", "once") else 0
            if script == "status" or (script == "once" and self.heard.counts[request["user"]] == 1):
                return _refusal(status)
            if script in ("endless", "hang"):
                return await self._until_cut(http, request)
            answer = self._model.answer(route.to_chat(request))
            assert not isinstance(answer, Refusal), answer
            if script == "large":
                answer = Answer("Gruß " * 800_000, "sim")
            if request.get("stream"):
                return await _stream(http, script, [data for _, data in route.events(answer, request)])
            return _whole(script, json.dumps(route.whole(answer, request)).encode())

        return handle

    def _listen(self, http: web.Request, body: bytes) -> Json:
        request: Json = json.loads(body)
        self.heard.counts[request.get("user", "")] += 1
        headers = sorted([name.lower(), value] for name, value in http.headers.items() if name.lower() not in HOPS)
        sha = hashlib.sha256(body).hexdigest()
        self.heard.requests.append(
            {
                "user": request.get("user"),
                "path": http.path_qs,
                "headers": headers,
                "body": sha,
                "is_mirrored": _is_mirrored(http, body),
            }
        )
        return request

    async def _until_cut(self, http: web.Request, request: Json) -> web.StreamResponse:
        """Streams, or says nothing at all, until the client is gone."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            if request.get("stream"):
                await response.prepare(http)
            while True:
                if request.get("stream"):
                    choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
                    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "sim", "choices": [choice]}
                    await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
                await asyncio.sleep(0.01)
        finally:
            self.heard.cut_at[request["user"]] = time.time()

    async def _models(self, http: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "sim", "object": "model", "created": 1, "owned_by": "v"}]})

    async def _embed(self, http: web.Request) -> web.Response:
        self._listen(http, await http.read())
        vector = {"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}
        return web.json_response(
            {"object": "list", "data": [vector], "model": "sim", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        )

    async def _sign(self, http: web.Request, response: web.StreamResponse) -> None:
        response.headers["x-request-id"] = "req_0123456789"
        response.headers["openai-processing-ms"] = "17"
        response.headers["openai-version"] = "2020-10-01"
        response.headers["X-RateLimit-Remaining-Requests"] = "99"
        for value in ("a=1; Path=/; HttpOnly", "b=2; Path=/; SameSite=None"):
            response.headers.add("Set-Cookie", value)
        for value in ("first", "second, third"):
            response.headers.add("x-twice", value)


def _is_mirrored(http: web.Request, body: bytes) -> bool:
    """What is copied of what the vendor is sent: three routes, and no longer body than the bound."""
    return http.path in {f"/v1{route.path}" for route in ROUTES} and len(body) <= MIRRORED_BYTES


def _refusal(status: int) -> web.Response:
    kind, message, param = ERRORS[status]
    error = {"message": message, "type": kind, "param": param, "code": None}
    headers = {"Retry-After": "0.3"} if status in (429, 503) else {}
    return web.json_response({"error": error}, status=status, headers=headers)


def _whole(script: str, body: bytes) -> web.Response:
    if script != "gzip":
        return web.Response(body=body, content_type="application/json")
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return web.Response(body=gzip.compress(body, mtime=0), headers=headers)


async def _stream(http: web.Request, script: str, events: list[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    packer = zlib.compressobj(wbits=31) if script == "gzip" else None
    if packer is not None:
        response.headers["Content-Encoding"] = "gzip"
    if script == "error":
        events = [*events[:2], b'data: {"error": {"message": "Overloaded", "type": "server_error", "code": null}}\n\n']
    await response.prepare(http)
    for event in events:
        await response.write(event if packer is None else packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH))
        await asyncio.sleep(GAP_SECONDS)
    if packer is not None:
        await response.write(packer.flush())
    await response.write_eof()
    return response


@contextlib.contextmanager
def serving(application: web.Application) -> Iterator[str]:
    """Serves it in a thread of its own; gives its address without a path."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
