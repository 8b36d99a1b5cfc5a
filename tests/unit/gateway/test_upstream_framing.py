"""Answers that are no HTTP/1.1, or that want to be two: refused, and never carried over to the next request."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gateway.upstream.client import Upstream, UpstreamBroken, UpstreamLimits
from tests.unit.gateway.upstream_servers import LOOPS, Peer, answering, ask, reply, run, serving, upstream, whole

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

NOT_HTTP = {
    "length and chunked": OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "chunked and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a list of lengths": OK + b"Content-Length: 1, 2\r\n\r\nab",
    "a signed length": OK + b"Content-Length: +1\r\n\r\na",
    "a length with a space before its colon": OK + b"Content-Length : 1\r\n\r\na",
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding that hides": OK + b"Transfer-Encoding: xchunked\r\n\r\nabc",
    "identity": OK + b"Transfer-Encoding: identity\r\n\r\nabc",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 1\n\na",
    "a line feed in a value": OK + b"X-A: 1\nSet-Cookie: b\r\nContent-Length: 1\r\n\r\na",
    "a carriage return in a value": OK + b"X-A: 1\rSet-Cookie: b\r\nContent-Length: 1\r\n\r\na",
    "a NUL in a value": OK + b"X-A: 1\x002\r\nContent-Length: 1\r\n\r\na",
    "a folded value": OK + b"X-A: 1\r\n 2\r\nContent-Length: 1\r\n\r\na",
    "a header without a name": OK + b": 1\r\nContent-Length: 1\r\n\r\na",
    "no status line": b"hello\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 What\r\nContent-Length: 1\r\n\r\na",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x28",
}  # fmt: skip

BROKEN_BODIES = {
    "no number": b"zz\r\na\r\n0\r\n\r\n",
    "a negative number": b"-1\r\na\r\n0\r\n\r\n",
    "0x": b"0x1\r\na\r\n0\r\n\r\n",
    "a number beyond 64 bits": b"fffffffffffffffff\r\na\r\n0\r\n\r\n",
    "longer than it says": b"1\r\nab\r\n0\r\n\r\n",
    "a bare line feed": b"1\na\n0\n\n",
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("answer", NOT_HTTP.values(), ids=NOT_HTTP)
def test_an_invalid_head_is_no_answer(answer: bytes, loop: str) -> None:
    async def test() -> None:
        async with serving(answering(answer, reply(b"next"))) as incumbent, upstream() as client:
            with pytest.raises(UpstreamBroken) as caught:
                await ask(client, incumbent.url)
            assert caught.value.reason == "invalid_response"
            assert await whole(await ask(client, incumbent.url)) == b"next"
            assert (incumbent.connections, len(incumbent.requests)) == (2, 2)

    run(test(), loop)


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_an_invalid_chunk_breaks_the_body(body: bytes) -> None:
    async def test() -> None:
        async with serving(answering(CHUNKED + b"2\r\nok\r\n" + body, reply(b"next"))) as incumbent, upstream() as client:
            response = await ask(client, incumbent.url)
            assert (await response.read()).startswith(b"ok")
            with pytest.raises(UpstreamBroken):
                await whole(response)
            assert await whole(await ask(client, incumbent.url)) == b"next"
            assert incumbent.connections == 2

    run(test())


@pytest.mark.parametrize("tail", [b"x", reply(b"planted"), b"HTTP/1.1 200 OK\r\n", b"\x00" * 1000])
@pytest.mark.parametrize("answer", [reply(b"good"), CHUNKED + b"4\r\ngood\r\n0\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n"])
def test_bytes_after_the_end_cost_the_connection_and_reach_nobody(answer: bytes, tail: bytes) -> None:
    async def test() -> None:
        async with serving(answering(answer + tail, reply(b"next"))) as incumbent, upstream() as client:
            assert await whole(await ask(client, incumbent.url)) in (b"good", b"")
            assert await whole(await ask(client, incumbent.url)) == b"next"
            assert incumbent.connections == 2

    run(test())


def test_an_answer_to_a_request_that_was_not_sent_yet_reaches_nobody() -> None:
    async def conversation(peer: Peer) -> None:
        first = peer.requests == []
        await peer.request()
        await peer.say(reply(b"good" if first else b"next"))
        if first:
            await asyncio.sleep(0.01)
            await peer.say(reply(b"planted"))
        await peer.gone()

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            assert await whole(await ask(client, incumbent.url)) == b"good"
            await asyncio.sleep(0.05)
            assert await whole(await ask(client, incumbent.url)) == b"next"
            assert incumbent.connections == 2

    run(test())


def test_trailers_and_chunk_extensions_are_dropped() -> None:
    answer = CHUNKED + b"2;name=value\r\nok\r\n0\r\nX-Trailer: 1\r\nSet-Cookie: a\r\n\r\n"

    async def test() -> None:
        async with serving(answering(answer)) as incumbent, upstream() as client:
            response = await ask(client, incumbent.url)
            assert await whole(response) == b"ok"
            assert response.headers == [(b"Transfer-Encoding", b"chunked")]
            await whole(await ask(client, incumbent.url))
            assert incumbent.connections == 1

    run(test())


ENDLESS = {
    "a status line": b"HTTP/1.1 200 " + b"O" * 1000,
    "a header": OK + b"X-A: " + b"a" * 1000,
    "headers": OK + b"X-A: 1\r\n" * 100,
    "informational answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    "a chunk extension": CHUNKED + b"1;" + b"x" * 1000,
    "trailers": CHUNKED + b"0\r\n" + b"X-A: 1\r\n" * 100,
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("start", ENDLESS.values(), ids=ENDLESS)
def test_what_brings_no_body_is_bounded(start: bytes, loop: str) -> None:
    repeated = start[-500:] if b"X-A: a" in start or b"OOO" in start or b"xxx" in start else b"X-A: 1\r\n" * 100
    if b"100 Continue" in start:
        repeated = start
    sent = 0

    async def conversation(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(start)
        while sent < 1 << 20:
            await peer.say(repeated)
            sent += len(repeated)
            await asyncio.sleep(0.0005)

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            with pytest.raises(UpstreamBroken) as caught:
                await whole(await ask(client, incumbent.url))
            assert caught.value.reason == "head_too_large"
            assert sent < 1 << 19

    run(test(), loop)


@pytest.mark.parametrize("size", [8000, 8200])
def test_the_head_limit_counts_also_where_all_came_at_once(size: int) -> None:
    async def test() -> None:
        async with (
            serving(answering(reply(b"ok", headers=b"X-A: " + b"a" * size + b"\r\n"))) as incumbent,
            upstream() as client,
        ):
            if size < 8192:
                assert await whole(await ask(client, incumbent.url)) == b"ok"
            else:
                with pytest.raises(UpstreamBroken):
                    await ask(client, incumbent.url)

    run(test())


def test_a_long_body_in_tiny_chunks_is_no_head() -> None:
    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED)
        for _ in range(400):
            await peer.say(b"1;" + b"x" * 100 + b"\r\na\r\n")
            await asyncio.sleep(0)
        await peer.say(b"0\r\n\r\n")

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            assert await whole(await ask(client, incumbent.url)) == b"a" * 400

    run(test())


@pytest.mark.parametrize("status", ["101 Switching Protocols", "101 Web Socket"])
def test_another_protocol_is_refused(status: str) -> None:
    async def test() -> None:
        answer = f"HTTP/1.1 {status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello".encode("latin-1")
        async with serving(answering(answer)) as incumbent, upstream() as client:
            with pytest.raises(UpstreamBroken) as caught:
                await ask(client, incumbent.url)
            assert caught.value.reason == "upgrade"

    run(test())


CUT = {
    "nothing": b"",
    "a piece of a head": b"HTTP/1.1 200 OK\r\nContent-",
    "half a body": OK + b"Content-Length: 10\r\n\r\nhalf",
    "half a chunk": CHUNKED + b"a\r\nhalf",
    "chunks without an end": CHUNKED + b"4\r\nhalf\r\n",
}


async def _collect(client: Upstream, url: str, got: list[bytes]) -> None:
    response = await ask(client, url)
    while piece := await response.read():
        got.append(piece)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("is_reset", [False, True])
@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
def test_an_answer_that_is_cut_is_broken_after_what_came(answer: bytes, is_reset: bool, loop: str) -> None:
    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.say(answer)
        await asyncio.sleep(0.01)
        if is_reset:
            peer.writer.transport.abort()

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            got: list[bytes] = []
            with pytest.raises(UpstreamBroken) as caught:
                await _collect(client, incumbent.url, got)
            assert caught.value.reason == "closed"
            assert b"".join(got) == (b"half" if b"half" in answer else b"")
            assert len(incumbent.requests) == 1

    run(test(), loop)


def test_a_reset_is_no_end_of_a_body_that_ends_with_the_connection() -> None:
    async def conversation(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(OK + b"\r\nhalf")
        await asyncio.sleep(0.02)
        # Unread bytes of the request make the kernel send a reset.
        peer.writer.transport.abort()

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            response = await ask(client, incumbent.url, body=b"x" * 500_000)
            assert await response.read() == b"half"
            with pytest.raises(UpstreamBroken):
                await response.read()

    run(test())


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("POST", b"/a", [(b"x-a", b"1\r\nX-B: 2")]),
        ("POST", b"/a", [(b"x-a", b"1\nX-B: 2")]),
        ("POST", b"/a", [(b"x-a", b"1\r")]),
        ("POST", b"/a", [(b"x-a", b"1\x00")]),
        ("POST", b"/a", [(b"x-a\r\nx-b", b"1")]),
        ("POST", b"/a HTTP/1.1\r\nX-B: 2\r\n\r\n", []),
        ("POST", b"/a b", []),
        ("POST /b HTTP/1.1\r\n\r\nGET", b"/a", []),
        ("POST /b", b"/a", []),
    ],
)
def test_a_request_that_would_be_two_is_never_sent(method: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    async def test() -> None:
        async with serving(answering(reply())) as incumbent, upstream() as client:
            with pytest.raises(ValueError, match="line break"):
                await ask(client, incumbent.url, method, target=target, headers=headers)
            assert incumbent.connections == 0

    run(test())


def _framed(kind: str, body: bytes, sizes: list[int]) -> bytes:
    if kind == "length":
        return OK + b"Content-Length: %d\r\n\r\n" % len(body) + body
    if kind == "close":
        return OK + b"Connection: close\r\n\r\n" + body
    out, at = CHUNKED, 0
    for size in [*sizes, len(body)]:
        piece = body[at : at + size]
        at += size
        out += b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
    return out + b"0\r\n\r\n"


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["length", "chunked", "close"]),
    body=st.binary(max_size=3000),
    sizes=st.lists(st.integers(1, 400), max_size=8),
    cuts=st.lists(st.integers(0, 4000), max_size=8),
    loop=st.sampled_from(LOOPS),
)
def test_any_body_under_any_chunking_comes_out_equal(
    kind: str, body: bytes, sizes: list[int], cuts: list[int], loop: str
) -> None:
    data = _framed(kind, body, sizes)
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]

    async def conversation(peer: Peer) -> None:
        while await peer.request():
            for start, end in pairwise(edges):
                await peer.say(data[start:end])
                await asyncio.sleep(0)
            if kind == "close":
                return

    async def test() -> None:
        limits = UpstreamLimits(head_bytes=8192, connect_seconds=5.0, buffered_bytes=512)
        async with serving(conversation) as incumbent, upstream(limits) as client:
            for _ in range(2):
                response = await ask(client, incumbent.url)
                assert await whole(response) == body
                assert response.is_complete
            assert incumbent.connections == (2 if kind == "close" else 1)

    run(test(), loop)
