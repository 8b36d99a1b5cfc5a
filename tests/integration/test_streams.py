"""The outbox and the streams on a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
import redis as sync_redis

from app.capture.outbox import Outbox, add_all
from app.capture.streams import StreamReader, horizon_ms, open_streams
from app.stack.redis import EmbeddedRedis, start_redis

BLOCK = 0.05


def entry(number: int, size: int = 10) -> Any:
    return {b"h": str(number).encode(), b"b": b"x" * size}


@pytest.fixture
def stream() -> str:
    return f"s-{uuid4().hex[:8]}"


@asynccontextmanager
async def sending(url: str, *, held_bytes: int = 10**7, stream_bytes: int = 10**8) -> AsyncIterator[Outbox]:
    client = open_streams(url)
    outbox = Outbox(client, held_bytes=held_bytes, stream_bytes=stream_bytes)
    running = asyncio.create_task(outbox.run())
    try:
        yield outbox
    finally:
        # redis-py may take a cancellation for a time-out of its own: told to end as well, it ends.
        await outbox.close(0.0)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await client.aclose()


async def until(happened: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not await happened():  # noqa: ASYNC110 - a test waits
            await asyncio.sleep(0.01)


def test_what_is_offered_is_read_in_order_and_gone_when_acknowledged(redis_server: EmbeddedRedis, stream: str) -> None:
    async def story() -> None:
        async with sending(redis_server.url) as outbox:
            assert all(outbox.offer(stream, entry(number)) for number in range(1000))
            await until(lambda: _is(outbox.held_entries == 0))
            assert (outbox.acknowledged, outbox.held_bytes, outbox.is_connected) == (1000, 0, True)
        client = open_streams(redis_server.url)
        reader = StreamReader(client, stream, "one")
        found = [pair for _ in range(4) for pair in await reader.read(300, BLOCK)]
        assert [int(fields[b"h"]) for _, fields in found] == list(range(1000))
        assert await reader.horizon_ms() == int(found[0][0].partition("-")[0])
        await reader.acknowledge([number for number, _ in found])
        assert await reader.horizon_ms() is None
        assert await client.xlen(stream) == 0
        await client.aclose()

    asyncio.run(story())


def test_unfinished_entries_come_again_to_the_same_consumer_and_to_others_when_it_is_dead(
    redis_server: Any, stream: Any, monkeypatch: Any
) -> Any:
    monkeypatch.setattr("app.capture.streams.ALIVE_SECONDS", 0.2)

    async def story() -> None:
        client = open_streams(redis_server.url)
        for number in range(10):
            await client.xadd(stream, entry(number))
        dead = StreamReader(client, stream, "dead")
        taken = await dead.read(10, BLOCK)
        await dead.acknowledge([number for number, _ in taken[:3]])
        again = StreamReader(client, stream, "dead")
        assert [number for number, _ in await again.read(10, BLOCK)] == [number for number, _ in taken[3:]]
        one, two = StreamReader(client, stream, "one"), StreamReader(client, stream, "two")
        assert await one.read(10, BLOCK) == []
        got: list[str] = []

        async def all_are_taken() -> bool:
            for reader in (one, two):
                await reader.tend()
                if found := await reader.read(100, BLOCK):
                    got.extend(number for number, _ in found)
            return len(got) >= 7

        await until(all_are_taken)
        assert sorted(got) == sorted(number for number, _ in taken[3:])
        await one.acknowledge(got)
        assert await horizon_ms(client, stream) is None
        await asyncio.sleep(0.3)
        await one.tend()
        names = {found["name"] for found in await client.xinfo_consumers(stream, "pilot")}
        assert b"dead" not in names
        await client.aclose()

    asyncio.run(story())


def test_at_the_streams_bound_offers_are_shed_and_deliveries_wait(redis_server: EmbeddedRedis, stream: str) -> None:
    async def story() -> None:
        async with sending(redis_server.url, stream_bytes=200_000) as outbox:
            taken = sum(outbox.offer(stream, entry(number, 1000)) for number in range(1000))
            assert 100 < taken < 400
            waiting = asyncio.create_task(outbox.deliver(stream, entry(9999)))
            await until(lambda: _is(outbox.held_entries == 0))
            assert not waiting.done()
            client = open_streams(redis_server.url)
            reader = StreamReader(client, stream, "one")
            found = await reader.read(1000, BLOCK)
            assert len(found) == taken
            await reader.acknowledge([number for number, _ in found])
            await asyncio.wait_for(waiting, 10)
            assert outbox.offer(stream, entry(1))
            await client.aclose()

    asyncio.run(story())


def test_deliveries_that_wait_for_room_ask_for_nothing_meanwhile_and_come_in_their_order(
    redis_server: EmbeddedRedis, stream: str
) -> None:
    async def story() -> None:
        async with sending(redis_server.url, stream_bytes=20_000) as outbox:
            while outbox.offer(stream, entry(0, 1000)):
                pass
            await until(lambda: _is(outbox.held_entries == 0))
            waiting = [asyncio.create_task(outbox.deliver(stream, entry(number))) for number in range(1, 2001)]
            await asyncio.sleep(0.1)
            loop: Any = asyncio.get_running_loop()
            assert len(loop._scheduled) < 20  # with a timer each they would take all of a processor
            assert not any(each.done() for each in waiting)
            for each in waiting[::10]:
                each.cancel()
            client = open_streams(redis_server.url)
            reader = StreamReader(client, stream, "one")
            got: list[int] = []

            async def all_came() -> bool:
                found = await reader.read(1000, BLOCK)
                got.extend(int(fields[b"h"]) for _, fields in found)
                await reader.acknowledge([number for number, _ in found])
                return len(got) >= first + 1800

            first = int(await client.xlen(stream))
            await until(all_came, 60.0)
            assert got[first:] == [number for number in range(1, 2001) if number % 10 != 1]
            await client.aclose()

    asyncio.run(story())


def test_without_redis_events_wait_within_the_bound_and_leave_when_it_is_there(tmp_path: Any, stream: str) -> None:
    async def story() -> None:
        away = start_redis(tmp_path)
        away.stop()
        async with sending(away.url, held_bytes=100_000) as outbox:
            taken = sum(outbox.offer(stream, entry(number, 1000)) for number in range(500))
            assert taken < 100
            assert outbox.held_bytes <= 100_000
            await asyncio.sleep(0.2)
            assert not outbox.is_connected
            server = start_redis(tmp_path)
            try:
                await until(lambda: _is(outbox.held_entries == 0))
                assert outbox.acknowledged == taken
                client = open_streams(server.url)
                assert await client.xlen(stream) == taken
                await client.aclose()
            finally:
                server.stop()

    asyncio.run(story())


def test_closing_sends_what_is_left(redis_server: EmbeddedRedis, stream: str) -> None:
    async def story() -> None:
        async with sending(redis_server.url) as outbox:
            for number in range(50):
                outbox.offer(stream, entry(number))
            assert await outbox.close(5.0) == 0

    asyncio.run(story())


def test_a_batch_is_added_whole_or_not_at_all(redis_server: EmbeddedRedis, stream: str) -> None:
    client = sync_redis.Redis.from_url(redis_server.url)
    assert add_all(client, [(stream, entry(number, 1000)) for number in range(100)], stream_bytes=50_000)
    assert not add_all(client, [(stream, entry(1))], stream_bytes=50_000)
    assert client.xlen(stream) == 100
    client.close()


async def _is(value: bool) -> bool:
    return value
