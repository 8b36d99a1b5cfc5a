"""What processes say to a real Redis of themselves, and what the API makes of it."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from app.api.declared import NO_ROUTE
from app.capture import presence
from app.capture.presence import Presence, present
from app.capture.server_seen import look_at_redis
from app.jobs import Job, make_publish
from app.pipeline.health_metrics import QUEUES
from app.stack.redis import EmbeddedRedis
from app.store.session import SessionFactory, make_engine
from tests.api import an_api
from tests.unit.gateway.front import write_routing

PROCESSES = ("gateway", "mirror", "recorder", "worker", "beat")


@pytest.fixture
def emptied(redis_server: EmbeddedRedis) -> Any:
    with Redis.from_url(redis_server.url) as client:
        client.delete(presence.KEY, "mirror", "record", *QUEUES)
        yield client
        client.delete(presence.KEY, "mirror", "record", *QUEUES)


def test_a_process_is_heard_of_while_it_lives_and_leaves_in_order(redis_server: EmbeddedRedis, emptied: Any) -> None:
    async def story() -> None:
        async with present(redis_server.url, "mirror", "mirror-1"), asyncio.timeout(10):
            while not emptied.hlen(presence.KEY):  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)
            assert look_at_redis(redis_server.url, QUEUES).heard["mirror"]["mirror-1"] < 5

    asyncio.run(story())
    beat = Presence(redis_server.url, "beat", "beat-1")
    beat.tell()
    assert list(look_at_redis(redis_server.url, QUEUES).heard) == ["beat"]
    beat.leave()
    assert look_at_redis(redis_server.url, QUEUES).heard == {}


def test_processes_that_were_killed_and_never_came_back_are_forgotten_after_a_day(
    redis_server: EmbeddedRedis, emptied: Any
) -> None:
    now = emptied.time()[0]
    emptied.hset(presence.KEY, mapping={"mirror/of-last-week": now - 7 * 86_400, "mirror/of-an-hour-ago": now - 3600})
    living = Presence(redis_server.url, "mirror", "mirror-1")
    living.tell()
    living.tell()
    assert set(look_at_redis(redis_server.url, QUEUES).heard["mirror"]) == {"of-an-hour-ago", "mirror-1"}
    living.leave()


def test_a_process_ends_also_where_redis_is_away() -> None:
    async def story() -> None:
        async with asyncio.timeout(10), present("unix:///nowhere/redis.sock", "gateway", "gateway-1"):
            await asyncio.sleep(0.01)

    asyncio.run(story())


def test_streams_and_queues_say_how_much_waits_and_for_how_long(redis_server: EmbeddedRedis, emptied: Any) -> None:
    emptied.xadd("record", {"h": b"x", "b": b"y" * 5000}, id="1000-1")
    make_publish(redis_server.url)(Job.SWEEP, [])
    found = look_at_redis(redis_server.url, QUEUES)
    record = found.streams["record"]
    assert record.entries == 1
    assert record.bytes > 5000
    assert record.oldest_seconds is not None
    assert record.oldest_seconds > 1e9  # the second after 1970
    assert found.streams["mirror"].oldest_seconds is None
    assert sum(found.queued.values()) == 1
    (age,) = found.oldest_queued_seconds.values()
    assert 0 <= age < 60


def test_the_api_says_which_part_is_ill_and_its_metrics_say_the_same(
    session_factory: SessionFactory, tmp_path: Path, redis_server: EmbeddedRedis, emptied: Any
) -> None:
    write_routing(tmp_path, "http://127.0.0.1:9/v1")
    for process in PROCESSES[:-1]:
        Presence(redis_server.url, process, f"{process}-1").tell()
    with an_api(session_factory, tmp_path, role=None, redis_url=redis_server.url) as api:
        found = api.get("/health/parts").json()
        page = api.get("/metrics").text
        api.get("/nowhere/at/all")
        later = api.get("/metrics").text
    assert {part["name"]: part["status"] for part in found["parts"] if part["status"] != "ok"} == {"beat": "ill"}
    assert found["status"] == "ill"
    assert 'pilot_health_part{part="beat"} 0.0' in page
    assert 'pilot_health_part{part="postgres"} 1.0' in page
    assert 'pilot_processes_live{process="mirror"} 1.0' in page
    assert re.search(r"^pilot_postgres_bytes [1-9]", page, re.MULTILINE)
    assert 'pilot_api_seconds_count{route="/health/parts"}' in page
    assert f'pilot_api_seconds_count{{route="{NO_ROUTE}"}}' in later
    assert "/nowhere" not in later


def test_connections_are_counted_with_the_time_that_they_were_waited_for(fresh_database_url: str) -> None:
    from prometheus_client import REGISTRY  # noqa: PLC0415

    from app.store.pool_metrics import watch_pool  # noqa: PLC0415
    from app.store.pool_watch import WatchedPool  # noqa: PLC0415

    def value(name: str) -> float:
        return REGISTRY.get_sample_value(f"pilot_database_pool_{name}", {"process": "test"}) or 0.0

    engine, other = make_engine(fresh_database_url, pool_size=2), make_engine(fresh_database_url)
    try:
        watch_pool(engine, "test")
        with engine.connect(), engine.connect(), engine.connect(), other.connect():
            assert (value("most"), value("in_use"), value("overflow"), value("wait_seconds_count")) == (4, 3, 1, 3)
        assert (value("in_use"), value("timeouts_total")) == (0, 0)
    finally:
        WatchedPool.on_taken = WatchedPool.on_returned = None
        engine.dispose()
        other.dispose()
