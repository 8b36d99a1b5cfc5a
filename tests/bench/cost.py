"""`./run bench cost`: what one mirrored request costs each process: processor time, bytes in Redis, bytes in PostgreSQL.

The figures that docs/scale-out.md multiplies. Processor time is what the kernel counted, so that a busy machine changes it
little; what the processes use without traffic is measured before and taken off.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import Engine, text
from typing_extensions import override

from app.stack.postgres import locate_postgres
from app.stack.redis import locate_redis
from app.store.session import make_engine
from tests.live.processor_time import seconds_of
from tests.live.production import Production
from tests.live.stack import LiveStack, live_stack

PROCESSES = ("gateway", "api", "mirror", "recorder", "worker", "beat", "postgres", "redis")
WARM_SECONDS, IDLE_SECONDS = 5.0, 15.0
REQUEST_BYTES = 1000


class Padded(Production):
    """Requests of one kilobyte, each another one."""

    @override
    def _request(self, number: int) -> dict[str, Any]:
        request = super()._request(number)
        message = request["messages"][0]
        message["content"] += " " + f"{number:09d} " * (REQUEST_BYTES // 10)
        return request


def main(arguments: list[str] | None = None) -> int:
    """Measures, and prints one JSON object."""
    parser = argparse.ArgumentParser(prog="./run bench cost", description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second, a third of them streamed")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="pp-cost-") as folder,
        live_stack(Path(folder), PILOT_GATEWAY_BYPASS_EVERY="0") as stack,
        _servers(stack) as servers,
    ):
        report = _measure(stack, *servers, options.rate, options.seconds)
    _print(report)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if report["failed"] == 0 and report["captured"] == report["requests"] else 1


@contextmanager
def _servers(stack: LiveStack) -> Iterator[tuple[Engine, "redis.Redis"]]:
    engine = make_engine(locate_postgres(stack.home, lambda _: None).url, pool_size=1)
    client = redis.Redis.from_url(locate_redis(stack.home).url)
    yield engine, client
    engine.dispose()
    client.close()


def _measure(stack: LiveStack, engine: Engine, client: "redis.Redis", rate: float, seconds: float) -> dict[str, Any]:
    _drive(stack, "warm", rate, WARM_SECONDS)
    stack.settled("live", int(rate * WARM_SECONDS * 0.8))
    before_idle = _seconds(stack)
    time.sleep(IDLE_SECONDS)
    idle = {name: (now - before_idle[name]) / IDLE_SECONDS for name, now in _seconds(stack).items()}
    known = stack.coverage("live")["by_reason"]["captured"]
    before, stored, spoken, began = _seconds(stack), _database_bytes(engine), _redis_figures(client), time.monotonic()
    outcome = _drive(stack, "cost", rate, seconds)
    sent = int(outcome["sent"])
    found = stack.settled("live", known + sent)
    took = time.monotonic() - began
    used = {name: now - before[name] - idle[name] * took for name, now in _seconds(stack).items()}
    after = _redis_figures(client)
    return {
        "rate": rate,
        "requests": sent,
        "failed": outcome["failed"],
        "captured": found["by_reason"]["captured"] - known,
        "request_bytes": REQUEST_BYTES,
        "processor_ms_per_request": {name: round(max(0.0, used[name]) / sent * 1000, 3) for name in PROCESSES},
        "processor_share_without_traffic": {name: round(idle[name], 4) for name in PROCESSES},
        "postgres_bytes_per_request": round((_database_bytes(engine) - stored) / sent),
        "redis_bytes_in_per_request": round((after["in"] - spoken["in"]) / sent),
        "redis_commands_per_request": round((after["commands"] - spoken["commands"]) / sent, 1),
        "redis_log_bytes_per_request": round((after["log"] - spoken["log"]) / sent),
        "resident_megabytes": {name: round(_resident_bytes(stack, name) / 1e6) for name in PROCESSES[:6]},
    }


def _drive(stack: LiveStack, name: str, rate: float, seconds: float) -> dict[str, int]:
    production = Padded(f"{stack.gateway_url}/v1", model="vendor-model", rate=rate, name=f"{name}-{time.time_ns()}")
    production.start()
    time.sleep(seconds)
    outcome = production.stop()
    return {"sent": outcome.sent, "failed": len(outcome.failed) + len(outcome.wrong)}


def _seconds(stack: LiveStack) -> dict[str, float]:
    return {name: seconds_of(stack.pids(name)) for name in PROCESSES}


def _resident_bytes(stack: LiveStack, name: str) -> int:
    """Of the largest process of that name."""
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in stack.pids(name)]
    return max(pages, default=0) * 4096


def _database_bytes(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def _redis_figures(client: "redis.Redis") -> dict[str, int]:
    found: Any = client.info("everything")
    log = found.get("aof_current_size", 0)
    return {"in": found["total_net_input_bytes"], "commands": found["total_commands_processed"], "log": log}


def _print(report: dict[str, Any]) -> None:
    sys.stdout.write(f"{report['requests']} requests of {REQUEST_BYTES} bytes at {report['rate']:g}/s\n")
    for name, each in report["processor_ms_per_request"].items():
        idle = report["processor_share_without_traffic"][name]
        sys.stdout.write(f"  {name:<9} {each:7.3f} ms of processor time a request, {idle:6.2%} of a core without traffic\n")


if __name__ == "__main__":
    sys.exit(main())
