"""What the gateway tells of requests and replies, whatever becomes of them; read back from a real Redis."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from app.capture.events import decode
from app.capture.sealing import load_sealer
from app.domain.live import CountEvent, Hints, ReplyEvent, RequestEvent
from app.stack.redis import EmbeddedRedis
from tests.unit.gateway.front import Front, front, parts
from tests.unit.gateway.upstream_servers import Conversation, Peer, answering, run, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"


@dataclass
class Seen:
    """A gateway, and what it has put on the streams since."""

    front: Front
    client: Any  # of the redis library

    def events(self) -> list[Any]:
        sealer = load_sealer(self.front.home, None)
        return [decode(fields, sealer) for _, fields in self.client.xrange("mirror")]

    def counts(self) -> list[CountEvent]:
        return [event for _, fields in self.client.xrange("record") if isinstance(event := decode(fields), CountEvent)]

    async def shed(self) -> float:
        """How many were, over all gateways of this test run."""
        page = await self.front.ask(method="GET", path="/metrics", body=b"")
        return float(page.partition(b'pilot_gateway_requests_total{reason="shed"} ')[2].split()[0])

    async def replies(self, count: int = 1) -> list[ReplyEvent]:
        """Waits for as many."""
        while True:
            found = [event for event in self.events() if isinstance(event, ReplyEvent)]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)


TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def streams(redis_server: EmbeddedRedis) -> Iterator["redis.Redis"]:
    client = redis.Redis.from_url(redis_server.url)
    client.delete("mirror", "record")
    yield client
    client.delete("mirror", "record")
    client.close()


@pytest.fixture
def watched(tmp_path: Path, redis_server: EmbeddedRedis, streams: "redis.Redis") -> Any:
    @asynccontextmanager
    async def made(incumbent: Conversation | str, **settings: Any) -> AsyncIterator[Seen]:
        if isinstance(incumbent, str):
            async with front(tmp_path, incumbent, redis_url=redis_server.url, **settings) as gateway:
                yield Seen(gateway, streams)
            return
        async with serving(incumbent) as server, front(tmp_path, server.url, redis_url=redis_server.url, **settings) as gateway:
            yield Seen(gateway, streams)

    return made


def test_request_and_reply_are_told_whole_with_their_times(watched: Any) -> None:
    packed = gzip.compress(b'{"answer": 42}')
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; a=b\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"

    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.say(head % len(packed) + packed[:10])
        await asyncio.sleep(0.05)
        await peer.say(packed[10:])

    async def story() -> None:
        async with watched(conversation) as seen:
            said = "X-Pilot-Segment: s\r\nX-Pilot-Conversation: c\r\nX-Pilot-Content: full\r\nx-stainless-retry-count: 2\r\n"
            said += f"traceparent: {TRACEPARENT}\r\n"
            answer = await seen.front.ask(path="/p/live/v1/responses?x=1", body=b'{"input": "hi"}', headers=said)
            assert parts(answer)[2] == packed
            [reply] = await seen.replies()
            request = seen.events()[0]
            hints = Hints("s", "c", "full", 2)
            assert request == RequestEvent("live", request.boot, 1, request.at_us, "/responses", hints, b'{"input": "hi"}')
            assert (reply.pilot, reply.boot, reply.number, reply.at_us) == ("live", request.boot, 1, request.at_us)
            assert (reply.path, reply.hints, reply.status, reply.end) == ("/responses", hints, 200, "complete")
            assert (reply.content_type, reply.content_encoding) == ("application/json; a=b", "gzip")
            assert (reply.body, reply.request, reply.traceparent) == (packed, None, TRACEPARENT)
            (first, first_size), (last, last_size) = reply.chunks
            assert (first_size, last_size) == (10, len(packed) - 10)
            assert first > 0
            assert first + 0.04 < last == reply.total_seconds
            assert reply.lag_seconds is not None

    run(story())


async def _leave(seen: Seen, after: bytes) -> None:
    """Asks, reads up to something, and goes away."""
    reader, writer = await asyncio.open_connection("127.0.0.1", seen.front.port)
    writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")
    await reader.readuntil(after) if after else await asyncio.sleep(0.05)
    writer.close()


@pytest.mark.parametrize("after", [b"", b"data: 1\n\n"])
def test_a_client_that_goes_away_is_told_from_an_incumbent_that_fails(watched: Any, after: bytes) -> None:
    async def conversation(peer: Peer) -> None:
        await peer.request()
        if after:
            await peer.say(CHUNKED + b"9\r\ndata: 1\n\n\r\n")
        await peer.gone()

    async def story() -> None:
        async with watched(conversation) as seen:
            await _leave(seen, after)
            [reply] = await seen.replies()
            assert (reply.end, reply.status, reply.body) == ("client_cancelled", 200 if after else None, after)

    run(story())


def test_an_answer_that_breaks_off_is_told_as_far_as_it_came(watched: Any) -> None:
    async def conversation(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + b"5\r\nhello\r\n")

    async def story() -> None:
        async with watched(conversation) as seen:
            await seen.front.ask()
            [reply] = await seen.replies()
            assert (reply.end, reply.status, reply.body) == ("connection", 200, b"hello")
            assert sum(size for _, size in reply.chunks) == 5

    run(story())


def test_an_incumbent_that_is_not_there_is_told_without_a_status(watched: Any) -> None:
    async def story() -> None:
        async with watched("http://127.0.0.1:9/v1") as seen:
            assert parts(await seen.front.ask())[0] == 502
            [reply] = await seen.replies()
            assert (reply.end, reply.status, reply.body, reply.chunks) == ("connection", None, b"", ())
            assert reply.total_seconds is not None

    run(story())


def test_a_long_reply_is_relayed_whole_and_kept_up_to_its_bound(watched: Any) -> None:
    body = bytes(range(256)) * 40
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def story() -> None:
        async with watched(answering(answer), gateway_reply_bytes=1024) as seen:
            assert parts(await seen.front.ask())[2] == body
            [reply] = await seen.replies()
            assert (reply.end, reply.body) == ("too_large", body[:1024])
            assert sum(size for _, size in reply.chunks) == 1024

    run(story())


def test_each_request_is_counted_under_the_first_reason_that_applies(watched: Any) -> None:
    small = "X-Pilot-Mirror: off\r\n"
    asked: list[tuple[str, dict[str, Any]]] = [
        ("opted_out", {"headers": small}),
        ("opted_out", {"headers": small, "path": "/v1/embeddings"}),
        ("opted_out", {"headers": small, "body": b"x" * 3000}),
        ("not_mirrored_route", {"path": "/v1/embeddings"}),
        ("not_mirrored_route", {"path": "/v1/chat/completions/"}),
        ("not_mirrored_route", {"path": "/v1/chat%2Fcompletions"}),
        ("not_mirrored_route", {"path": "//v1/x"}),  # no address of ours: 404, no number
        ("not_mirrored_route", {"method": "GET", "body": b""}),
        ("not_mirrored_route", {"path": "/v1/embeddings", "body": b"x" * 3000}),
        ("too_large", {"body": b"x" * 1025}),
        ("", {"body": b"x" * 1024}),
        ("", {"path": "/p/live/v1/completions"}),
    ]

    async def story() -> None:
        async with watched(answering(OK), gateway_body_bytes=1024) as seen:
            for _, request in asked:
                await seen.front.ask(**request)
            chunked = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            await seen.front.talk(chunked + b"401\r\n%b\r\n0\r\n\r\n" % (b"x" * 1025))
            await seen.front.talk(chunked + b"400\r\n%b\r\n0\r\n\r\n" % (b"x" * 1024))
            await seen.replies(3)
        count = seen.counts()[-1]
        assert count.is_final
        assert count.pilots["live"].issued == len(asked) - 1 + 2
        dropped = {"mirroring_off": 0, "opted_out": 3, "not_mirrored_route": 5, "too_large": 2, "shed": 0, "not_sampled": 0}
        assert count.pilots["live"].dropped == dropped
        assert [len(event.body) for event in seen.events() if isinstance(event, RequestEvent)] == [1024, 2, 1024]

    run(story())


def test_what_was_never_a_whole_request_has_no_number(watched: Any) -> None:
    async def story() -> None:
        async with watched(answering(OK)) as seen:
            _, writer = await asyncio.open_connection("127.0.0.1", seen.front.port)
            writer.write(HEAD + b"Content-Length: 20\r\n\r\n{}")
            await asyncio.sleep(0.05)
            writer.close()
            await asyncio.sleep(0.05)
            await seen.front.ask()
            await seen.replies()
        assert seen.counts()[-1].pilots["live"].issued == 1

    run(story())


def test_bodies_beyond_what_may_be_held_pass_and_are_shed(watched: Any) -> None:
    """Slow uploads count as soon as they begin; so nothing grows with their number."""
    body = json.dumps({"prompt": "x" * 300_000}).encode()
    head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def upload(port: int, may_end: asyncio.Event) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + body[:-1])
        await writer.drain()
        await may_end.wait()
        writer.write(body[-1:])
        answer = await asyncio.wait_for(reader.read(-1), 10)
        writer.close()
        return answer

    async def story() -> None:
        may_end = asyncio.Event()
        bounds = {"gateway_held_bytes": 1024 * 1024}
        async with serving(answering(OK), limit=2**20) as incumbent, watched(incumbent.url, **bounds) as seen:
            before = await seen.shed()
            uploads = [asyncio.create_task(upload(seen.front.port, may_end)) for _ in range(12)]
            while await seen.shed() == before:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)
            may_end.set()
            assert [parts(answer)[0] for answer in await asyncio.gather(*uploads)] == [200] * 12
            assert [sent for _, sent in incumbent.requests] == [body] * 12
            await seen.replies()
            await asyncio.sleep(0.1)
        count = seen.counts()[-1].pilots["live"]
        requests = [event for event in seen.events() if isinstance(event, RequestEvent)]
        assert count.issued == 12
        assert 0 < count.dropped["shed"] < 12
        assert len(requests) == 12 - count.dropped["shed"]

    run(story())


def test_a_request_that_was_shed_leaves_no_reply_either(watched: Any) -> None:
    async def story() -> None:
        async with watched(answering(OK), gateway_held_bytes=1024 * 1024, gateway_body_bytes=2 * 1024 * 1024) as seen:
            await seen.front.ask(body=b"x" * 1_500_000)
            await seen.front.ask()
            await seen.replies()
            await asyncio.sleep(0.05)
            assert [event.number for event in seen.events()] == [2, 2]

    run(story())
