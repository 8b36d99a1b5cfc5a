"""What the gateway itself answers: its own pages, and errors in the shape that OpenAI's clients read."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from app.gateway.upstream.client import UpstreamError
from app.gateway.watching import RoutingWatch
from app.metrics import exposition

Send = Callable[[Any], Awaitable[None]]


async def own_page(watch: RoutingWatch, publish: Callable[[], None], scope: Any, send: Send) -> None:
    """Health, metrics, or 404."""
    path = scope["raw_path"]
    if path == b"/health/live":
        await _answer(send, 200, b'{"status": "ok"}')
    elif path == b"/health/ready":
        is_ready = watch.routing is not None
        document = {"status": "ok" if is_ready else "ill", "routing": "read" if is_ready else "there is no routing file yet"}
        await _answer(send, 200 if is_ready else 503, orjson.dumps(document))
    elif path == b"/metrics":
        publish()
        # Adding up all processes takes tens of milliseconds, which no request should wait.
        text, kind = await asyncio.to_thread(exposition)
        await _answer(send, 200, text, kind.encode())
    else:
        message = "The gateway serves /v1/... for the default pilot and /p/NAME/v1/... for a pilot by its name."
        await _error(send, 404, "no_such_address", message)


async def refuse_socket(scope: Any, send: Send) -> None:
    """WebSockets are not passed on."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1003})


async def refuse_upgrade(send: Send) -> None:
    """A request for a WebSocket over HTTP/1.1."""
    await _error(send, 501, "websocket", "The gateway passes no WebSockets; use HTTP, or the vendor's address for this.")


async def no_route(watch: RoutingWatch, name: str | None, send: Send) -> None:
    """Nobody knows where the request should go."""
    if watch.routing is None:
        await _error(send, 503, "no_routing", "The gateway has no routing file yet: create a pilot (pilot create pilot.toml).")
    elif name is None:
        message = "There is no default pilot: create one, or choose one with `pilot default NAME`."
        await _error(send, 503, "no_default_pilot", message)
    else:
        message = f"There is no pilot {name!r} here: it was never created, or it is detached."
        await _error(send, 404, "unknown_pilot", message)


async def bad_path(send: Send) -> None:
    """A path that a server could read as one outside the incumbent's base path."""
    await _error(send, 400, "bad_path", "The path must not hold '.' or '..' as a segment.")


async def incumbent_failed(error: UpstreamError, send: Send, *, was_sent: bool) -> None:
    """No answer came from the incumbent."""
    code = "incumbent_broken" if was_sent else "incumbent_unreachable"
    await _error(send, 502, code, f"The incumbent did not answer the gateway: {error}")


def overhead(own_seconds: float) -> tuple[bytes, bytes]:
    """The header of an answer to a request that asked for the gateway's own time."""
    return (b"x-pilot-overhead-seconds", b"%.6f" % own_seconds)


def telling(send: Send, own_seconds: float) -> Send:
    """The same with that header on an answer of ours."""

    async def told(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"].append(overhead(own_seconds))
        await send(message)

    return told


async def _error(send: Send, status: int, code: str, message: str) -> None:
    body = orjson.dumps({"error": {"message": message, "type": "pilot_gateway_error", "param": None, "code": code}})
    await _answer(send, status, body, more=[(b"x-pilot-error", code.encode())])


async def _answer(
    send: Send, status: int, body: bytes, kind: bytes = b"application/json", more: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *(more or ())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
