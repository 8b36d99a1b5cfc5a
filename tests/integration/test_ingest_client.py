"""The published client and the real service: what production got lies on the streams, each request once, the ledger whole."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis
import uvicorn

from app.api.application import make_api
from app.capture.events import decode
from app.capture.streams import MIRROR, RECORD
from app.domain.live import CountEvent, ReplyEvent, RequestEvent
from app.domain.words import Role
from app.stack.redis import EmbeddedRedis
from app.store.session import SessionFactory
from parallel_pilot import sending, shadow_transport
from tests.api import PILOT_TOML, bearer, key_for, services_for
from tests.unit.client.servers import PIECES, PILOT, WHOLE, serving, until, vendor


@contextmanager
def running(app: Any) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def streams(redis_server: EmbeddedRedis) -> Iterator["redis.Redis"]:
    client = redis.Redis.from_url(redis_server.url)
    client.delete(MIRROR, RECORD)
    yield client
    client.delete(MIRROR, RECORD)
    client.close()


def events(client: "redis.Redis", stream: str) -> list[Any]:
    found: Any = client.xrange(stream)
    return [decode(entry) for _, entry in found]


def newest_count(client: "redis.Redis") -> Any:
    counts = [event for event in events(client, RECORD) if isinstance(event, CountEvent)]
    return counts[-1].pilots.get(PILOT) if counts else None


def test_production_through_the_client_arrives_whole(
    session_factory: SessionFactory, redis_server: EmbeddedRedis, streams: "redis.Redis", tmp_path: Path
) -> None:
    services = services_for(session_factory, tmp_path, redis_url=redis_server.url)
    admin, key = bearer(key_for(Role.ADMIN, session_factory)), key_for(Role.INGEST, session_factory)
    with (
        running(make_api(services)) as url,
        serving(vendor) as server,
        httpx2.Client(headers=admin, trust_env=False) as operator,
    ):
        transport = shadow_transport(pilot=PILOT, service_url=url, api_key=key)
        with httpx2.Client(transport=transport, base_url=server.url, trust_env=False) as client:
            client.post("/v1/responses", json={})  # the pilot is not there yet
            until(lambda: sending._senders[url, key].outbox.is_empty)
            operator.post(f"{url}/api/v1/pilots", content=PILOT_TOML).raise_for_status()
            operator.post(f"{url}/api/v1/pilots/{PILOT}/start").raise_for_status()
            # The client asks again each second.
            until(lambda: client.post("/v1/responses", json={}).is_success and events(streams, MIRROR), 20)
            for number in range(50):
                stream = {"wish": "stream"} if number % 5 == 0 else {}
                got = client.post("/v1/chat/completions", json={"number": number} | stream).content
                assert got == (b"".join(PIECES) if stream else WHOLE)
        sending.end_all()
        sending._senders.pop((url, key)).wait_for_end(10)
    requests = [event for event in events(streams, MIRROR) if isinstance(event, RequestEvent)]
    replies = {event.number: event for event in events(streams, MIRROR) if isinstance(event, ReplyEvent)}
    count = newest_count(streams)
    assert len(requests) >= 51
    assert {event.number for event in requests} == replies.keys()
    assert count.issued == len(requests) + sum(count.dropped.values())
    assert set(count.dropped) == {"mirroring_off"}
    last = [event for event in requests if event.path == "/chat/completions"]
    assert [event.body.count(b"stream") for event in last] == [int(number % 5 == 0) for number in range(50)]
    assert {replies[event.number].end for event in last} == {"complete"}
    assert all(abs(event.at_us / 1e6 - time.time()) < 120 for event in requests)
