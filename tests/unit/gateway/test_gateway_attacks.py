"""Requests that two parsers could read in two ways are refused, or sent on with one framing of our own."""

from pathlib import Path

import pytest

from tests.unit.gateway.front import front, parts
from tests.unit.gateway.upstream_servers import answering, run, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\n"
SMUGGLED = b"GET /v1/admin HTTP/1.1\r\nHost: g\r\n\r\n"

REFUSED = {
    "both framings": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "both framings the other way round": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + SMUGGLED,
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "a length in hexadecimal": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "an endless length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "a coding that ends in no chunks": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 2\r\n\r\n{}",
    "a space in a name": POST + b"X Y: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a NUL in a value": POST + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "a bare return in a value": POST + b"X: a\rContent-Length: 40\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "a folded header": POST + b"X: a\r\n Content-Length: 40\r\nContent-Length: 2\r\n\r\n{}",
    "a chunk's size that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a signed chunk's size": POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "an endless chunk's size": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than its size": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "no version": b"POST /v1/chat/completions\r\nHost: g\r\n\r\n",
    "another version": b"POST /v1/chat/completions HTTP/9.9\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}",
    "a space in the target": b"POST /v1/chat/completions x HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}",
    "a return in the target": b"POST /v1/chat\r/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}",
    "bare line feeds": b"POST /v1/chat/completions HTTP/1.1\nHost: g\nContent-Length: 2\n\n{}",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_an_ambiguous_request_never_reaches_the_incumbent(tmp_path: Path, raw: bytes) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            answer = await gateway.talk(raw)
            assert answer == b"" or parts(answer)[0] == 400
            whole = [head for head, body in incumbent.requests if b"\r\nTransfer-Encoding: chunked\r\n" not in head or body]
            assert whole == []

    run(story())


REFRAMED = {
    "chunk extensions and trailers": (
        b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nX-Trailer: smuggled\r\n\r\n", b"Content-Length: 2"
    ),
    "a second request behind the first": (b"Content-Length: 2\r\n\r\n{}" + SMUGGLED, b"Content-Length: 2"),
    "framing named in Connection": (b"Connection: content-length, close\r\nContent-Length: 2\r\n\r\n{}", b"Content-Length: 2"),
}  # fmt: skip


@pytest.mark.parametrize(("rest", "framing"), REFRAMED.values(), ids=REFRAMED.keys())
def test_what_is_sent_on_has_one_framing_of_our_own(tmp_path: Path, rest: bytes, framing: bytes) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            answer = await gateway.talk(POST + rest)
            assert parts(answer)[0] == 200
            head, body = incumbent.requests[0]
            assert body == b"{}"
            assert head.lower().count(b"content-length") + head.lower().count(b"transfer-encoding") == 1
            assert framing in head
            assert b"smuggled" not in head

    run(story())


@pytest.mark.parametrize("whole", [True, False])
def test_a_head_above_the_bound_is_refused(tmp_path: Path, whole: bool) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url, gateway_head_bytes=8192) as gateway:
            long = POST + b"X: " + b"a" * 20_000 + (b"\r\nContent-Length: 2\r\n\r\n{}" if whole else b"")
            assert parts(await gateway.talk(long))[0] == 431
            many = POST + b"".join(b"X-%d: a\r\n" % number for number in range(2000)) + b"Content-Length: 2\r\n\r\n{}"
            assert parts(await gateway.talk(many))[0] == 431
            assert incumbent.requests == []

    run(story())


def test_a_header_that_would_split_the_answer_never_reaches_the_client(tmp_path: Path) -> None:
    split = b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: stolen=1\r\nContent-Length: 2\r\n\r\n{}"

    async def story() -> None:
        async with serving(answering(split)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            answer = await gateway.ask()
            assert parts(answer)[0] == 502
            assert b"stolen" not in answer

    run(story())
