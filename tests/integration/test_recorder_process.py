"""The recorder on real servers: what cannot be stored, servers that go away, several recorders, and its sudden death."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from sqlalchemy import make_url, text

from app.capture.events import encode
from app.capture.payload_keys import FILE_NAME, PayloadKeys
from app.capture.sealing import Sealer
from app.capture.streams import GROUP, MIRROR, RECORD, open_streams
from app.domain.live import Hints, RecordEvent, RequestEvent
from app.pipeline.pilots import start_pilot
from app.pipeline.recording import metrics
from app.pipeline.recording.recorder import Recorder, Work
from app.pipeline.scorecard import compute_scorecard
from app.stack.redis import EmbeddedRedis
from app.store.pilots import insert_pilot
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope
from app.store.texts import Texts
from tests.builders import a_configuration
from tests.live_events import ARRIVAL, ARRIVAL_US, PILOT, count, exchange, reply
from tests.text_keys import PAYLOAD_KEY

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 30.0


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> Iterator[str]:
    """A Redis database of the test's own: the stream's name is the same everywhere."""
    url = f"{redis_server.url}?db=9"
    client = redis.Redis.from_url(url)
    client.flushdb()
    yield url
    client.flushdb()
    client.close()


@pytest.fixture
def pilot(session_factory: SessionFactory) -> str:
    with session_scope(session_factory) as session:
        insert_pilot(session, a_configuration(pilot={"starts": ARRIVAL.date()}), source_toml="")
        start_pilot(session, PILOT, "test", ARRIVAL)
    return PILOT


def send(url: str, *events: RecordEvent | RequestEvent, sealer: Sealer | None = None) -> None:
    client = redis.Redis.from_url(url)
    for event in events:
        client.xadd(RECORD, encode(event, sealer))  # type: ignore[arg-type]
    client.close()


@asynccontextmanager
async def recording(
    url: str, factory: SessionFactory, name: str = "one", sealer: Sealer | None = None
) -> AsyncIterator[Recorder]:
    client = open_streams(url)
    recorder = Recorder(Work(client, factory, sealer, name, batch=50, retry_window_seconds=60))
    running = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        recorder.stop()
        await running
        await client.aclose()


async def drained(url: str) -> None:
    client = open_streams(url)
    async with asyncio.timeout(WAIT_SECONDS):
        while await client.xlen(RECORD):  # noqa: ASYNC110 - a test waits
            await asyncio.sleep(0.02)
    await client.aclose()


def number(factory: SessionFactory, query: str) -> Any:
    with factory() as session:
        return session.scalar(text(query))


def test_what_cannot_be_stored_is_put_aside_and_holds_nothing_up(
    redis_url: str, session_factory: SessionFactory, pilot: str
) -> None:
    sealer = Sealer(os.urandom(32))
    damaged = encode(exchange(1)) | {b"b": b"\xff\xfe"}
    client = redis.Redis.from_url(redis_url)
    client.xadd(RECORD, damaged)  # type: ignore[arg-type]
    client.xadd(RECORD, {b"x": b"nothing that we know"})
    client.close()
    send(
        redis_url,
        exchange(2), reply(2), reply(2, "qwen"),
        exchange(3, pilot="no-such-pilot"),
        exchange(4, conversation="c\x00"),
        exchange(5), reply(5, columns={"input_tokens": 10**12}), reply(5, "gone"), reply(5, "qwen", columns={"model": "m\x00"}),
        RequestEvent(PILOT, "b1", 6, ARRIVAL_US, "/chat/completions", Hints(), b"{}"),
        reply(2, "qwen", columns={"failure": "bored"}), replace(exchange(7), request=b"not JSON"),
        replace(exchange(8), at_us=5),
        count(9),
    )  # fmt: skip
    send(redis_url, exchange(9), sealer=Sealer(os.urandom(32)))

    async def story() -> None:
        async with recording(redis_url, session_factory, sealer=sealer):
            await drained(redis_url)

    asyncio.run(story())
    with session_factory() as session:
        rejected = session.execute(text("SELECT reason, head, problem FROM rejected_events ORDER BY id")).all()
        kept = session.scalars(text("SELECT external_id FROM exchanges ORDER BY external_id")).all()
    assert sorted(row.reason for row in rejected) == sorted(
        ["unreadable"] * 3 + ["unknown_pilot", "arm_gone", "database", "not_for_the_recorder"] + ["wrong_value"] * 4
    )
    assert kept == ["b1-2", "b1-5"]
    assert number(session_factory, "SELECT count(*) FROM replies") == 3  # of 5 only the one that can be stored
    assert "question" not in orjson.dumps([[row.head, row.problem] for row in rejected]).decode()


def test_an_event_of_a_newer_version_waits_for_a_newer_recorder_and_one_that_waited_long_is_put_aside(
    redis_url: str, session_factory: SessionFactory, pilot: str
) -> None:
    newer = encode(exchange(1)) | {b"h": orjson.dumps({"v": 2, "kind": "exchange", "sealed": False})}
    client = redis.Redis.from_url(redis_url)
    of_yesterday = int((time.time() - 86_400) * 1000)
    client.xadd(RECORD, newer, id=f"{of_yesterday}-0")  # type: ignore[arg-type]
    waiting = client.xadd(RECORD, newer)  # type: ignore[arg-type]
    send(redis_url, exchange(2), reply(2), reply(2, "qwen"))

    async def story() -> None:
        async with recording(redis_url, session_factory), asyncio.timeout(WAIT_SECONDS):
            while client.xlen(RECORD) != 1:  # noqa: ASYNC110 - a test waits
                await asyncio.sleep(0.02)

    asyncio.run(story())
    left: Any = client.xrange(RECORD)
    pending = client.xpending(RECORD, GROUP)
    client.close()
    assert [number for number, _ in left] == [waiting]
    assert pending["pending"] == 1  # of our name: who comes after us reads it first
    assert number(session_factory, "SELECT string_agg(external_id, ' ') FROM exchanges") == "b1-2"
    assert number(session_factory, "SELECT string_agg(reason, ' ') FROM rejected_events") == "newer_version"


def test_it_waits_while_the_database_is_away(
    redis_url: str,
    session_factory: SessionFactory,
    pilot: str,
    fresh_database_url: str,
    server_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The events are old: whoever is slow here would see them closed for their age.
    monkeypatch.setattr("app.pipeline.recording.recorder.CLOSE_SECONDS", 3600.0)
    name = make_url(fresh_database_url).database
    admin = make_engine(make_url(server_url).set(database="postgres").render_as_string(hide_password=False))

    def allow(is_allowed: str) -> None:
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {is_allowed}"))
            connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :n"), {"n": name})

    async def story() -> None:
        async with recording(redis_url, session_factory):
            send(redis_url, exchange(1), reply(1))
            await drained(redis_url)
            await asyncio.to_thread(allow, "false")
            send(redis_url, *(exchange(n) for n in range(2, 100)), reply(1, "qwen"))
            await asyncio.sleep(0.5)
            await asyncio.to_thread(allow, "true")
            await drained(redis_url)

    asyncio.run(story())
    admin.dispose()
    assert number(session_factory, "SELECT count(*) FROM exchanges") == 99
    assert number(session_factory, "SELECT count(*) FROM exchanges WHERE closed_at IS NOT NULL") == 1


def test_it_waits_while_the_key_of_texts_is_away_and_puts_no_event_aside(
    redis_url: str,
    session_factory: SessionFactory,
    pilot: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.pipeline.recording.recorder.CLOSE_SECONDS", 3600.0)
    keys, file = PayloadKeys(tmp_path, None), tmp_path / FILE_NAME
    factory = make_session_factory(session_factory.kw["bind"], texts=Texts(keys, kept_seconds=0.0))
    waited = metrics.waits.labels("payload_keys")

    async def story() -> None:
        async with recording(redis_url, factory), asyncio.timeout(WAIT_SECONDS):
            send(redis_url, exchange(1), reply(1))
            await drained(redis_url)
            kept, before = file.read_text(), waited._value.get()
            file.unlink()
            send(redis_url, *(exchange(n) for n in range(2, 60)), reply(1, "qwen"))
            while waited._value.get() < before + 2:  # noqa: ASYNC110 - a test waits
                await asyncio.sleep(0.02)
            assert await asyncio.to_thread(number, factory, "SELECT count(*) FROM exchanges") == 1
            file.write_text(kept)
            await drained(redis_url)

    asyncio.run(story())
    assert number(factory, "SELECT count(*) FROM exchanges") == 59
    assert number(factory, "SELECT count(*) FROM payloads") == 61
    assert number(factory, "SELECT count(*) FROM rejected_events") == 0


def test_several_recorders_at_once_store_everything_once(redis_url: str, session_factory: SessionFactory, pilot: str) -> None:
    events = story_of(300)
    random.Random(1).shuffle(events)
    send(redis_url, *events, *random.Random(2).sample(events, 200))

    async def story() -> None:
        async with (
            recording(redis_url, session_factory, "one"),
            recording(redis_url, session_factory, "two"),
            recording(redis_url, session_factory, "three"),
        ):
            await drained(redis_url)

    asyncio.run(story())
    assert_complete(session_factory, 300)


def test_nothing_is_given_up_while_the_mirror_is_not_done(
    redis_url: str, session_factory: SessionFactory, pilot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.pipeline.recording.recorder.CLOSE_SECONDS", 0.05)
    closed = "SELECT count(*) FROM exchanges WHERE closed_at IS NOT NULL"

    async def story() -> None:
        client = open_streams(redis_url)
        hour_ago = int((time.time() - 3600) * 1_000_000)
        waiting = await client.xadd(MIRROR, {b"h": b"a request"}, id=f"{hour_ago // 1000}-0")
        async with recording(redis_url, session_factory):
            send(redis_url, exchange(1, at_us=hour_ago), reply(1, "qwen", at_us=hour_ago), count(2, at=0, is_final=True))
            await drained(redis_url)
            await asyncio.sleep(0.6)
            assert number(session_factory, closed) == 0
            await client.xdel(MIRROR, waiting)
            async with asyncio.timeout(WAIT_SECONDS):
                while not number(session_factory, closed):  # noqa: ASYNC110 - a test waits
                    await asyncio.sleep(0.05)
        await client.aclose()

    asyncio.run(story())
    assert number(session_factory, "SELECT reason FROM exchanges") == "lost"
    found = compute_scorecard(session_factory, PILOT).coverage
    assert {reason: n for reason, n in found.by_reason.items() if n} == {"outside_window": 1, "lost": 1}


def story_of(last: int) -> list[RecordEvent]:
    events: list[RecordEvent] = []
    for n in range(1, last + 1):
        events += [exchange(n), reply(n), reply(n, "qwen")]
        if n % 20 == 0:
            events.append(count(n, at=n))
    return events


def assert_complete(factory: SessionFactory, last: int) -> None:
    assert number(factory, "SELECT count(*) FROM exchanges WHERE closed_at IS NOT NULL") == last
    assert number(factory, "SELECT count(*) FROM replies") == 2 * last
    assert number(factory, "SELECT count(*) FROM payloads") == 3 * last
    assert number(factory, "SELECT count(*) FROM pairs") == last
    assert number(factory, "SELECT count(*) FROM late_replies") == 0
    assert number(factory, "SELECT count(*) FROM waiting_replies") == 0
    assert number(factory, "SELECT seen FROM boot_counts") == last
    found = compute_scorecard(factory, PILOT).coverage
    assert (found.production_requests, found.by_reason["captured"]) == (last, last)


def has_more(factory: SessionFactory, replies: int) -> bool:
    return bool(number(factory, "SELECT count(*) FROM replies") > replies)


class Killed:
    """A recorder process that is started again whenever it was killed."""

    def __init__(self, home: Path, database_url: str, redis_url: str) -> None:
        self._ready = home / "ready"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PILOT_", "PROMETHEUS_"))}
        self._environment = kept | {
            "PILOT_PAYLOAD_KEYS": PAYLOAD_KEY,
            "PILOT_HOME": str(home),
            "PILOT_DATABASE_URL": database_url,
            "PILOT_REDIS_URL": redis_url,
            "PILOT_READY_FILE": str(self._ready),
            "PILOT_RECORD_BATCH": "40",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "workers.recorder", "recorder-1"]
        self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stderr=subprocess.DEVNULL)
        until(self._ready.exists)

    def end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(WAIT_SECONDS)


def until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_killed_in_the_middle_of_batches_it_stores_every_event_once(
    redis_url: str, session_factory: SessionFactory, pilot: str, fresh_database_url: str, tmp_path: Path
) -> None:
    recorder, client = Killed(tmp_path, fresh_database_url, redis_url), redis.Redis.from_url(redis_url)
    events = story_of(1500)
    chunk = len(events) // 3
    chance = random.Random(5)
    for start in range(0, len(events), chunk):
        recorder.start()
        before = number(session_factory, "SELECT count(*) FROM replies")
        with client.pipeline(transaction=False) as pipeline:
            for event in events[start : start + chunk]:
                pipeline.xadd(RECORD, encode(event))  # type: ignore[arg-type]
            pipeline.execute()
        until(partial(has_more, session_factory, before))
        time.sleep(chance.random() * 0.1)
        assert recorder.end(signal.SIGKILL) == -signal.SIGKILL
    assert client.xpending(RECORD, GROUP)["pending"] + client.xlen(RECORD) > 0  # it was killed with work left
    recorder.start()
    until(lambda: client.xlen(RECORD) == 0)
    assert recorder.end(signal.SIGTERM) == 0
    client.close()
    assert_complete(session_factory, 1500)
    assert number(session_factory, "SELECT count(*) FROM rejected_events") == 0
