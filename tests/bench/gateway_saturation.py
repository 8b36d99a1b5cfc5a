"""Nobody reads the streams and their bound is small: observations are shed and counted, production is answered."""

import asyncio
from pathlib import Path
from typing import Any, cast

from app.capture.events import Entry, decode, head_of
from app.capture.streams import MIRROR, RECORD, open_streams
from app.domain.live import CountEvent
from app.stack.redis import EmbeddedRedis
from tests.bench.gateway_goals import goal
from tests.bench.gateway_loads import Cpus, Load, model
from tests.bench.gateway_systems import gateway, redis_on

STREAM_BYTES = 8 * 1024**2
CONNECTIONS = 32


def run(folder: Path, cpus: Cpus, load: Load, program: Path, seconds: float) -> dict[str, Any]:
    """What production was answered, and what the ledger and the stream say of the same requests."""
    home = folder / "saturated"
    home.mkdir(mode=0o711)
    with redis_on(home, cpus.others) as redis, model(program, cpus.others) as incumbent:
        settings = {"PILOT_STREAM_BYTES": str(STREAM_BYTES), "PILOT_OUTBOX_BYTES": str(1024**2)}
        with gateway(home, cpus.tested, incumbent.url, redis, **settings) as system:
            found = load.run("closed", system.port, CONNECTIONS, seconds)
        return _accounted(found, asyncio.run(_in_redis(redis)))


def _accounted(found: dict[str, Any], kept: dict[str, int]) -> dict[str, Any]:
    failed = found["not_200"] + found["broken"] + found["unanswered"]
    return {
        "answered": found["answered"],
        "failed": failed,
        **kept,
        "unaccounted": kept["issued"] - kept["kept"] - kept["shed"],
    }


async def _in_redis(redis: EmbeddedRedis) -> dict[str, int]:
    client = open_streams(redis.url)
    try:
        mirror, record = [cast("list[tuple[bytes, Entry]]", await client.xrange(stream)) for stream in (MIRROR, RECORD)]
        kinds = [head_of(entry)["kind"] for _, entry in mirror]
        counts = [event for _, entry in record if isinstance(event := decode(entry), CountEvent)]
        last = counts[-1].pilots["bench"]
        memory = int(await client.memory_usage(MIRROR) or 0)
    finally:
        await client.aclose()
    return {
        "issued": last.issued, "kept": kinds.count("request"), "replies_kept": kinds.count("reply"),
        "shed": sum(last.dropped.values()), "stream_bytes": memory,
    }  # fmt: skip


def goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Production never fails; every request is either kept or counted; the bound holds."""
    return [
        goal("saturated: failed production requests", found["failed"], 0, 0),
        goal("saturated: observations shed and counted", found["shed"], 1, 1, is_least=True),
        goal("saturated: requests neither kept nor counted", abs(found["unaccounted"]), 0, 0),
    ]
