"""One model call while it is under way: what was asked, and what came back when."""

import time
from typing import TYPE_CHECKING

from parallel_pilot.hints import Hints

if TYPE_CHECKING:
    from parallel_pilot.outbox import Outbox

MAX_REQUEST_BYTES = 1024 * 1024
MAX_REPLY_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 200  # what noting one arrival costs beside the bytes
ROUTES = ("/chat/completions", "/completions", "/responses")


def route_of(path: str) -> str | None:
    """The mirrored route that a path ends with; `None` = it is not mirrored."""
    return next((route for route in ROUTES if path.endswith(route)), None)


class Watch:
    """Notes one call. Its methods never raise and never wait; after the first end it notes nothing more.

    Args:
        outbox: Where it goes.
        pilot: Name of the pilot.
        path: The route.
        hints: What was said about it.
        request: The request's body.
    """

    __slots__ = (
        "at_us", "began", "boot", "carries_request", "chunks", "content_encoding", "content_type", "end", "held", "hints",
        "is_refused", "is_whole", "kept", "number", "outbox", "path", "pieces", "pilot", "request", "status", "total_seconds",
    )  # fmt: skip

    def __init__(self, outbox: "Outbox", pilot: str, path: str, hints: Hints, request: bytes) -> None:
        self.outbox = outbox
        self.pilot = pilot
        self.path = path
        self.hints = hints
        self.request: bytes | None = request
        self.at_us = time.time_ns() // 1000
        self.began = time.perf_counter()
        self.boot = ""
        self.number = 0
        self.carries_request = True
        self.is_refused = False
        self.status: int | None = None
        self.content_type = self.content_encoding = ""
        self.chunks: list[tuple[float, int]] = []
        self.pieces: list[bytes] = []
        self.kept = 0
        self.held = 0
        self.is_whole = True
        self.end: str | None = None
        self.total_seconds = 0.0

    def start(self) -> None:
        """The request is handed on now: the clock starts."""
        self.began = time.perf_counter()

    def responded(self, status: int, content_type: str, content_encoding: str) -> None:
        """The response's head came."""
        self.status = status
        self.content_type = content_type[:200]
        self.content_encoding = content_encoding[:200]

    def chunk(self, data: bytes) -> None:
        """Bytes of the response's body came."""
        at = time.perf_counter() - self.began
        if self.end is not None or not self.is_whole:
            return
        try:
            self._keep(at, data)
        except Exception:  # whatever it is, the host's stream goes on
            self.give_up()

    def _keep(self, at: float, data: bytes) -> None:
        size = len(data)
        if self.kept + size > MAX_REPLY_BYTES:
            self.is_whole = False
            return
        if not self.outbox.hold(self, size + CHUNK_BYTES):
            self.give_up()
            return
        self.kept += size
        self.chunks.append((at, size))
        self.pieces.append(data)

    def finish(self, end: str) -> None:
        """The call is over: `complete`, `client_cancelled`, `connection` or `timeout`."""
        if self.end is not None:
            return
        self.total_seconds = time.perf_counter() - self.began
        self.end = end if self.is_whole or end != "complete" else "too_large"
        self.outbox.close(self)

    def give_up(self) -> None:
        """Nothing more is noted, and what was is let go: there is no room."""
        self.end = "shed"
        self.outbox.abandon(self)
        self.chunks, self.pieces, self.request = [], [], None


def end_by(error: BaseException) -> str:
    """How a call ended that an exception ended, told from outside: whoever stops waiting has cancelled it."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if not isinstance(error, Exception) or "PoolTimeout" in names:
        return "client_cancelled"
    return "timeout" if names & {"TimeoutException", "TimeoutError"} else "connection"
