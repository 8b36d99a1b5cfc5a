"""The gateway's processes, with a real Redis and without one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from app.capture.events import BODY, decode
from app.capture.sealing import load_sealer
from app.domain.live import CountEvent, ReplyEvent, RequestEvent
from app.stack.redis import EmbeddedRedis, start_redis
from tests.live.production import KEY, Production
from tests.live.vendor import Vendor, expected_body, serving
from tests.unit.gateway.front import write_routing

ROOT = Path(__file__).resolve().parents[2]
MODEL = "vendor-model"


@dataclass
class Process:
    """One gateway process on a socket that the test bound."""

    process: "subprocess.Popen[bytes]"
    ready: Path

    def wait_ready(self) -> None:
        until = time.monotonic() + 20
        while not self.ready.exists():
            assert self.process.poll() is None, "it ended"
            assert time.monotonic() < until
            time.sleep(0.01)


@contextmanager
def gateway(
    home: Path, redis_url: str | None, listening: socket.socket, slot: str = "gateway-1", **settings: str
) -> Iterator[Process]:
    ready = home / f"ready-{slot}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PILOT_")}
    environment |= {"PILOT_HOME": str(home), "PILOT_READY_FILE": str(ready), **settings}
    if redis_url is not None:
        environment["PILOT_REDIS_URL"] = redis_url
    command = [sys.executable, "-m", "workers.gateway", str(listening.fileno()), slot]
    with (home / f"{slot}.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=(listening.fileno(),), stdout=log, stderr=log)
    made = Process(process, ready)
    try:
        made.wait_ready()
        yield made
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(20)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(256)
        yield made


@pytest.fixture(scope="module")
def vendor_url() -> Iterator[str]:
    with serving(Vendor(MODEL)) as url:
        yield url


@pytest.fixture
def own_redis(redis_server: EmbeddedRedis) -> Iterator["redis.Redis"]:
    client = redis.Redis.from_url(redis_server.url)
    client.delete("mirror", "record")
    yield client
    client.delete("mirror", "record")
    client.close()


def address(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def ask(url: str, *, path: str = "/v1/chat/completions", headers: dict[str, str] | None = None, prompt: str = "hello") -> bytes:
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": prompt}]}).encode()
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}", **(headers or {})}
    request = urllib.request.Request(f"{url}{path}", data=body, headers=sent)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return bytes(answer.read())


def events(client: "redis.Redis", stream: str, home: Path) -> list[Any]:
    sealer = load_sealer(home, None)
    found: Any = client.xrange(stream)
    return [decode(fields, sealer) for _, fields in found]


def until(happened: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def drive(url: str, seconds: float, *, rate: float = 60.0, name: str = "x") -> Any:
    production = Production(f"{url}/v1", model=MODEL, rate=rate, name=name)
    production.start()
    time.sleep(seconds)
    return production.stop()


def test_each_request_leaves_two_events_and_a_number(
    tmp_path: Path, own_redis: Any, redis_server: EmbeddedRedis, vendor_url: str, listening: socket.socket
) -> None:
    write_routing(tmp_path, vendor_url)
    url = address(listening)
    with gateway(tmp_path, redis_server.url, listening):
        outcome = drive(url, 1.0)
        ask(url, path="/p/live/v1/chat/completions", headers={"X-Pilot-Mirror": "off"})
        urllib.request.urlopen(f"{url}/v1/models", timeout=20).read()  # noqa: S310
    assert (outcome.failed, outcome.wrong) == ([], [])
    found = events(own_redis, "mirror", tmp_path)
    requests = {event.number: event for event in found if isinstance(event, RequestEvent)}
    replies = {event.number: event for event in found if isinstance(event, ReplyEvent)}
    assert sorted(requests) == sorted(replies) == list(range(1, outcome.sent + 1))
    for number, reply in replies.items():
        assert reply.end == "complete"
        assert reply.body == expected_body(MODEL, json.loads(requests[number].body))
        assert sum(size for _, size in reply.chunks) == len(reply.body)
        assert 0 < reply.chunks[0][0] <= (reply.total_seconds or 0)
    counts = [event for event in events(own_redis, "record", tmp_path) if isinstance(event, CountEvent)]
    assert counts[-1].is_final
    assert counts[-1].pilots["live"].issued == outcome.sent + 2
    dropped = {"mirroring_off": 0, "opted_out": 1, "not_mirrored_route": 1, "too_large": 0, "shed": 0, "not_sampled": 0}
    assert counts[-1].pilots["live"].dropped == dropped


def test_the_clients_key_is_written_nowhere(
    tmp_path: Path, own_redis: Any, redis_server: EmbeddedRedis, vendor_url: str, listening: socket.socket
) -> None:
    write_routing(tmp_path, vendor_url)
    with gateway(tmp_path, redis_server.url, listening):
        ask(address(listening), headers={"Api-Key": KEY, "Cookie": f"session={KEY}"})
        until(lambda: own_redis.xlen("mirror") == 2)
        metrics = urllib.request.urlopen(f"{address(listening)}/metrics", timeout=20).read()  # noqa: S310
    written = metrics + b"".join(
        b"".join(fields.values()) for stream in ("mirror", "record") for _, fields in own_redis.xrange(stream)
    )
    written += b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"pilot_gateway_requests_total" in written
    assert KEY.encode() not in written


@pytest.mark.parametrize(("level", "header"), [("masked", None), ("full", "metadata"), ("full", "nonsense")])
def test_what_may_not_lie_in_redis_is_sealed_and_the_reply_carries_its_request(
    tmp_path: Path,
    own_redis: Any,
    redis_server: EmbeddedRedis,
    vendor_url: str,
    listening: socket.socket,
    level: str,
    header: str | None,
) -> None:
    write_routing(tmp_path, vendor_url, level=level)
    with gateway(tmp_path, redis_server.url, listening):
        ask(address(listening), headers={"X-Pilot-Content": header} if header else {}, prompt="a secret prompt")
        until(lambda: own_redis.xlen("mirror") == 2)
    assert not any(b"secret" in fields[BODY] for _, fields in own_redis.xrange("mirror"))
    request, reply = events(own_redis, "mirror", tmp_path)
    assert reply.request == request.body
    assert request.hints.content == ({"metadata": "metadata", "nonsense": "metadata"}.get(header) if header else None)


def test_kill_switch_routing_and_a_damaged_file_take_effect_within_a_second(
    tmp_path: Path, own_redis: Any, redis_server: EmbeddedRedis, vendor_url: str, listening: socket.socket
) -> None:
    write_routing(tmp_path, vendor_url)
    url = address(listening)

    def copies(pause: float = 1.0) -> int:
        before: int = own_redis.xlen("mirror")
        time.sleep(pause)
        ask(url)
        time.sleep(0.3)
        after: int = own_redis.xlen("mirror")
        return after - before

    with gateway(tmp_path, redis_server.url, listening):
        assert copies(0.0) == 2
        (tmp_path / "mirror.off").touch()
        assert copies() == 0
        (tmp_path / "mirror.off").unlink()
        assert copies() == 2
        write_routing(tmp_path, vendor_url, mirrors=False)
        assert copies() == 0
        (tmp_path / "routing.json").write_text("{ half a file")
        assert copies() == 0
        write_routing(tmp_path, vendor_url)
        assert copies() == 2


def test_without_redis_it_boots_forwards_and_sheds_within_its_bound_and_delivers_later(
    tmp_path: Path, vendor_url: str, listening: socket.socket
) -> None:
    write_routing(tmp_path, vendor_url)
    server = start_redis(tmp_path / "redis")
    server.stop()
    bounds = {"PILOT_OUTBOX_BYTES": str(1024 * 1024)}
    with gateway(tmp_path, server.url, listening, **bounds) as process:
        outcome = drive(address(listening), 6.0, rate=150)
        assert (outcome.failed, outcome.wrong) == ([], [])
        start_redis(tmp_path / "redis")
        client = redis.Redis.from_url(server.url)
        try:
            until(lambda: client.exists("record") and client.xlen("mirror") > 0)
            process.process.terminate()
            process.process.wait(20)
            count = events(client, "record", tmp_path)[-1].pilots["live"]
            requests = [event for event in events(client, "mirror", tmp_path) if isinstance(event, RequestEvent)]
            assert count.issued == outcome.sent
            assert count.dropped["shed"] > 0
            assert len({event.number for event in requests}) == count.issued - count.dropped["shed"]
        finally:
            client.close()
            server.stop()


def test_a_process_that_is_told_to_end_while_redis_starts_again_still_hands_over_what_it_holds(
    tmp_path: Path, vendor_url: str, listening: socket.socket
) -> None:
    write_routing(tmp_path, vendor_url)
    server = start_redis(tmp_path / "redis")
    try:
        with gateway(tmp_path, server.url, listening) as process, redis.Redis.from_url(server.url) as client:
            ask(address(listening))
            until(lambda: client.xlen("mirror") == 2)
            server.stop()
            ask(address(listening))
            time.sleep(0.5)  # it has noticed by now
            process.process.terminate()
            time.sleep(0.5)
            start_redis(tmp_path / "redis")
            assert process.process.wait(20) == 0
            assert client.xlen("mirror") == 4
            assert events(client, "record", tmp_path)[-1].pilots["live"].issued == 2
    finally:
        server.stop()


def test_a_process_that_is_told_to_end_finishes_its_streams_while_another_serves(
    tmp_path: Path, own_redis: Any, redis_server: EmbeddedRedis, listening: socket.socket
) -> None:
    with serving(Vendor(MODEL, gap_seconds=0.3)) as slow_url:
        write_routing(tmp_path, slow_url)
        url = address(listening)
        with gateway(tmp_path, redis_server.url, listening) as first:
            production = Production(f"{url}/v1", model=MODEL, rate=1000, name="s", streamed=lambda _: True)
            production.start()
            until(lambda: production.outcome.sent >= 8)
            production.hold()
            first.process.send_signal(signal.SIGTERM)
            # It also takes the connections that the first one had not accepted yet.
            with gateway(tmp_path, redis_server.url, listening, slot="gateway-2"):
                ask(url)
                stopping = production.stop()
            assert (stopping.failed, stopping.wrong) == ([], [])
            assert first.process.wait(20) == 0
            assert not first.ready.exists()


def test_a_killed_process_loses_only_what_it_carried(
    tmp_path: Path, own_redis: Any, redis_server: EmbeddedRedis, vendor_url: str, listening: socket.socket
) -> None:
    write_routing(tmp_path, vendor_url)
    with (
        gateway(tmp_path, redis_server.url, listening) as first,
        gateway(tmp_path, redis_server.url, listening, slot="gateway-2"),
    ):
        production = Production(f"{address(listening)}/v1", model=MODEL, rate=100, name="k")
        production.start()
        time.sleep(1.0)
        first.process.kill()
        time.sleep(1.0)
        outcome = production.stop()
    assert outcome.wrong == []
    assert len(outcome.failed) <= 12  # 100 a second that take up to 60 ms, in two processes
