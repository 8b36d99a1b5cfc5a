"""What the API's look at Redis, PostgreSQL and the disk says in metrics. Import it after `app.metrics.share_metrics`.

What is not known is NaN, never 0: while a server does not answer, nobody knows how full it is.
"""

from prometheus_client import Gauge

from app.capture.server_seen import RedisSeen
from app.capture.streams import MIRROR, RECORD
from app.domain.health import PARTS, PartName
from app.domain.queues import BATCH_QUEUES, LIVE_QUEUES
from app.pipeline.health import SILENT_SECONDS, Seen, Word

QUEUES = (*LIVE_QUEUES, *BATCH_QUEUES)
UNKNOWN = float("nan")
_STANDINGS = {"ok": 1.0, "ill": 0.0, "unknown": UNKNOWN}


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    """Several APIs look at the same thing: the newest look counts."""
    return Gauge(name, text, labels, multiprocess_mode="livemostrecent")


parts = _gauge("pilot_health_part", "1 = the part is well, 0 = it is ill, NaN = who would know does not answer.", "part")
redis_up = _gauge("pilot_redis_up", "Whether Redis answers.")
redis_bytes = _gauge("pilot_redis_memory_bytes", "Memory that Redis uses.")
redis_most = _gauge("pilot_redis_memory_most_bytes", "Its maxmemory; 0 = no bound.")
living = _gauge("pilot_processes_live", "Processes that said lately that they live.", "process")
entries = _gauge("pilot_stream_entries", "Entries that nobody has finished.", "stream")
stream_bytes = _gauge("pilot_stream_bytes", "Memory that they take.", "stream")
stream_most = _gauge("pilot_stream_most_bytes", "The bound of each stream.")
oldest = _gauge("pilot_stream_oldest_seconds", "Age of the oldest entry; 0 = there is none.", "stream")
queued = _gauge("pilot_queue_messages", "Jobs that wait for a worker.", "queue")
queue_oldest = _gauge("pilot_queue_oldest_seconds", "How long the oldest waits; 0 = none does.", "queue")
in_hand = _gauge("pilot_queue_in_hand", "Jobs that workers have and have not finished.")
postgres_up = _gauge("pilot_postgres_up", "Whether PostgreSQL answers and is migrated.")
postgres_bytes = _gauge("pilot_postgres_bytes", "Size of the database.")
recorder_lag = _gauge("pilot_recorder_lag_seconds", "How far behind the present the recorder is; NaN = none ran yet.")
disk_free = _gauge("pilot_disk_free_bytes", "Room that is left on a disk that the API sees.", "disk")
disk_size = _gauge("pilot_disk_size_bytes", "Size of that disk.", "disk")

for _part in PARTS:
    parts.labels(_part).set(UNKNOWN)


def show(seen: Seen, words: dict[PartName, Word]) -> None:
    """Brings them up to date."""
    for name, word in words.items():
        parts.labels(name).set(_STANDINGS[word.status])
    _show_redis(seen.redis)
    stream_most.set(seen.stream_bytes)
    database = seen.database
    postgres_up.set(database is not None)
    postgres_bytes.set(UNKNOWN if database is None else database.bytes)
    lag = None if database is None else database.recorder_lag_seconds
    recorder_lag.set(UNKNOWN if lag is None else lag)
    for place, disk in seen.disks.items():
        disk_free.labels(place).set(disk.free_bytes)
        disk_size.labels(place).set(disk.size_bytes)


def _show_redis(found: RedisSeen | None) -> None:
    redis_up.set(found is not None)
    redis_bytes.set(UNKNOWN if found is None else found.used_bytes)
    redis_most.set(UNKNOWN if found is None else found.most_bytes)
    in_hand.set(UNKNOWN if found is None else found.in_hand)
    for queue in QUEUES:
        queued.labels(queue).set(UNKNOWN if found is None else found.queued.get(queue, 0))
        queue_oldest.labels(queue).set(UNKNOWN if found is None else found.oldest_queued_seconds.get(queue, 0.0))
    for process, limit in SILENT_SECONDS.items():
        heard = {} if found is None else found.heard.get(process, {})
        living.labels(process).set(UNKNOWN if found is None else sum(ago <= limit for ago in heard.values()))
    for stream in (MIRROR, RECORD):
        one = None if found is None else found.streams[stream]
        entries.labels(stream).set(UNKNOWN if one is None else one.entries)
        stream_bytes.labels(stream).set(UNKNOWN if one is None else one.bytes)
        oldest.labels(stream).set(UNKNOWN if one is None else one.oldest_seconds or 0.0)
