"""What the client sends and what it hands back."""

import asyncio
from collections.abc import AsyncIterator
from time import perf_counter

import pytest

from app.gateway.upstream.client import UpstreamBroken, UpstreamLimits, UpstreamUnreachable
from tests.unit.gateway.upstream_servers import LOOPS, Peer, answering, ask, reply, run, serving, upstream, whole


@pytest.mark.parametrize("loop", LOOPS)
def test_a_request_leaves_as_it_came_with_nothing_added(loop: str) -> None:
    async def test() -> None:
        async with serving(answering(reply())) as incumbent, upstream() as client:
            headers = [(b"x-b", b"2"), (b"authorization", b"Bearer k"), (b"x-a", b"1"), (b"x-b", b"\xe4;, 3")]
            response = await ask(client, incumbent.url, target=b"/chat%20x/?a=b&c=%2F", headers=headers, body=b'{"a": 1}')
            assert await whole(response) == b"{}"
            assert incumbent.requests == [
                (
                    b"POST /v1/chat%%20x/?a=b&c=%%2F HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nx-b: 2\r\nauthorization: Bearer k\r\n"
                    b"x-a: 1\r\nx-b: \xe4;, 3\r\nContent-Length: 8\r\n\r\n" % incumbent.port,
                    b'{"a": 1}',
                )
            ]

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_comes_as_it_was_sent(loop: str) -> None:
    answer = (
        b"HTTP/1.1 429 Slow  down!\r\nX-B: 2\r\nRetry-After: 7\r\nx-b:\r\nX-A: \xe4 1\r\nContent-Length: 4\r\n\r\n\x00\xff\r\n"
    )

    async def test() -> None:
        async with serving(answering(answer)) as incumbent, upstream() as client:
            response = await ask(client, incumbent.url)
            assert (response.status, response.reason) == (429, b"Slow  down!")
            expected = [(b"X-B", b"2"), (b"Retry-After", b"7"), (b"x-b", b""), (b"X-A", b"\xe4 1"), (b"Content-Length", b"4")]
            assert response.headers == expected
            assert await whole(response) == b"\x00\xff\r\n"
            assert response.is_complete

    run(test(), loop)


def test_our_own_headers_cannot_be_doubled() -> None:
    async def test() -> None:
        async with serving(answering(reply())) as incumbent, upstream() as client:
            planted = [
                (b"Content-Length", b"0"),
                (b"HOST", b"evil"),
                (b"Transfer-Encoding", b"chunked"),
                (b"connection", b"close"),
            ]
            await whole(await ask(client, incumbent.url, headers=planted, body=b"12345"))
            head = incumbent.requests[0][0].lower()
            assert (head.count(b"content-length"), head.count(b"host")) == (1, 1)
            assert b"transfer-encoding" not in head
            assert b"connection:" not in head

    run(test())


def test_no_body_is_no_length_and_an_empty_body_is_length_zero() -> None:
    async def test() -> None:
        async with serving(answering(reply())) as incumbent, upstream() as client:
            await whole(await ask(client, incumbent.url, "GET", b"", content_length=None))
            await whole(await ask(client, incumbent.url, "POST", b"", content_length=0))
            heads = [head for head, _ in incumbent.requests]
            assert b"content-length" not in heads[0].lower()
            assert b"\r\nContent-Length: 0\r\n" in heads[1]

    run(test())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("length", [None, 300_000])
def test_a_body_in_pieces_is_chunked_unless_its_length_is_known(loop: str, length: int | None) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 100_000
            yield b""

    async def test() -> None:
        async with serving(answering(reply())) as incumbent, upstream() as client:
            response = await ask(client, incumbent.url, body=pieces(), content_length=length)
            assert await whole(response) == b"{}"
            head, body = incumbent.requests[0]
            assert body == b"x" * 300_000
            assert (b"chunked" in head) == (length is None)
            await whole(await ask(client, incumbent.url))
            assert incumbent.connections == 1

    run(test(), loop)


