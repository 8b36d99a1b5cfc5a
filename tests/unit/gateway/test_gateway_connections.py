"""What a client's connection may bring beside whole requests: nothing of it changes an answer."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.gateway.front import front, parts
from tests.unit.gateway.upstream_servers import Peer, answering, run, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"
WHOLE = POST + b"Content-Length: 2\r\n\r\n{}"
GARBAGE = b"\0 this is no request\r\n\r\n"


@pytest.mark.parametrize("behind", [GARBAGE, b"GET /v1/models HTTP/9.9\r\n\r\n", b"X: " + b"a" * 20_000])
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_no_request_does_not_break_into_the_answer_before_it(tmp_path: Path, behind: bytes, at_once: bool) -> None:
    begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"a" * 1000)
        begun.set()
        await may_go_on.wait()
        await peer.say(b"b" * 1000)

    async def story() -> None:
        async with serving(conversation) as incumbent, front(tmp_path, incumbent.url, gateway_head_bytes=8192) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(WHOLE + (behind if at_once else b""))
            await begun.wait()
            writer.write(b"" if at_once else behind)
            await asyncio.sleep(0.02)
            may_go_on.set()
            assert parts(await asyncio.wait_for(reader.read(-1), 5))[2] == b"a" * 1000 + b"b" * 1000
            writer.close()
            assert len(incumbent.requests) == 1

    run(story())


def test_pipelined_requests_are_answered_in_order_up_to_the_one_that_is_broken(tmp_path: Path) -> None:
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number for number in (1, 2)]
    broken = POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"

    async def story() -> None:
        async with serving(answering(*answers)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            said = await gateway.talk(WHOLE + WHOLE + broken)
            assert [answer[-1:] for answer in said.split(b"HTTP/1.1 200 OK")[1:]] == [b"1", b"2"]
            assert b"400" not in said

    run(story())


@pytest.mark.parametrize("cut", [None, 20, 140, 163])
def test_an_offer_of_another_protocol_is_passed_over_and_the_body_goes_on(tmp_path: Path, cut: int | None) -> None:
    raw = POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nContent-Length: 14\r\n\r\n"
    raw += b'{"java": true}' + WHOLE.replace(b"Host: g", b"Connection: close")

    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            said = await gateway.talk(raw[:cut], raw[cut:] if cut else b"", pause=0.02)
            assert said.count(b"HTTP/1.1 200") == 2
            assert [body for _, body in incumbent.requests] == [b'{"java": true}', b"{}"]
            assert b"upgrade" not in incumbent.requests[0][0].lower()
            assert b"http2-settings" not in incumbent.requests[0][0].lower()

    run(story())


def test_a_websocket_is_refused_and_what_follows_is_not_read_as_a_request(tmp_path: Path) -> None:
    socket = b"GET /v1/realtime HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"

    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            said = await gateway.talk(socket + WHOLE)
            status, headers, _ = parts(said)
            assert (status, said.count(b"HTTP/1.1")) == (501, 1)
            assert (b"x-pilot-error", b"websocket") in headers
            assert incumbent.requests == []

    run(story())


def test_connect_is_no_way_to_anywhere(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            said = await gateway.talk(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: g\r\n\r\n" % incumbent.port)
            assert parts(said)[0] == 400
            assert (incumbent.requests, incumbent.connections) == ([], 0)

    run(story())


def test_the_clients_question_whether_to_send_its_body_is_answered(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(POST + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
            assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"[]")
            assert parts(await asyncio.wait_for(reader.read(-1), 5))[0] == 200
            writer.close()
            assert incumbent.requests[0][1] == b"[]"
            assert b"expect" not in incumbent.requests[0][0].lower()

    run(story())


def test_a_process_that_ends_answers_what_comes_on_connections_that_were_idle(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(WHOLE)
            await reader.readuntil(b"{}")
            gateway.end()
            writer.write(WHOLE)
            said = await asyncio.wait_for(reader.read(-1), 5)
            assert (parts(said)[0], parts(said)[2]) == (200, b"{}")
            assert b"\r\nconnection: close\r\n" in said
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.close()

    run(story())
