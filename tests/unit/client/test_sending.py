"""The background thread: what it does when the service is ill, when it refuses, and at the process's end."""

import asyncio
import contextvars
import json
import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx2
import pytest
from typing_extensions import override

from parallel_pilot import sending, shadow_transport
from parallel_pilot.batch import compress
from tests.unit.client.servers import PILOT, WHOLE, Heard, Server, Service, answer, sender_of, serving, until, vendor

ROOT = __file__.rpartition("/tests/")[0]


@pytest.fixture
def client(arguments: dict[str, Any], vendor_server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(transport=shadow_transport(**arguments), base_url=vendor_server.url, trust_env=False) as made:
        yield made


def ask(client: httpx2.Client, **more: Any) -> None:
    assert client.post("/v1/responses", json={"model": "m"} | more).content == WHOLE


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_while_the_service_is_down_calls_wait_and_all_arrive_once_it_is_back(
    vendor_server: Server, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with httpx2.Client(
        transport=shadow_transport(pilot=PILOT, service_url=url, api_key="pp_key"), base_url=vendor_server.url, trust_env=False
    ) as client:
        for _ in range(10):
            ask(client)
        until(lambda: "does not take events" in caplog.text)
        with serving(service, port):
            until(lambda: len(service.of("reply")) == 10 and service.counts().get("issued") == 10)
    assert sorted(event["number"] for event in service.of("request")) == list(range(1, 11))
    assert service.counts()["dropped"] == {}
    assert caplog.text.count("does not take events") == 1
    assert "pp_key" not in caplog.text


class Ill:
    """A service that is ill for a while."""

    def __init__(self, illness: str, service: Service, times: int) -> None:
        self.illness = illness
        self.service = service
        self.left = times

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        if self.left <= 0:
            await self.service(heard, writer)
            return
        self.left -= 1
        if self.illness == "garbage":
            answer(writer, b"<html>It works!</html>", Content_Type="text/html")
        elif self.illness == "other":
            answer(writer, b'{"refused": "none", "pilots": []}')
        elif self.illness == "slow":
            await asyncio.sleep(0.1)
            raise ConnectionAbortedError
        elif self.illness == "nonsense":
            writer.write(b"\x00\x01\x02\r\n\r\n")
            raise ConnectionAbortedError
        else:
            answer(writer, b'{"error": {"message": "not now"}}', status=int(self.illness), Retry_After="0")


@pytest.mark.parametrize("illness", ["500", "503", "429", "garbage", "other", "slow", "nonsense"])
def test_a_service_that_is_ill_is_asked_again_and_the_host_feels_nothing(
    vendor_server: Server, service: Service, illness: str
) -> None:
    with serving(Ill(illness, service, 2)) as server:
        transport = shadow_transport(pilot=PILOT, service_url=server.url, api_key="pp_key")
        with httpx2.Client(transport=transport, base_url=vendor_server.url, trust_env=False) as client:
            ask(client)
            until(lambda: service.of("reply") and service.counts())
    assert len(service.of("request")) == 1
    assert service.counts() == {"issued": 1, "dropped": {}}


@pytest.mark.parametrize("status", [401, 403, 404, 307])
def test_a_refusal_is_said_once_and_what_was_refused_is_counted(
    vendor_server: Server, service: Service, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(Ill(str(status), service, 2)) as server:
        transport = shadow_transport(pilot=PILOT, service_url=server.url, api_key="pp_key")
        with httpx2.Client(transport=transport, base_url=vendor_server.url, trust_env=False) as client:
            ask(client)
            until(lambda: len(server.heard) == 2)
            ask(client)
            until(lambda: service.counts().get("issued") == 2)
    assert caplog.text.count("refuses what is sent") == 1
    assert service.counts()["dropped"] == {"shed": 2 - len(service.of("request"))}
    assert "pp_key" not in caplog.text


def test_at_the_bound_the_newest_is_shed_and_counted(vendor_server: Server, service: Service) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    transport = shadow_transport(pilot=PILOT, service_url=url, api_key="pp_key", outbox_bytes=100_000)
    with httpx2.Client(transport=transport, base_url=vendor_server.url, trust_env=False) as client:
        held = []
        for _ in range(20):
            ask(client, padding="x" * 10_000)
            held.append(sender_of(url).outbox.held_bytes)
        assert max(held) <= 100_000 + 20 * 1024
        with serving(service, port):
            until(lambda: service.counts().get("issued") == 20 and sender_of(url).outbox.held_bytes == 0)
    shed = service.counts()["dropped"]["shed"]
    assert 10 < shed < 20
    assert [event["number"] for event in service.of("request")] == list(range(1, 21 - shed))


def test_a_batch_that_is_too_large_is_sent_in_halves(vendor_server: Server, service: Service) -> None:
    async def small(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if len(heard.body) > 30_000:
            answer(writer, b"{}", status=413)
        else:
            await service(heard, writer)

    with serving(small) as server:
        transport = shadow_transport(pilot=PILOT, service_url=server.url, api_key="pp_key")
        with httpx2.Client(transport=transport, base_url=vendor_server.url, trust_env=False) as client:
            for number in range(8):
                ask(client, padding=os.urandom(4_000).hex(), number=number)
            ask(client, padding=os.urandom(40_000).hex())
            until(lambda: service.counts().get("dropped") == {"shed": 1})
    assert sorted({event["number"] for event in service.of("reply")})[:8] == list(range(1, 9))


def test_the_kill_switch_stops_copies_and_back_on_they_come_again(client: httpx2.Client, service: Service) -> None:
    ask(client)
    until(lambda: service.of("reply"))
    service.mirrors = False
    service.refused = [{"event": 0, "code": "mirroring_off", "message": "mirroring is off", "pilot": PILOT}]
    ask(client)  # it cannot know yet
    until(lambda: service.counts().get("dropped") == {"mirroring_off": 1})
    service.refused = []
    for _ in range(3):
        ask(client)
    until(lambda: service.counts().get("dropped") == {"mirroring_off": 4})
    numbers = [event["number"] for event in service.of("request")]
    service.mirrors = True
    ask(client)
    until(lambda: service.counts()["issued"] == 6)

    def is_copied_again() -> bool:
        ask(client)
        return len(service.of("request")) > len(numbers)

    until(is_copied_again)
    assert max(numbers) == 2


def test_after_the_first_contact_a_reply_repeats_its_request_only_where_that_is_wanted(
    client: httpx2.Client, service: Service, service_server: Server
) -> None:
    service.repeats_request = False
    ask(client)
    until(lambda: service.of("reply") and sender_of(service_server.url).outbox.held_bytes == 0)  # the answer was read
    ask(client)
    client.post("/v1/responses", json={}, headers={"X-Pilot-Content": "masked"})
    until(lambda: len(service.of("reply")) == 3)
    assert [event["parts"][1] is None for event in service.of("reply")] == [False, True, False]


def test_an_unknown_pilot_and_a_wrong_clock_are_said_once(
    client: httpx2.Client, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.refused = [{"event": 0, "code": "unknown_pilot", "message": "there is no pilot 'x'", "pilot": "x"}]
    service.offset = 7200.0
    for number in range(1, 4):
        ask(client)
        until(partial(_has_issued, service, number))
    assert caplog.text.count("there is no pilot 'x'") == 1
    assert caplog.text.count("7200.0 s off") == 1


def test_a_fault_of_ours_is_logged_once_and_never_the_hosts(
    client: httpx2.Client, service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        message = "a fault of ours"
        raise RuntimeError(message)

    monkeypatch.setattr("parallel_pilot.transport.body_of", broken)
    ask(client)
    ask(client)
    assert caplog.text.count("a fault in shadow_transport") == 1
    monkeypatch.undo()
    monkeypatch.setattr("parallel_pilot.transport.relay", broken)
    ask(client)
    monkeypatch.setattr("parallel_pilot.sending.encode", broken)
    ask(client)
    until(lambda: "a fault in the sending thread" in caplog.text)
    monkeypatch.undo()
    ask(client)
    until(lambda: service.of("reply"))


def test_the_thread_does_not_inherit_the_hosts_context(arguments: dict[str, Any], vendor_server: Server) -> None:
    trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace")
    seen: list[str | None] = []

    class Spying(logging.Handler):
        @override
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(trace.get(None))

    trace.set("the host's")
    port = free_port()
    spy = Spying()
    logging.getLogger("parallel_pilot").addHandler(spy)
    try:
        transport = shadow_transport(**arguments | {"service_url": f"http://127.0.0.1:{port}"})
        with httpx2.Client(transport=transport, base_url=vendor_server.url, trust_env=False) as client:
            ask(client)
        until(lambda: seen)
    finally:
        logging.getLogger("parallel_pilot").removeHandler(spy)
    assert seen == [None]


def test_a_connection_is_kept_and_an_idle_process_says_that_it_lives(
    client: httpx2.Client, service: Service, service_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "IDLE_COUNT_SECONDS", 0.1)
    ask(client)
    until(lambda: len(service.of("count")) >= 4)
    assert len(service.batches) >= 4
    assert {count["pilots"][PILOT]["issued"] for count in service.of("count")} == {1}
    assert not any(count["is_final"] for count in service.of("count"))


def test_large_batches_are_packed_if_that_is_worth_it() -> None:
    assert compress(b"x" * 1000) is None
    assert compress(os.urandom(100_000)) is None
    packed = compress(json.dumps(list(range(50_000))).encode())
    assert packed is not None
    assert len(packed) < 150_000


def _has_issued(service: Service, number: int) -> bool:
    return bool(service.counts().get("issued") == number)


PROGRAM = """
import sys, httpx2
from parallel_pilot import shadow_transport
vendor, service = sys.argv[1:]
client = httpx2.Client(transport=shadow_transport(pilot="support-bot", service_url=service, api_key="pp_key"), trust_env=False)
for _ in range(3):
    client.post(vendor + "/v1/responses", json={})
client.close()
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_at_its_end_a_process_sends_what_waits_and_a_last_count(
    vendor_server: Server, service_server: Server, service: Service
) -> None:
    done = run(PROGRAM, vendor_server.url, service_server.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(service.of("reply")) == 3
    assert service.of("count")[-1]["is_final"] is True
    assert service.counts() == {"issued": 3, "dropped": {}}


def test_a_service_that_hangs_does_not_keep_a_process_from_ending(vendor_server: Server) -> None:
    async def hangs(_: Heard, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    with serving(hangs) as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, vendor_server.url, server.url],
            cwd=ROOT,
            capture_output=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_after_a_fork_parent_and_child_are_two_producers(
    arguments: dict[str, Any], vendor_server: Server, service: Service
) -> None:
    transport = shadow_transport(**arguments)
    with httpx2.Client(transport=transport, base_url=vendor_server.url, trust_env=False) as client:
        ask(client)
        with client.stream("POST", "/v1/responses", json={"wish": "stream"}) as response:
            child = multiprocessing.get_context("fork").Process(target=_in_child, args=(arguments, vendor_server.url))
            child.start()
            child.join(20)
            assert child.exitcode == 0
            assert len(response.read()) > 0
        ask(client)
    until(lambda: len(service.of("reply")) == 4)
    boots = {boot: [event["number"] for event in service.of("request") if event["boot"] == boot] for boot in set(service.boots)}
    assert sorted(boots.values()) == [[1], [1, 2, 3]]


def _in_child(arguments: dict[str, Any], url: str) -> None:
    assert not [thread for thread in threading.enumerate() if thread.name == "parallel-pilot"]
    with httpx2.Client(transport=shadow_transport(**arguments), base_url=url, trust_env=False) as client:
        ask(client)
    sending.end_all()


def test_two_services_have_two_senders_and_the_largest_bound_holds(service: Service, service_server: Server) -> None:
    with serving(vendor) as other:
        one: dict[str, Any] = {"pilot": PILOT, "service_url": service_server.url + "/", "api_key": " pp_key\n"}
        shadow_transport(**one, outbox_bytes=1000)
        shadow_transport(**one, outbox_bytes=5000)
        shadow_transport(**one | {"service_url": other.url})
        assert len(sending._senders) == 2
        assert sender_of(service_server.url).outbox.limit_bytes == 5000
