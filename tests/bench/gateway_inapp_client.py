"""A production process that calls a model with and without the in-app transport, in alternating blocks."""

import json
import sys
import time
from statistics import median, quantiles

import httpx2

from parallel_pilot import shadow_transport

BLOCK = 100
BLOCKS = 20
PAUSE_SECONDS = 0.002
WORDS = "please summarise this ticket for the team "
REQUEST = {"model": "fake", "messages": [{"role": "user", "content": (WORDS * 20)[:800]}], "temperature": 0.2}


def main() -> None:
    """Arguments: the model's base URL, the port of who takes the copies, repetitions."""
    url, port, repetitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
    shadow = shadow_transport(pilot="bench", service_url=f"http://127.0.0.1:{port}", api_key="key")
    with httpx2.Client(transport=httpx2.HTTPTransport()) as plain, httpx2.Client(transport=shadow) as mirrored:
        _block(plain, url)
        _block(mirrored, url)
        without: list[float] = []
        with_it: list[float] = []
        added = []
        for _ in range(repetitions):
            pairs = [(_block(plain, url), _block(mirrored, url)) for _ in range(BLOCKS)]
            once, again = [ms for left, _ in pairs for ms in left], [ms for _, right in pairs for ms in right]
            added.append(median(again) - median(once))
            without += once
            with_it += again
    found = {
        "without_p50_ms": median(without), "with_p50_ms": median(with_it), "added_p50_ms": median(added),
        "added_p99_ms": quantiles(with_it, n=100)[98] - quantiles(without, n=100)[98], "calls": len(with_it),
    }  # fmt: skip
    sys.stdout.write(json.dumps({name: round(value, 4) for name, value in found.items()}) + "\n")


def _block(client: httpx2.Client, url: str) -> list[float]:
    times = []
    for _ in range(BLOCK):
        began = time.perf_counter()
        client.post(f"{url}/chat/completions", json=REQUEST, headers={"Authorization": "Bearer sk-1234"}).raise_for_status()
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(PAUSE_SECONDS)
    return times


main()
