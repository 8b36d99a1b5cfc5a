"""The in-app client on a whole stack of which API and Redis are killed under traffic: nothing is felt, nothing is missing."""

import tempfile
import time
from pathlib import Path

import httpx2

from parallel_pilot import sending, shadow_transport
from tests.live.stack import live_stack, wait_until
from tests.live.vendor import expected_body

REQUESTS = 120
KILLED_AT = {40: "api", 80: "redis"}


def test_production_goes_on_and_every_request_is_in_the_ledger() -> None:
    with tempfile.TemporaryDirectory(prefix="pp-app-") as folder, live_stack(Path(folder)) as stack:
        key = stack.service.post("/keys", {"name": "app", "role": "ingest"})["key"]
        transport = shadow_transport(pilot="live", service_url=stack.service.url, api_key=key)
        with httpx2.Client(transport=transport, base_url=stack.vendor_url, trust_env=False) as client:
            for number in range(REQUESTS):
                if number in KILLED_AT:
                    stack.kill(KILLED_AT[number])
                message = {"role": "user", "content": f"in the app {number}"}
                request = {"model": "vendor-model", "messages": [message], "stream": number % 3 == 0}
                answer = client.post("chat/completions", json=request, headers={"X-Pilot-Conversation": f"c-{number}"})
                assert answer.content == expected_body("vendor-model", request)
                time.sleep(0.02)
            client.get("models")
        for name in KILLED_AT.values():
            wait_until(lambda name=name: stack.is_back(name), 60.0)  # type: ignore[misc]
        sender = sending._senders[stack.service.url, key]
        wait_until(lambda: sender.outbox.is_empty and not sender.outbox.is_dirty, 60.0)
        coverage = stack.settled("live", REQUESTS + 1)
        reasons = {reason: count for reason, count in coverage["by_reason"].items() if count}
        assert reasons == {"captured": REQUESTS, "not_mirrored_route": 1}
        assert sender.failures == 0
        sending.end_all()
