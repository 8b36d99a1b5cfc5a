"""Entries of a newer version than ours, during an upgrade: left in the stream, unacknowledged, for one that can read them.

A process that comes after us (under our name, or that takes over what we leave) gets them. What nobody could read within an
hour is handed on as unreadable, and counted as such: an older version that stays must not hold up the rest for good. So are the
oldest ones where they would take more than their share of the stream, which has to have room for what can be read.
"""

import logging
from collections.abc import Sequence

import redis.asyncio

from app.capture.events import Entry, NewerEvent, head_of, size_of
from app.capture.streams import age_seconds, entries_at

WAITS_SECONDS = 3600.0
MOST_WAITING = 50_000
# Of the default bound of a stream; of another one half of that.
MOST_BYTES = 128 * 1024**2
STREAM_SHARE = 0.5
GIVEN_UP_AT_ONCE, BYTES_AT_ONCE = 100, 16 * 1024**2

log = logging.getLogger(__name__)


class NewerEntries:
    """Which entries of one stream wait for a newer version; only their ids are held.

    Args:
        client: From `open_streams`.
        stream: `MIRROR` or `RECORD`.
        waits_seconds: How long an entry may wait, by the moment at which it was added.
        most_bytes: How much may wait.
    """

    def __init__(
        self,
        client: "redis.asyncio.Redis",
        stream: str,
        *,
        waits_seconds: float = WAITS_SECONDS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._client = client
        self._stream = stream
        self._waits_seconds = waits_seconds
        self._most_bytes = most_bytes
        self._waiting: dict[str, int] = {}
        self._bytes = 0
        self._given_up: set[str] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def sorted_out(self, entries: Sequence[tuple[str, Entry]]) -> list[tuple[str, Entry]]:
        """The entries to work on; those of a newer version wait, unless they waited long enough."""
        return [(number, entry) for number, entry in entries if not self._waits(number, entry)]

    async def overdue(self) -> list[tuple[str, Entry]]:
        """Some entries that waited long enough: work on them now, and ask again.

        Raises:
            RedisError, OSError: Redis is away; call again later.
        """
        due = self._due()
        found: list[tuple[str, Entry]] = []
        for number in due:
            found += await entries_at(self._client, self._stream, number)
        # Not one by one: if Redis goes away in between, none of them is forgotten.
        for number in due:
            self._bytes -= self._waiting.pop(number, 0)
        self._given_up.update(number for number, _ in found)
        return found

    def _due(self) -> list[str]:
        """The first that are due; bounded, since their bodies are read together."""
        found: list[str] = []
        taken = 0
        for number, size in self._waiting.items():
            if len(found) == GIVEN_UP_AT_ONCE or taken > BYTES_AT_ONCE:
                break
            are_many = len(self._waiting) - len(found) > MOST_WAITING or self._bytes - taken > self._most_bytes
            if are_many or self._is_over(number):
                found.append(number)
                taken += size
        return found

    def _waits(self, number: str, entry: Entry) -> bool:
        if number in self._given_up or self._is_over(number) or not is_newer(entry):
            self._given_up.discard(number)
            return False
        if not self._waiting:
            log.warning("the stream %s holds events of a newer version: they wait for a process that reads them", self._stream)
        if number not in self._waiting:
            self._waiting[number] = size_of(entry)
            self._bytes += self._waiting[number]
        return True

    def _is_over(self, number: str) -> bool:
        return age_seconds(number) > self._waits_seconds


def is_newer(entry: Entry) -> bool:
    """Whether an entry is of a version, or of a kind, that this version does not know."""
    try:
        head_of(entry)
    except NewerEvent:
        return True
    except ValueError:
        return False
    return False
