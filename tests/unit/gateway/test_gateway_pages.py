"""Metrics and health of a gateway; they say nothing of what passed."""

import json
import re
from pathlib import Path

from app.domain.live import DROP_REASONS
from app.gateway.figures import REFUSED_REASONS, UPSTREAM_REASONS
from tests.unit.gateway.front import Front, front, parts
from tests.unit.gateway.upstream_servers import answering, run, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def metrics(gateway: Front) -> dict[str, float]:
    text = parts(await gateway.ask(method="GET", path="/metrics", body=b""))[2].decode()
    return {name: float(value) for name, value in re.findall(r"^(pilot_gateway_\S+) (\S+)$", text, re.MULTILINE)}


def test_every_reason_is_there_before_it_happens(tmp_path: Path) -> None:
    async def story() -> None:
        async with front(tmp_path, "http://127.0.0.1:9/v1") as gateway:
            found = await metrics(gateway)
            assert {
                f'pilot_gateway_requests_total{{reason="{reason}"}}' for reason in (*DROP_REASONS, "mirrored")
            } <= found.keys()
            assert {f'pilot_gateway_refused_total{{reason="{reason}"}}' for reason in REFUSED_REASONS} <= found.keys()
            assert {f'pilot_gateway_upstream_errors_total{{reason="{reason}"}}' for reason in UPSTREAM_REASONS} <= found.keys()
            assert {f'pilot_gateway_responses_total{{status="{number}xx"}}' for number in range(1, 6)} <= found.keys()
            assert 'pilot_gateway_added_seconds_bucket{group="bypass",le="+Inf",side="after"}' in found

    run(story())


def test_added_time_is_a_histogram_of_all_requests(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving(answering(OK)) as incumbent, front(tmp_path, incumbent.url) as gateway:
            before = await metrics(gateway)
            for _ in range(5):
                await gateway.ask()
            after = await metrics(gateway)
            for side in ("before", "after"):
                name = f'pilot_gateway_added_seconds_count{{group="mirrored",side="{side}"}}'
                assert after[name] - before[name] == 5
                largest = f'pilot_gateway_added_seconds_bucket{{group="mirrored",le="+Inf",side="{side}"}}'
                assert after[largest] - before[largest] == 5
                total = f'pilot_gateway_added_seconds_sum{{group="mirrored",side="{side}"}}'
                assert after[total] > before[total]

    run(story())


def test_ready_means_that_a_routing_file_was_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with front(tmp_path, None) as gateway:
            assert parts(await gateway.ask(method="GET", path="/health/ready", body=b""))[0] == 503
            assert parts(await gateway.ask(method="GET", path="/health/live", body=b""))[0] == 200
            status, headers, body = parts(await gateway.ask())
            assert (status, json.loads(body)["error"]["code"]) == (503, "no_routing")
            assert (b"x-pilot-error", b"no_routing") in headers
        async with front(tmp_path, "http://127.0.0.1:9/v1") as gateway:
            assert parts(await gateway.ask(method="GET", path="/health/ready", body=b""))[0] == 200
            assert parts(await gateway.ask(method="GET", path="/health/ready/", body=b""))[0] == 404

    run(story())
