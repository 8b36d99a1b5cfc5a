"""Reads a request's body: whole where there is room for it, else piece by piece on its way to the incumbent."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal, TypeAlias

from app.gateway.observing import Observer

Receive: TypeAlias = Callable[[], Awaitable[Any]]
Body: TypeAlias = bytes | AsyncIterator[bytes]


class ClientGone(Exception):
    """The client went away before its request was complete."""


async def read_body(receive: Receive, limit: int, observer: Observer) -> tuple[Body, Literal["too_large", "shed"] | None]:
    """The body, and why it is not mirrored.

    Args:
        receive: ASGI's.
        limit: Most bytes that are gathered; below 0 a body that is not there yet is not gathered at all.
        observer: Its bound holds for what is gathered too, so that many slow uploads do not fill the memory.

    Raises:
        ClientGone: It was not sent to its end.
    """
    data, has_more = await _piece(receive)
    size = len(data)
    pieces = [data]
    held = 0
    try:
        while has_more and size <= limit and observer.has_room(len(data)):
            observer.held += len(data)
            held += len(data)
            data, has_more = await _piece(receive)
            size += len(data)
            pieces.append(data)
    finally:
        observer.held -= held
    whole = data if len(pieces) == 1 else b"".join(pieces)
    if not has_more:
        return whole, "too_large" if size > limit >= 0 else None
    return _from_here(whole, receive), "too_large" if size > limit else "shed"


async def _from_here(begun: bytes, receive: Receive) -> AsyncIterator[bytes]:
    yield begun
    has_more = True
    while has_more:
        data, has_more = await _piece(receive)
        yield data


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message["body"], message["more_body"]
