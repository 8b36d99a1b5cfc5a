"""A fake judge that costs next to no processor time: whole requests in, one answer out after a second.

HTTP by hand, as much of it as our own client uses: on the same cores as the worker, a web framework would be half of what is
measured.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import uvloop
from typing_extensions import override

ANSWER_SECONDS = 1.0
WORDS = ("the", "order", "was", "refunded", "after", "the", "customer", "had", "asked", "twice", "about", "its", "delivery")


class Ledger:
    """When calls came in, and how many were under way."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.now = self.most = 0

    def begin(self) -> None:
        """A whole request is there."""
        self.began.append(time.monotonic())
        self.now += 1
        self.most = max(self.most, self.now)

    def stats(self, since: int) -> dict[str, float]:
        """Of the calls from number `since` on; sustained = between the first and the last tenth of them."""
        calls = self.began[since:]
        return {"calls": len(calls), "most": self.most, "sustained_calls_per_second": sustained(calls)}


def sustained(moments: Sequence[float]) -> float:
    """Calls a second without the beginning and the end."""
    tenth = len(moments) // 10
    if len(moments) < 2 * tenth + 2:
        return 0.0
    return (len(moments) - 2 * tenth - 1) / (moments[-tenth - 1] - moments[tenth])


class Connection(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._raw = bytearray()
        self._transport: Any = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer is there."""
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        """Answers when a request is whole."""
        self._raw += data
        head = self._raw.find(b"\r\n\r\n")
        if head < 0 or len(self._raw) < head + 4 + _length(self._raw[:head]):
            return
        line, self._raw = bytes(self._raw[: self._raw.find(b"\r\n")]), bytearray()
        if line.startswith(b"GET /stats"):
            since = line.split()[1].partition(b"?since=")[2]
            self._transport.write(_response(json.dumps(self._ledger.stats(int(since or 0))).encode()))
            return
        self._ledger.begin()
        asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._answer)

    def _answer(self) -> None:
        self._ledger.now -= 1
        self._transport.write(ANSWER)


def _length(head: bytearray) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _document() -> bytes:
    """Says that the first reply is better, at length: never a tie, so that each pair is asked about in both orders."""
    reasoning = " ".join(WORDS[(i * i) % len(WORDS)] for i in range(240))
    message = {"role": "assistant", "content": json.dumps({"reasoning": reasoning, "preference": "first"})}
    document = {
        "id": "c-1", "object": "chat.completion", "created": 0, "model": "judge-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 300, "total_tokens": 1200},
    }  # fmt: skip
    return json.dumps(document).encode()


ANSWER = _response(_document())


async def _serve() -> None:
    ledger, loop = Ledger(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(ledger), "127.0.0.1", 0, backlog=8192)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def serve() -> None:
    """Says its port and answers until it is ended."""
    uvloop.run(_serve())
