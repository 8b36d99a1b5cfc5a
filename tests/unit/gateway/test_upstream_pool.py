"""Connections are kept, used in the order last in first out, and never used when they may be dead."""

import asyncio
import socket

import pytest

from app.gateway.upstream.client import UpstreamBroken, UpstreamLimits
from tests.unit.gateway.upstream_servers import LOOPS, Peer, answering, ask, reply, run, serving, upstream, whole


@pytest.mark.parametrize("loop", LOOPS)
def test_one_connection_serves_requests_one_after_the_other(loop: str) -> None:
    async def test() -> None:
        async with serving(answering(reply())) as incumbent, upstream() as client:
            for _ in range(20):
                await whole(await ask(client, incumbent.url))
            assert (incumbent.connections, len(incumbent.requests)) == (1, 20)

    run(test(), loop)


def test_requests_at_the_same_time_have_connections_of_their_own_which_are_kept() -> None:
    async def conversation(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.01)
            await peer.say(reply())

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            for _ in range(2):
                responses = await asyncio.gather(*(ask(client, incumbent.url) for _ in range(10)))
                await asyncio.gather(*(whole(response) for response in responses))
            assert incumbent.connections == 10

    run(test())


def test_the_connection_used_last_is_used_next() -> None:
    served: list[int] = []

    async def conversation(peer: Peer) -> None:
        while await peer.request():
            served.append(id(peer))
            await asyncio.sleep(0.005)
            await peer.say(reply())

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            responses = await asyncio.gather(*(ask(client, incumbent.url) for _ in range(3)))
            await asyncio.gather(*(whole(response) for response in responses))
            for _ in range(5):
                await whole(await ask(client, incumbent.url))
            assert len(set(served[3:])) == 1

    run(test())


@pytest.mark.parametrize("closing", [b"Connection: close\r\n", b"connection: Close\r\n"])
def test_a_connection_that_the_incumbent_wants_closed_is_closed(closing: bytes) -> None:
    async def test() -> None:
        async with serving(answering(reply(headers=closing))) as incumbent, upstream() as client:
            for _ in range(2):
                await whole(await ask(client, incumbent.url))
            assert incumbent.connections == 2

    run(test())


def test_http_1_0_closes_unless_it_says_otherwise() -> None:
    async def test() -> None:
        old = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        kept = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}"
        async with serving(answering(old, kept, kept)) as incumbent, upstream() as client:
            for _ in range(3):
                assert await whole(await ask(client, incumbent.url)) == b"{}"
            assert incumbent.connections == 2

    run(test())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("is_reset", [False, True])
def test_a_connection_that_ended_while_idle_is_not_used(loop: str, is_reset: bool) -> None:
    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.say(reply())
        if is_reset:
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        peer.writer.close()

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            for _ in range(5):
                await whole(await ask(client, incumbent.url))
                await asyncio.sleep(0.01)
            assert (incumbent.connections, len(incumbent.requests)) == (5, 5)

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_end_that_the_event_loop_has_not_seen_yet_is_seen_in_the_socket(loop: str) -> None:
    """The loop does not turn between the incumbent's close and the next request."""
    ends: asyncio.Queue[int] = asyncio.Queue()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.say(reply())
        ends.put_nowait(peer.writer.get_extra_info("socket").fileno())
        await peer.gone()

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            await whole(await ask(client, incumbent.url))
            with socket.socket(fileno=socket.dup(await ends.get())) as server_side:
                server_side.shutdown(socket.SHUT_WR)
            await whole(await ask(client, incumbent.url))
            assert (incumbent.connections, len(incumbent.requests)) == (2, 2)

    run(test(), loop)


def test_a_request_is_never_sent_twice_once_a_byte_of_it_has_left() -> None:
    async def conversation(peer: Peer) -> None:
        await peer.request()
        if len(peer.requests) == 1:
            await peer.say(reply())
            await peer.request()
        # It may have been processed: the connection just ends.

    async def test() -> None:
        async with serving(conversation) as incumbent, upstream() as client:
            await whole(await ask(client, incumbent.url))
            with pytest.raises(UpstreamBroken) as caught:
                await ask(client, incumbent.url)
            assert caught.value.reason == "closed"
            await asyncio.sleep(0.05)
            assert (incumbent.connections, len(incumbent.requests)) == (1, 2)

    run(test())


@pytest.mark.parametrize("loop", LOOPS)
def test_connections_that_nobody_uses_are_closed(loop: str) -> None:
    gone = 0

    async def conversation(peer: Peer) -> None:
        nonlocal gone
        await peer.request()
        await peer.say(reply())
        await peer.gone()
        gone += 1

    async def test() -> None:
        limits = UpstreamLimits(head_bytes=8192, connect_seconds=5, idle_seconds=0.05)
        async with serving(conversation) as incumbent, upstream(limits) as client:
            responses = await asyncio.gather(*(ask(client, incumbent.url) for _ in range(3)))
            await asyncio.gather(*(whole(response) for response in responses))
            await asyncio.sleep(0.3)
            assert gone == 3

    run(test(), loop)


def test_the_servers_own_idle_limit_holds_if_it_is_shorter() -> None:
    async def test() -> None:
        answer = reply(headers=b"Keep-Alive: timeout=1, max=100\r\n")
        async with serving(answering(answer)) as incumbent, upstream() as client:
            for _ in range(2):
                await whole(await ask(client, incumbent.url))
            assert incumbent.connections == 2

    run(test())


def test_closing_the_client_ends_every_connection() -> None:
    gone = 0

    async def conversation(peer: Peer) -> None:
        nonlocal gone
        await peer.request()
        await peer.say(reply())
        await peer.gone()
        gone += 1

    async def test() -> None:
        async with serving(conversation) as incumbent:
            async with upstream() as client:
                await whole(await ask(client, incumbent.url))
            await asyncio.sleep(0.05)
            assert gone == 1

    run(test())
