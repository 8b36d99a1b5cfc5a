"""What goes through the gateway comes out as it went in."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.front import front, parts, unchunked
from tests.unit.gateway.upstream_servers import Conversation, Peer, answering, run, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_request_and_answer_pass_unchanged_but_for_what_is_this_hops(tmp_path: Path) -> None:
    answer = (
        b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nX-Request-Id: a\r\nSet-Cookie: one=1\r\nSet-Cookie: two=2\r\n"
        b"Server: vendor\r\nDate: yesterday\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
        b"Content-Length: 5\r\n\r\nsorry"
    )

    async def story() -> None:
        async with serving(answering(answer)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            said = await gateway.ask(
                path="/v1/chat/completions?a=%2F&a=2",
                body=b'{"x": 1}',
                headers="Authorization: Bearer k\r\nX-B: 2\r\nX-A: 1\r\nX-B: 3\r\nX-Pilot-Segment: s\r\nTE: trailers\r\n"
                "Accept-Encoding: gzip\r\n",
            )
            status, headers, body = parts(said)
            assert said.startswith(b"HTTP/1.1 429 Too Many\r\n")
            assert (status, body) == (429, b"sorry")
            assert headers == [
                (b"retry-after", b"7"), (b"x-request-id", b"a"), (b"set-cookie", b"one=1"), (b"set-cookie", b"two=2"),
                (b"server", b"vendor"), (b"date", b"yesterday"), (b"content-length", b"5"), (b"connection", b"close"),
            ]  # fmt: skip
            head, sent = incumbent.requests[0]
            lines = head.split(b"\r\n")
            assert sent == b'{"x": 1}'
            assert lines[0] == b"POST /v1/chat/completions?a=%2F&a=2 HTTP/1.1"
            names = [line.split(b":")[0].lower() for line in lines[1:] if line]
            assert [n for n in names if n not in (b"host", b"content-length")] == [
                b"authorization", b"x-b", b"x-a", b"x-b", b"accept-encoding",
            ]  # fmt: skip
            assert b"Bearer k" in head

    run(story())


bodies = st.lists(st.binary(min_size=1, max_size=200), max_size=8)


class Standing:
    """One gateway and one incumbent for many examples; what the incumbent says is set for each."""

    def __init__(self, runner: asyncio.Runner, home: Path) -> None:
        self._runner = runner
        self._home = home
        self.conversation: Conversation = answering(OK)

    async def _answer(self, peer: Peer) -> None:
        await self.conversation(peer)

    async def start(self, stack: AsyncExitStack) -> None:
        self.incumbent = await stack.enter_async_context(serving(self._answer))
        self.gateway = await stack.enter_async_context(front(self._home, self.incumbent.url))

    def ask(self, conversation: Conversation, body: bytes = b"{}") -> bytes:
        self.conversation = conversation
        self.incumbent.requests.clear()
        return self._runner.run(self.gateway.ask(body=body))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stack = AsyncExitStack()
        made = Standing(runner, tmp_path_factory.mktemp("front"))
        runner.run(made.start(stack))
        yield made
        runner.run(stack.aclose())


@settings(max_examples=100, deadline=None)
@given(
    pieces=bodies,
    cuts=st.lists(st.integers(1, 400), max_size=6),
    way=st.sampled_from(["length", "chunked", "close"]),
    sent=st.binary(max_size=300),
)
def test_any_body_in_any_pieces_comes_out_as_it_went_in(
    standing: Standing, pieces: list[bytes], cuts: list[int], way: str, sent: bytes
) -> None:
    body = b"".join(pieces)
    wire = {
        "length": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
        "chunked": CHUNKED + b"".join(chunk(piece) for piece in pieces) + b"0\r\n\r\n",
        "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body,
    }[way]

    async def conversation(peer: Peer) -> None:
        await peer.request()
        at = 0
        for cut in sorted(set(cuts)):
            await peer.say(wire[at:cut])
            await asyncio.sleep(0)
            at = max(at, cut)
        await peer.say(wire[at:])

    status, _, got = parts(standing.ask(conversation, sent))
    assert (status, got) == (200, body)
    assert standing.incumbent.requests[0][1] == sent


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5), way=st.sampled_from(["length", "chunked"]))
def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(standing: Standing, pieces: list[bytes], way: str) -> None:
    body = b"".join(pieces)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) + 1) if way == "length" else CHUNKED

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.say(head)
        for piece in pieces:
            await peer.say(chunk(piece) if way == "chunked" else piece)

    rest = standing.ask(conversation).partition(b"\r\n\r\n")[2]
    got, is_whole = unchunked(rest) if way == "chunked" else (rest, len(rest) > len(body))
    assert not is_whole
    assert body.startswith(got)


def test_an_event_of_a_stream_reaches_the_client_before_the_next_one_is_sent(tmp_path: Path) -> None:
    may_go_on = asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + chunk(b"data: 1\n\n"))
        await may_go_on.wait()
        await peer.say(chunk(b"data: 2\n\n") + b"0\r\n\r\n")

    async def story() -> None:
        async with serving(conversation) as incumbent, front(tmp_path, incumbent.url) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}")
            assert b"data: 1" in await asyncio.wait_for(reader.readuntil(b"data: 1\n\n"), 5)
            may_go_on.set()
            assert b"data: 2" in await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5)
            writer.close()

    run(story())


@pytest.mark.parametrize("after_head", [False, True])
def test_the_incumbent_sees_at_once_that_the_client_went_away(tmp_path: Path, after_head: bool) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        if after_head:
            await peer.say(CHUNKED + chunk(b"data: 1\n\n"))
        asked.set()
        await peer.gone()
        gone.set()

    async def story() -> None:
        async with serving(conversation) as incumbent, front(tmp_path, incumbent.url) as gateway:
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}")
            await asked.wait()
            await asyncio.sleep(0.05)
            writer.close()
            await asyncio.wait_for(gone.wait(), 5)

    run(story())


def test_a_body_above_the_limit_streams_through(tmp_path: Path) -> None:
    body = bytes(range(256)) * 4000

    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url, gateway_body_bytes=1000) as gateway:
            assert parts(await gateway.ask(body=body))[0] == 200
            assert incumbent.requests[0][1] == body
            head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            whole = b"".join(chunk(body[at : at + 5000]) for at in range(0, len(body), 5000)) + b"0\r\n\r\n"
            assert parts(await gateway.talk(head, whole[:9000], whole[9000:], pause=0.01))[0] == 200
            assert incumbent.requests[1][1] == body

    run(story())


def test_without_an_incumbent_the_answer_is_502_and_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with front(tmp_path, "http://127.0.0.1:9/v1") as gateway:
            status, headers, body = parts(await gateway.ask())
            assert status == 502
            assert (b"x-pilot-error", b"incumbent_unreachable") in headers
            assert json.loads(body)["error"]["code"] == "incumbent_unreachable"

    run(story())


def test_addresses_without_a_pilot_say_what_to_do(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            status, headers, body = parts(await gateway.ask(path="/p/other/v1/models"))
            assert (status, headers[-2]) == (404, (b"x-pilot-error", b"unknown_pilot"))
            assert b"'other'" in body
            assert parts(await gateway.ask(path="/p/live/v1/models", method="GET"))[0] == 200
            assert parts(await gateway.ask(path="/elsewhere"))[0] == 404
            assert parts(await gateway.ask(path="/health/ready", method="GET"))[0] == 200
            websocket = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            assert parts(await gateway.ask(path="/v1/realtime", method="GET", headers=websocket))[0] == 501
            assert len(incumbent.requests) == 1

    run(story())


@pytest.mark.parametrize(
    "path",
    ["/v1/../admin", "/v1/a/../../admin", "/v1/%2e%2e/admin", "/v1/.%2E/x", "/v1/a%2f..%2f..%2fx", "/v1/..\\x", "/v1/..;a=1/x"],
)
def test_no_path_leads_out_of_the_incumbents_base(tmp_path: Path, path: str) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            assert parts(await gateway.ask(path=path))[0] == 400
            assert not incumbent.requests

    run(story())
