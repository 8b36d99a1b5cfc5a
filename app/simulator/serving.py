"""Simulated models behind real HTTP: one server, several roles, each under its own path."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from aiohttp import web

from app.domain.exchange import Json
from app.simulator.capacity import Slots
from app.simulator.completions import Answer, Refusal
from app.simulator.faults import GARBAGE, REFUSALS, Fault, Faults
from app.simulator.server_figures import Ageing, ServerFigures, metrics_page
from app.simulator.wire import ROUTES, Events, Route

MAX_REQUEST_BYTES = 64 * 1024 * 1024
HUGE_BYTES = 64 * 1024 * 1024
HANG_SECONDS = 24 * 3600.0
SHUTDOWN_SECONDS = 0.2


class Role(Protocol):
    """A simulated model: a pure function from a request to an answer, with a name."""

    @property
    def model(self) -> str:
        """The id that `/v1/models` lists."""

    def answer(self, request: Json) -> Answer | Refusal:
        """What it says to a request."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a server answers; 0 tokens per second = at once."""

    seconds_to_first: float = 0.0
    tokens_per_second: float = 0.0
    slow_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A role, how fast it is, what goes wrong, and which parameters it refuses, as servers of its kind do.

    With `slots` it has a known capacity, and their time takes the place of `speed` and of the role's own times.
    """

    role: Role
    speed: Speed = Speed()
    faults: Faults = field(default_factory=Faults)
    refuses: tuple[str, ...] = ()
    slots: Slots | None = None
    ageing: Ageing = field(default_factory=Ageing)
    varies: float = 0.0


def make_application(endpoints: Mapping[str, Endpoint]) -> web.Application:
    """The server: each role at `/NAME/v1/...`, the first one at `/v1/...` too.

    Args:
        endpoints: Roles by the name in their path.
    """
    application = web.Application(client_max_size=MAX_REQUEST_BYTES)
    application.router.add_get("/health", _health)
    served_by = {name: _Served(endpoint) for name, endpoint in endpoints.items()}
    figures = [served.figures for served in served_by.values()]

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics_page(figures), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    application.router.add_get("/metrics", metrics)
    first = next(iter(served_by.values()))
    for prefix, served in [("", first), *((f"/{name}", served) for name, served in served_by.items())]:
        for route in ROUTES:
            application.router.add_post(f"{prefix}/v1{route.path}", partial(served.complete, route))
        application.router.add_get(f"{prefix}/v1/models", served.models)
    return application


@contextlib.contextmanager
def serve(endpoints: Mapping[str, Endpoint] | Endpoint, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serves in a thread with a loop of its own; gives the server's address without a path."""
    application = make_application({"model": endpoints} if isinstance(endpoints, Endpoint) else endpoints)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    try:
        yield asyncio.run_coroutine_threadsafe(start(runner, host, port), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def start(runner: web.AppRunner, host: str, port: int) -> str:
    """Binds the server; its address, with the port that the system chose for 0."""
    await runner.setup()
    await web.TCPSite(runner, host, port, backlog=1024).start()
    address = runner.addresses[0]
    return f"http://{host}:{address[1]}"


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


class _Served:
    """The routes of one role."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        slots = endpoint.slots.number if endpoint.slots is not None else 0
        self.figures = ServerFigures(endpoint.role.model, endpoint.ageing, endpoint.varies, slots)

    async def models(self, _: web.Request) -> web.Response:
        model = {"id": self._endpoint.role.model, "object": "model", "created": 0, "owned_by": "simulator"}
        return web.json_response({"object": "list", "data": [model]})

    async def complete(self, route: Route, http: web.Request) -> web.StreamResponse:
        """One call, counted."""
        with self.figures.call():
            return await self._complete(route, http)

    async def _complete(self, route: Route, http: web.Request) -> web.StreamResponse:
        request = _parsed(await http.read(), route)
        if isinstance(request, Refusal):
            return _refusal_response(request)
        refused = _refused_parameter(request, self._endpoint.refuses)
        fault = self._endpoint.faults.next(request)
        failed = refused or REFUSALS.get(fault)
        if failed is not None:
            return _refusal_response(failed)
        answer = self._endpoint.role.answer(route.to_chat(request))
        if isinstance(answer, Refusal):
            return _refusal_response(answer)
        if self.figures.delay_seconds:
            await asyncio.sleep(self.figures.delay_seconds)
        distorted = _distorted(self.figures.answered(answer), fault)
        if self._endpoint.slots is not None:
            return await _send_in_turn(http, route, request, distorted, self._endpoint.slots)
        return await self._send(http, route, request, distorted, fault)

    async def _send(self, http: web.Request, route: Route, request: Json, answer: Answer, fault: Fault) -> web.StreamResponse:
        speed = self._endpoint.speed
        first = speed.seconds_to_first if answer.seconds_to_first is None else answer.seconds_to_first
        rate = answer.tokens_per_second or speed.tokens_per_second
        await asyncio.sleep({Fault.HANG: HANG_SECONDS, Fault.SLOW: speed.slow_seconds}.get(fault, 0) + first)
        self.figures.first_token(first)
        pace = _Pace(rate, lambda: route.events(answer, request))
        if request.get("stream"):
            return await _stream(http, pace, fault)
        return await _whole(http, pace, route.whole(answer, request), fault)


async def _send_in_turn(http: web.Request, route: Route, request: Json, answer: Answer, slots: Slots) -> web.StreamResponse:
    """Sends an answer when its slot's time is over; of a stream the first words at their own moment."""
    async with slots.turn() as turn:
        if not request.get("stream"):
            await turn.last()
            return web.json_response(route.whole(answer, request))
        events = list(route.events(answer, request))
        begins = next((place for place, (tokens, _) in enumerate(events, 1) if tokens), len(events))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        with contextlib.suppress(ConnectionResetError):  # the client has just gone: its slot is given back all the same
            await turn.first()
            await response.prepare(http)
            await response.write(b"".join(data for _, data in events[:begins]))
            await turn.last()
            await response.write(b"".join(data for _, data in events[begins:]))
            await response.write_eof()
        return response


class _Pace:
    """An answer's events at a model's speed."""

    def __init__(self, tokens_per_second: float, events: Callable[[], Events]) -> None:
        self._events = events
        self._seconds_per_token = 1 / tokens_per_second if tokens_per_second else 0.0

    async def whole(self) -> None:
        """Waits as long as all tokens take."""
        if self._seconds_per_token:
            await asyncio.sleep(self._seconds_per_token * sum(tokens for tokens, _ in self._events()))

    async def pieces(self) -> AsyncIterator[bytes]:
        """The events, each when it is due; without a speed, all in one piece."""
        events = self._events()
        if not self._seconds_per_token:
            yield b"".join(data for _, data in events)
            return
        for tokens, data in events:
            if tokens:
                await asyncio.sleep(self._seconds_per_token * tokens)
            yield data


async def _stream(http: web.Request, pace: _Pace, fault: Fault) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(http)
    if fault is Fault.GARBAGE:
        await response.write(b"data: " + GARBAGE + b"\n\n")
        await response.write_eof()
        return response
    async for data in pace.pieces():
        if fault is Fault.DROP:
            await response.write(data[: len(data) // 2])
            _cut(http)
            return response
        await response.write(data)
    await response.write_eof()
    return response


async def _whole(http: web.Request, pace: _Pace, document: Json, fault: Fault) -> web.StreamResponse:
    await pace.whole()
    body = GARBAGE if fault is Fault.GARBAGE else json.dumps(document).encode()
    if fault is not Fault.DROP:
        return web.Response(body=body, content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await response.prepare(http)
    await response.write(body[: len(body) // 2])
    _cut(http)
    return response


def _cut(http: web.Request) -> None:
    if http.transport is not None:
        http.transport.abort()


def _distorted(answer: Answer, fault: Fault) -> Answer:
    if fault is Fault.EMPTY:
        return replace(answer, content="", tool_calls=())
    return replace(answer, content="word " * (HUGE_BYTES // 5)) if fault is Fault.HUGE else answer


def _parsed(body: bytes, route: Route) -> Json | Refusal:
    try:
        request = json.loads(body)
    except ValueError:
        return Refusal(400, "We could not parse the JSON body of your request.")
    if not isinstance(request, dict) or not isinstance(request.get("model"), str):
        return Refusal(400, "you must provide a model parameter", param="model")
    return route.refusal(request) or request


def _refused_parameter(request: Json, refuses: tuple[str, ...]) -> Refusal | None:
    """What servers say to a parameter that they do not know; `response_format.json_schema` names one value of one."""
    for name in refuses:
        parameter, _, kind = name.partition(".")
        value = request.get(parameter)
        if value is None or (kind and (not isinstance(value, dict) or value.get("type") != kind)):
            continue
        message = f"Unsupported parameter: '{parameter}' is not supported with this model."
        return Refusal(400, message, code="unsupported_parameter", param=parameter)
    return None


def _refusal_response(refusal: Refusal) -> web.Response:
    return web.Response(
        status=refusal.status, body=refusal.body(), content_type="application/json", headers=refusal.headers or None
    )
