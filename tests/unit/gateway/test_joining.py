"""Heads leave with what follows them; bytes and order stay."""

import asyncio
from typing import cast

from typing_extensions import override

from app.gateway.joining import JoinedWrites

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


class _Recorded(asyncio.Transport):
    """Every call that would be a system call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes] = []

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.calls.append(bytes(data))

    @override
    def close(self) -> None:
        self.calls.append(b"closed")

    # What is handed on as it is.
    is_closing = pause_reading = resume_reading = set_protocol = cast("None", lambda *_: None)  # type: ignore[assignment]


def _calls(*steps: bytes | None) -> list[bytes]:
    """Writes each step; `None` lets the loop turn."""

    async def run() -> list[bytes]:
        real = _Recorded()
        joined = JoinedWrites(real, asyncio.get_running_loop())
        for step in steps:
            if step is None:
                await asyncio.sleep(0)
            elif step == b"close":
                joined.close()
            elif step.startswith(b"reason "):
                joined.say_reason(step[7:])
            else:
                joined.write(step)
        return real.calls

    return asyncio.run(run())


def test_a_head_leaves_with_its_body() -> None:
    assert _calls(HEAD, b"{}", None, b"more") == [HEAD + b"{}", b"more"]


def test_a_head_whose_body_is_not_there_yet_leaves_alone() -> None:
    assert _calls(HEAD, None, b"{}") == [HEAD, b"{}"]


def test_an_empty_body_lets_the_head_go() -> None:
    assert _calls(HEAD, b"") == [HEAD]


def test_closing_loses_nothing() -> None:
    assert _calls(HEAD, b"close", None) == [HEAD, b"closed"]


def test_body_that_looks_like_a_head_stays_body() -> None:
    assert _calls(HEAD, b"HTTP/1.1 is old", None, b"HTTP/1.1 again", None, b"!") == [
        HEAD + b"HTTP/1.1 is old",
        b"HTTP/1.1 again",
        b"!",
    ]


def test_two_answers_in_one_turn_stay_in_order() -> None:
    assert b"".join(_calls(HEAD, b"{}", HEAD, b"[]", None)) == HEAD + b"{}" + HEAD + b"[]"


def test_a_reason_is_said_by_the_next_head_alone() -> None:
    told = HEAD.replace(b"OK", b"Fine and good")
    assert _calls(b"reason Fine and good", HEAD, b"{}", None, HEAD, b"{}") == [told + b"{}", HEAD + b"{}"]
    assert _calls(HEAD, b"reason Fine and good", HEAD, None) == [HEAD + told]
    assert _calls(b"reason ", HEAD, b"") == [HEAD.replace(b"OK", b"")]
