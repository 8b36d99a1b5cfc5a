"""What stands in the two streams, unfinished, as sealed frames, and back under the same ids."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import redis

from app.capture.events import Entry
from app.capture.sealing import Sealer
from app.capture.streams import MIRROR, RECORD

AT_ONCE = 200
# In this order: what leaves the first one meanwhile is in the second by the time that one is read.
STREAMS = (MIRROR, RECORD)


def open_redis(redis_url: str) -> redis.Redis:
    """A client that waits for its answers."""
    return redis.Redis.from_url(
        redis_url.replace("redis+socket://", "unix://", 1), socket_connect_timeout=10, socket_timeout=60
    )


def read_stream(client: redis.Redis, stream: str, sealer: Sealer) -> Iterator[tuple[int, bytes]]:
    """Entries as frames: how many they are, and they themselves, sealed with the key of the streams.

    What is added meanwhile is left out: under traffic there would be no end.
    """
    newest: Any = client.xrevrange(stream, count=1)
    if not newest:
        return
    after, last = "-", newest[0][0].decode()
    place = 0
    while True:
        entries: Any = client.xrange(stream, min=after, max=last, count=AT_ONCE)
        if not entries:
            return
        plain = orjson.dumps([[number.decode(), _packed(entry)] for number, entry in entries])
        yield len(entries), sealer.seal(plain, _name_of(stream, place))
        after = f"({entries[-1][0].decode()}"
        place += 1


def _packed(entry: Entry) -> dict[str, str]:
    return {name.decode(): b64encode(value).decode() for name, value in entry.items()}


def write_stream(client: redis.Redis, stream: str, frames: Iterable[bytes], sealer: Sealer) -> int:
    """Adds the entries of frames; how many they are.

    Raises:
        SealError: The frames were sealed with another key.
    """
    added = 0
    for place, frame in enumerate(frames):
        for number, fields in orjson.loads(sealer.open(frame, _name_of(stream, place))):
            client.xadd(stream, {name.encode(): b64decode(value) for name, value in fields.items()}, id=number)
            added += 1
    return added


def _name_of(stream: str, place: int) -> bytes:
    return f"parallel-pilot backup {stream} {place}".encode()