@pytest.mark.parametrize("length", [5, 15])
def test_a_body_of_another_length_than_announced_breaks_the_connection(length: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 10

    async def test() -> None:
        async with serving(answering(reply())) as incumbent, upstream() as client:
            with pytest.raises(ValueError, match="content-length"):
                await ask(client, incumbent.url, body=pieces(), content_length=length)
            await asyncio.sleep(0.02)
            assert [body for _, body in incumbent.requests] == [b""]

    run(test())


def test_what_the_bodys_source_raises_is_raised_and_the_incumbent_sees_the_end() -> None:
    class ClientLeft(Exception):
        pass

    gone = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.gone()
        gone.set()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"
        raise ClientLeft

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            with pytest.raises(ClientLeft):
                await ask(client, incumbent.url, body=pieces())
            await asyncio.wait_for(gone.wait(), 5)

    run(test())


def test_an_answer_before_the_upload_ends_is_handed_on_and_the_connection_given_up() -> None:
    async def conversation(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(reply(b"too much", "413 Content Too Large"))
        await peer.gone()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.001)

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            for _ in range(2):
                response = await ask(client, incumbent.url, body=endless())
                assert (response.status, await whole(response)) == (413, b"too much")
            assert incumbent.connections == 2

    run(test())


def test_informational_answers_are_not_the_answer() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 9\r\n\r\n"

    async def test() -> None:
        async with serving(answering(early + reply(b"yes"))) as incumbent, upstream() as client:
            response = await ask(client, incumbent.url)
            assert (response.status, response.reason, response.headers) == (200, b"OK", [(b"Content-Length", b"3")])
            assert await whole(response) == b"yes"

    run(test())


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_a_body_end_with_their_head(status: str) -> None:
    async def test() -> None:
        answer = f"HTTP/1.1 {status}\r\nETag: 1\r\n\r\n".encode()
        async with serving(answering(answer, reply(b"next"))) as incumbent, upstream() as client:
            assert await whole(await ask(client, incumbent.url)) == b""
            assert await whole(await ask(client, incumbent.url)) == b"next"
            assert incumbent.connections == 1

    run(test())


def test_head_keeps_its_length_and_awaits_no_body() -> None:
    async def test() -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 512\r\n\r\n"
        async with serving(answering(head, head, reply(b"next"))) as incumbent, upstream() as client:
            for _ in range(2):
                response = await ask(client, incumbent.url, "HEAD", b"", content_length=None)
                assert (response.headers, await whole(response)) == ([(b"Content-Length", b"512")], b"")
            assert await whole(await ask(client, incumbent.url)) == b"next"
            assert incumbent.connections == 1

    run(test())


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def test() -> None:
        answer = reply(b"", "307 Temporary Redirect", b"Location: http://127.0.0.1:1/elsewhere\r\n")
        async with serving(answering(answer)) as incumbent, upstream() as client:
            response = await ask(client, incumbent.url)
            assert (response.status, await whole(response)) == (307, b"")
            assert len(incumbent.requests) == 1

    run(test())


def test_no_proxy_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def test() -> None:
        async with serving(answering(reply())) as incumbent, upstream() as client:
            assert (await ask(client, incumbent.url)).status == 200

    run(test())


@pytest.mark.parametrize("loop", LOOPS)
def test_clocks_start_at_the_last_byte_sent_and_stop_at_the_socket(loop: str) -> None:
    async def conversation(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.05)
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await asyncio.sleep(0.05)
        await peer.say(b"cd")

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            response = await ask(client, incumbent.url)
            assert await response.read() == b"ab"
            first = response.read_at - response.sent_at
            assert await response.read() == b"cd"
            assert first >= 0.045
            assert response.read_at - response.sent_at >= first + 0.045

    run(test(), loop)


def test_a_clock_waits_for_a_body_that_the_socket_did_not_take_at_once() -> None:
    async def conversation(peer: Peer) -> None:
        await asyncio.sleep(0.1)
        await peer.request()
        await peer.say(reply())

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            began = perf_counter()
            response = await ask(client, incumbent.url, body=b"x" * (16 << 20))
            await whole(response)
            assert response.sent_at - began >= 0.09

    run(test())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_slow_reader_makes_the_incumbent_wait(loop: str) -> None:
    total, sent = 64 << 20, 0

    async def conversation(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        while sent < total:
            await peer.say(b"x" * (1 << 18))
            sent += 1 << 18
        await peer.request()

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            response = await ask(client, incumbent.url)
            await asyncio.sleep(0.2)
            held = response.held_bytes
            assert held <= 1 << 20
            assert sent < total // 2
            count = 0
            while piece := await response.read():
                count += len(piece)
            assert count == total

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_slow_incumbent_makes_the_upload_wait(loop: str) -> None:
    asked = 0

    async def conversation(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        await peer.say(reply())

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal asked
        for _ in range(1000):
            asked += 1
            yield b"x" * (1 << 18)

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            assert (await ask(client, incumbent.url, body=pieces())).status == 200
            assert asked < 200

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_giving_up_an_answer_closes_the_connection(loop: str) -> None:
    gone = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await peer.gone()
        gone.set()

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            response = await ask(client, incumbent.url)
            assert await response.read() == b"a"
            response.abort()
            await asyncio.wait_for(gone.wait(), 5)
            with pytest.raises(UpstreamBroken):
                await response.read()
            response.abort()

    run(test(), loop)


def test_a_cancelled_request_closes_the_connection() -> None:
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        arrived.set()
        await peer.gone()
        gone.set()

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            task = asyncio.ensure_future(ask(client, incumbent.url))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(gone.wait(), 5)

    run(test())


def test_giving_up_after_the_end_leaves_the_connection_to_the_next_request() -> None:
    async def test() -> None:
        async with serving(answering(reply(b"one"), reply(b"two"))) as incumbent, upstream() as client:
            first = await ask(client, incumbent.url)
            second = await ask(client, incumbent.url)
            first.abort()
            assert (await whole(first), await whole(second)) == (b"one", b"two")
            assert incumbent.connections == 1

    run(test())


def test_nobody_there_is_unreachable() -> None:
    async def test() -> None:
        async with serving(answering(reply())) as incumbent:
            pass
        async with upstream() as client:
            with pytest.raises(UpstreamUnreachable) as caught:
                await ask(client, incumbent.url)
            assert caught.value.reason == "connect"

    run(test())


def test_a_name_that_does_not_exist_is_unreachable() -> None:
    async def test() -> None:
        async with upstream() as client:
            with pytest.raises(UpstreamUnreachable) as caught:
                await ask(client, "http://no-such-host.invalid/v1")
            assert caught.value.reason == "dns"

    run(test())


def test_connecting_is_the_only_thing_that_has_a_time_limit() -> None:
    async def silent(peer: Peer) -> None:
        await peer.gone()

    async def test() -> None:
        # It accepts and never shakes hands: connecting includes TLS.
        limits = UpstreamLimits(head_bytes=8192, connect_seconds=0.1)
        async with serving(silent) as incumbent, upstream(limits) as client:
            with pytest.raises(UpstreamUnreachable) as caught:
                await ask(client, f"https://127.0.0.1:{incumbent.port}/v1")
            assert caught.value.reason == "connect_timeout"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask(client, incumbent.url), 0.4)

    run(test())
