"""Which part is called ill, by what one look found; and since when."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.capture.server_seen import RedisSeen, StreamSeen
from app.domain.health import PARTS
from app.pipeline.health import DiskSeen, Seen, parts_of, words_of
from app.pipeline.health_watch import routing_problem
from app.store.server_seen import DatabaseSeen
from tests.unit.gateway.front import write_routing

MIB = 1024**2
HEARD = {
    "gateway": {"gateway-1": 1.0, "gateway-2": 0.5}, "mirror": {"mirror-1": 2.0}, "recorder": {"recorder-1": 0.0},
    "worker": {"worker@a": 3.0}, "beat": {"beat-1": 9.0},
}  # fmt: skip
EMPTY = StreamSeen(0, 900, None)
REDIS = RedisSeen(
    used_bytes=10 * MIB, most_bytes=0, writes="", streams={"mirror": EMPTY, "record": EMPTY}, heard=HEARD,
    queued={"pilot-now": 1}, oldest_queued_seconds={"pilot-now": 2.0, "pilot-batch": 9_000.0},
)  # fmt: skip
WELL = Seen(
    redis=REDIS,
    database=DatabaseSeen(1.5, 20 * MIB),
    stream_bytes=100 * MIB,
    disks={"home": DiskSeen(50_000 * MIB, 100_000 * MIB, frozenset({"postgres", "routing"}))},
)


def heard(process: str, **slots: float) -> Seen:
    return with_redis(heard=HEARD | {process: {name.replace("_", "-"): ago for name, ago in slots.items()}})


def with_redis(**changes: Any) -> Seen:
    return replace(WELL, redis=replace(REDIS, **changes))


def with_stream(name: str, stream: StreamSeen) -> Seen:
    return with_redis(streams=REDIS.streams | {name: stream})


def test_all_is_well() -> None:
    words = words_of(WELL)
    assert tuple(words) == PARTS
    assert {word.status for word in words.values()} == {"ok"}
    assert parts_of(words, {}).status == "ok"
    assert words["gateway"].what == "2 live: gateway-1, gateway-2"


@pytest.mark.parametrize(
    ("seen", "part", "what", "since"),
    [
        (heard("mirror", mirror_1=41.0), "mirror", "mirror-1 has said nothing for 41 s", 41.0),
        (heard("mirror"), "mirror", "none runs", None),
        (heard("gateway", gateway_1=1.0, gateway_2=60.0), "gateway", "gateway-2 has said nothing for 60 s", 60.0),
        (heard("beat", beat_1=46.0), "beat", "beat-1 has said nothing", 46.0),
        (replace(WELL, database=DatabaseSeen(400.0, 1)), "recorder", "it lives and is 400 s behind", 400.0),
        (with_redis(oldest_queued_seconds={"pilot-live": 901.0}), "worker", "a job waits for 901 s", 901.0),
        (with_redis(writes="it cannot write its append-only file"), "redis", "cannot write", None),
        (with_redis(most_bytes=12 * MIB), "redis", "10 MiB of 12 MiB are used", None),
        (replace(WELL, database=None, database_problem="the database does not answer"), "postgres", "does not answer", None),
        (with_stream("record", StreamSeen(9, 80 * MIB, 1.0)), "streams", "record is at 80% of its bound", None),
        (with_stream("record", StreamSeen(9, 1, 301.0)), "streams", "oldest entry of record is 301 s old", None),
        (with_stream("mirror", StreamSeen(9, 1, 901.0)), "streams", "oldest entry of mirror is 901 s old", None),
        (replace(WELL, routing_problem="the gateway's file is gone"), "routing", "is gone", None),
    ],
)  # fmt: skip
def test_one_part_is_ill_and_the_others_are_not(seen: Seen, part: Any, what: str, since: float | None) -> None:
    words = words_of(seen)
    assert [name for name, word in words.items() if word.status != "ok"] == [part]
    assert what in words[part].what
    assert words[part].since_seconds == since
    found = parts_of(words, {part: 7.0})
    assert found.status == "ill"
    assert [one.since_seconds for one in found.parts if one.name == part] == [since or 7.0]


@pytest.mark.parametrize(
    "seen",
    [
        heard("mirror", mirror_1=1.0, mirror_2=601.0),  # one of several that was removed long ago
        with_stream("mirror", StreamSeen(9, 79 * MIB, 899.0)),
        replace(WELL, database=DatabaseSeen(None, 1)),
        with_redis(oldest_queued_seconds={"pilot-batch": 100_000.0}),
    ],
)
def test_what_is_within_its_bounds_is_well(seen: Seen) -> None:
    assert parts_of(words_of(seen), {}).status == "ok"


def test_without_redis_nobody_can_say_who_lives() -> None:
    words = words_of(replace(WELL, redis=None, redis_problem="it does not answer: refused"))
    unknown = {name for name, word in words.items() if word.status == "unknown"}
    assert unknown == {"gateway", "mirror", "recorder", "worker", "beat", "streams"}
    assert words["redis"].what == "it does not answer: refused"
    assert parts_of(words, {}).status == "ill"


def test_a_full_disk_makes_ill_what_writes_to_it() -> None:
    disks = {"home": DiskSeen(4_000 * MIB, 100_000 * MIB, frozenset({"postgres", "routing"}))}
    words = words_of(replace(WELL, disks=disks))
    assert {name for name, word in words.items() if word.status == "ill"} == {"postgres", "routing"}
    assert "4,000 MiB of 100,000 MiB left" in words["postgres"].what


def test_a_routing_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in routing_problem(tmp_path)
    write_routing(tmp_path, "http://127.0.0.1:9/v1")
    assert routing_problem(tmp_path) == ""
    (tmp_path / "routing.json").write_text("{}")
    assert "is not what it should be" in routing_problem(tmp_path)
