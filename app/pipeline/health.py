"""Which part of the service is ill: read off what one look at Redis, PostgreSQL and the disk found. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.capture.server_seen import RedisSeen
from app.capture.streams import MIRROR, RECORD
from app.domain.health import PARTS, Part, PartName, Parts, Standing
from app.domain.queues import LIVE_QUEUES
from app.store.server_seen import DatabaseSeen

# They say that they live every two seconds, a worker every five, beat with each tick (at most ten seconds apart).
SILENT_SECONDS = {"gateway": 15.0, "mirror": 15.0, "recorder": 15.0, "worker": 30.0, "beat": 45.0}
# One of several that fell silent without a word is missed for so long; then it is taken to have been removed.
MISSED_SECONDS = 600.0
LAG_SECONDS = 300.0
STREAM_SHARE = MEMORY_SHARE = 0.8
OLDEST_SECONDS = {MIRROR: 900.0, RECORD: 300.0}
QUEUED_SECONDS = 900.0
DISK_SHARE, DISK_BYTES = 0.05, 512 * 1024**2
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class DiskSeen:
    """Room on a disk, and the parts that write to it."""

    free_bytes: int
    size_bytes: int
    parts: frozenset[PartName]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found.

    Attributes:
        redis: `None` = it does not answer; then `redis_problem` says why.
        database: `None` = it does not answer or is not migrated; then `database_problem` says why.
        routing_problem: Why the gateway's file cannot be read; "" = it can.
        stream_bytes: The bound of each stream.
        disks: Those that this process can see.
    """

    redis: RedisSeen | None
    redis_problem: str = ""
    database: DatabaseSeen | None = None
    database_problem: str = ""
    routing_problem: str = ""
    stream_bytes: int = 0
    disks: dict[str, DiskSeen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Word:
    """What is said of a part; `since_seconds` `None` = who looks remembers since when."""

    status: Standing
    what: str
    since_seconds: float | None = None


def words_of(seen: Seen) -> dict[PartName, Word]:
    """What is to be said of each part."""
    said: dict[PartName, Word] = {"api": Word("ok", "it answers")}
    for process in ("gateway", "mirror", "worker", "beat"):
        said[process] = _process(seen, process)
    said["recorder"] = _recorder(seen)
    said["worker"] = _worker(seen, said["worker"])
    said["redis"] = _redis(seen)
    said["streams"] = _streams(seen)
    said["postgres"] = _full(seen, "postgres") or _postgres(seen)
    routing = Word("ill", seen.routing_problem) if seen.routing_problem else Word("ok", "the gateway's file can be read")
    said["routing"] = _full(seen, "routing") or routing
    return {name: said[name] for name in PARTS}


def parts_of(words: dict[PartName, Word], ill_seconds: dict[PartName, float]) -> Parts:
    """All parts, those that are ill with how long they are."""
    parts = [
        Part(
            name=name,
            status=word.status,
            what=word.what,
            since_seconds=(word.since_seconds or ill_seconds.get(name, 0.0)) if word.status == "ill" else None,
        )
        for name, word in words.items()
    ]
    return Parts(status="ok" if all(part.status == "ok" for part in parts) else "ill", parts=parts)


def _process(seen: Seen, process: str) -> Word:
    if seen.redis is None:
        return Word("unknown", "Redis, where it would say that it lives, does not answer")
    heard, limit = seen.redis.heard.get(process, {}), SILENT_SECONDS[process]
    living = sorted(slot for slot, ago in heard.items() if ago <= limit)
    silent = {slot: ago for slot, ago in heard.items() if ago > limit}
    if living:
        silent = {slot: ago for slot, ago in silent.items() if ago <= MISSED_SECONDS}
    if silent:
        words = ", ".join(f"{slot} has said nothing for {ago:.0f} s" for slot, ago in sorted(silent.items()))
        return Word("ill", words, max(silent.values()))
    if not living:
        return Word("ill", "none runs, as far as Redis knows")
    return Word("ok", f"{len(living)} live: {', '.join(living)}")


def _recorder(seen: Seen) -> Word:
    word, lag = _process(seen, "recorder"), seen.database.recorder_lag_seconds if seen.database is not None else None
    if word.status == "ok" and lag is not None and lag > LAG_SECONDS:
        return Word("ill", f"it lives and is {lag:.0f} s behind", lag)
    return word


def _worker(seen: Seen, word: Word) -> Word:
    waiting = seen.redis.oldest_queued_seconds if seen.redis is not None else {}
    oldest = max((waiting.get(queue, 0.0) for queue in LIVE_QUEUES), default=0.0)  # the others may wait for hours
    if word.status == "ok" and oldest > QUEUED_SECONDS:
        return Word("ill", f"a job waits for {oldest:.0f} s", oldest)
    return word


def _redis(seen: Seen) -> Word:
    found = seen.redis
    if found is None:
        return Word("ill", seen.redis_problem)
    if found.writes:
        return Word("ill", found.writes)
    if found.most_bytes and found.used_bytes > MEMORY_SHARE * found.most_bytes:
        return Word(
            "ill", f"{found.used_bytes / MIB:,.0f} MiB of {found.most_bytes / MIB:,.0f} MiB are used; full, it refuses writes"
        )
    return _full(seen, "redis") or Word("ok", f"it answers; {found.used_bytes / MIB:,.0f} MiB are used")


def _streams(seen: Seen) -> Word:
    if seen.redis is None:
        return Word("unknown", "Redis, which holds them, does not answer")
    ill = list(_full_streams(seen.redis, seen.stream_bytes))
    if ill:
        return Word("ill", "; ".join(ill))
    return Word("ok", ", ".join(f"{name}: {found.entries:,} entries" for name, found in seen.redis.streams.items()))


def _full_streams(found: RedisSeen, most_bytes: int) -> Iterator[str]:
    for name, stream in found.streams.items():
        share = stream.bytes / most_bytes if most_bytes else 0.0
        if share >= STREAM_SHARE:
            yield f"{name} is at {share:.0%} of its bound; at 100 % requests are no longer copied"
        elif stream.oldest_seconds is not None and stream.oldest_seconds > OLDEST_SECONDS[name]:
            yield f"the oldest entry of {name} is {stream.oldest_seconds:.0f} s old"


def _postgres(seen: Seen) -> Word:
    if seen.database is None:
        return Word("ill", seen.database_problem)
    return Word("ok", f"it answers and is migrated; {seen.database.bytes / MIB:,.0f} MiB")


def _full(seen: Seen, part: PartName) -> Word | None:
    """A disk that is nearly full makes ill what writes to it."""
    for name, disk in seen.disks.items():
        if part in disk.parts and disk.free_bytes < max(DISK_BYTES, DISK_SHARE * disk.size_bytes):
            return Word(
                "ill", f"the disk of {name} has {disk.free_bytes / MIB:,.0f} MiB of {disk.size_bytes / MIB:,.0f} MiB left"
            )
    return None
