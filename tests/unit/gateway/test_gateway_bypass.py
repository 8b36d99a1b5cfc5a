"""One request of each block bypasses mirroring; and the gateway's own time, for who asks for it."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.gateway import answers
from app.gateway.application import _told
from app.gateway.counting import PilotLedger
from app.gateway.headers import asks_for_overhead, read_request_headers
from tests.unit.gateway.front import Front, front, parts
from tests.unit.gateway.test_gateway_pages import metrics
from tests.unit.gateway.upstream_servers import Peer, answering, run, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
TOLD = b"x-pilot-overhead-seconds"


def drawn(every: int, requests: int) -> list[int]:
    ledger, found = PilotLedger(every), []
    for _ in range(requests):
        number = ledger.issue()
        if number == ledger.next_bypass:
            found.append(number)
            ledger.draw_next()
    return found


@pytest.mark.parametrize("every", [1, 2, 7, 100])
def test_each_block_but_the_first_has_one_that_bypasses(every: int) -> None:
    found = drawn(every, 10 * every)
    assert [(number - 1) // every for number in found] == list(range(1, 10))


def test_the_place_in_the_block_is_drawn() -> None:
    places = Counter((number - 1) % 5 for number in drawn(5, 5_000))
    assert places.keys() == set(range(5))
    assert min(places.values()) > 100  # 200 expected; below 100 once in 10^18 runs


def test_none_bypasses_where_it_is_switched_off() -> None:
    assert drawn(0, 3_000) == []


def test_what_bypasses_is_forwarded_alike_and_timed_in_a_group_of_its_own(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url, gateway_bypass_every=3) as gateway:
            before = await metrics(gateway)
            answers = [parts(await gateway.ask())[2] for _ in range(9)]
            after = await metrics(gateway)
        assert answers == [b"{}"] * 9
        assert len(incumbent.requests) == 9
        counted = {name: after[name] - before[name] for name in after}
        assert counted['pilot_gateway_requests_total{reason="not_sampled"}'] == 2
        assert counted['pilot_gateway_requests_total{reason="mirrored"}'] == 7
        for side in ("before", "after"):
            assert counted[f'pilot_gateway_added_seconds_count{{group="bypass",side="{side}"}}'] == 2
            assert counted[f'pilot_gateway_added_seconds_count{{group="mirrored",side="{side}"}}'] == 7

    run(story())


def test_a_request_that_leaves_no_copy_anyway_keeps_its_own_reason(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url, gateway_bypass_every=1) as gateway:
            before = await metrics(gateway)
            for _ in range(3):
                await gateway.ask(headers="X-Pilot-Mirror: off\r\n")
            after = await metrics(gateway)
        counted = {name: after[name] - before[name] for name in after}
        assert counted['pilot_gateway_requests_total{reason="opted_out"}'] == 3
        assert counted['pilot_gateway_requests_total{reason="not_sampled"}'] == 0
        assert counted['pilot_gateway_added_seconds_count{group="other",side="after"}'] == 3

    run(story())


async def told(gateway: Front, **asked: Any) -> tuple[int, list[float]]:
    status, headers, _ = parts(await gateway.ask(headers="X-Pilot-Overhead: 1\r\n", **asked))
    return status, [float(value) for name, value in headers if name == TOLD]


def test_who_asks_is_told_the_time_that_the_gateway_itself_took(tmp_path: Path) -> None:
    async def slow(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.2)
        await peer.say(OK)

    async def story() -> None:
        async with serving(slow) as incumbent, front(tmp_path, incumbent.url) as gateway:
            status, [seconds] = await told(gateway)
            assert status == 200
            assert 0 < seconds < 0.2  # the incumbent's own time is no part of it
            plain = await gateway.ask()
            assert TOLD not in plain
            assert (await gateway.ask(headers="X-Pilot-Overhead: off\r\n")) == plain
        assert all(b"overhead" not in head.lower() for head, _ in incumbent.requests)

    run(story())


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"path": "/nowhere"}, 404), ({"path": "/p/none/v1/x"}, 404), ({"path": "/v1/a/../x"}, 400), ({}, 502)],
)
def test_answers_of_ours_tell_it_too(tmp_path: Path, asked: dict[str, Any], status: int) -> None:
    async def story() -> None:
        async with front(tmp_path, "http://127.0.0.1:9/v1") as gateway:
            found, seconds = await told(gateway, **asked)
            assert (found, len(seconds)) == (status, 1)

    run(story())


def test_an_incumbent_that_breaks_off_late_is_not_counted_as_our_time(tmp_path: Path) -> None:
    async def leaves(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.2)

    async def story() -> None:
        async with serving(leaves) as incumbent, front(tmp_path, incumbent.url) as gateway:
            status, [seconds] = await told(gateway)
            assert status == 502
            assert seconds < 0.2

    run(story())


def test_a_clock_that_is_set_back_makes_no_negative_time() -> None:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"headers": [(b"x-pilot-overhead", b"1")]}
    in_an_hour = (time.time_ns() // 1000) + 3_600_000_000
    run(answers.refuse_upgrade(_told(scope, send, in_an_hour)))
    assert dict(said[0]["headers"])[TOLD] == b"0.000000"


@pytest.mark.parametrize(
    ("value", "asks"),
    [(b"1", True), (b"true", True), (b"Yes", True), (b"0", False), (b"off", False), (b"", False), (b" no ", False)],
)
def test_any_word_that_is_no_no_asks(value: bytes, asks: bool) -> None:
    headers = [(b"host", b"g"), (b"x-pilot-overhead", value)]
    found = read_request_headers(headers)
    assert found.wants_overhead is asks is asks_for_overhead(headers)
    assert found.passed == []
