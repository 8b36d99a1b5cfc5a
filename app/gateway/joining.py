"""The head of an answer and what follows it leave in one system call."""

import asyncio
from collections.abc import Callable
from typing import Any

_HEAD = b"HTTP/1."
_LINE = b"HTTP/1.1 200"
_WORTH_COPYING_BYTES = 32 * 1024


class JoinedWrites:
    """A transport that keeps a head until the next write, at most for a turn of the loop.

    Body that begins as a head does is kept as shortly: order and bytes are the same, only the calls are fewer.
    """

    __slots__ = (
        "_held", "_loop", "_reason", "_write",
        "get_extra_info", "is_closing", "pause_reading", "real", "resume_reading", "set_protocol",
    )  # fmt: skip

    def __init__(self, real: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.real = real
        self._loop = loop
        self._held = b""
        self._reason: bytes | None = None
        self._write: Callable[[bytes], None] = real.write
        self.is_closing: Callable[[], bool] = real.is_closing
        self.get_extra_info: Callable[..., Any] = real.get_extra_info
        self.pause_reading: Callable[[], None] = real.pause_reading
        self.resume_reading: Callable[[], None] = real.resume_reading
        self.set_protocol: Callable[[asyncio.BaseProtocol], None] = real.set_protocol

    def write(self, data: bytes) -> None:
        """As the transport's, but for a head."""
        if self._reason is not None:
            data, self._reason = _with_reason(data, self._reason), None
        held = self._held
        if held:
            self._held = b""
            if len(data) <= _WORTH_COPYING_BYTES:
                self._write(held + data)
            else:
                self._write(held)
                self._write(data)
        elif data.startswith(_HEAD):
            self._held = data
            self._loop.call_soon(self._flush)
        else:
            self._write(data)

    def say_reason(self, reason: bytes) -> None:
        """The next head says it; uvicorn knows but the standard ones."""
        self._reason = reason

    def close(self) -> None:
        """What is kept leaves first."""
        self._flush()
        self.real.close()

    def lose(self) -> None:
        """Nobody is there any more: what is still written goes nowhere."""
        self._held = b""
        self._write = _nowhere

    def _flush(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._write(held)


def _nowhere(_data: bytes) -> None:
    return


def _with_reason(head: bytes, reason: bytes) -> bytes:
    line, _, rest = head.partition(b"\r\n")
    return b"%b %b\r\n%b" % (line[: len(_LINE)], reason, rest)
