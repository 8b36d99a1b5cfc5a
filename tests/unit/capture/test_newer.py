"""Entries of a newer version wait within their bounds, and none is forgotten where Redis goes away in between."""

import asyncio
import time
from typing import Any

import orjson
import pytest

from app.capture import newer
from app.capture.events import Entry
from app.capture.newer import NewerEntries
from app.capture.streams import RECORD

HEAD = orjson.dumps({"v": 2, "kind": "exchange", "sealed": False})


class Held:
    """What a stream holds, as far as one entry at a time is read of it; away from a certain read on."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.reads_until_away = 1_000_000

    def add(self, *, size: int = 0, seconds_ago: float = 0.0) -> tuple[str, Entry]:
        number = f"{int((time.time() - seconds_ago) * 1000)}-{len(self.entries)}"
        self.entries[number] = {b"h": HEAD, b"b": b"x" * (size - len(HEAD))}
        return number, self.entries[number]

    async def xrange(self, _stream: str, first: str, _last: str) -> Any:
        self.reads_until_away -= 1
        if self.reads_until_away < 0:
            raise ConnectionError
        return [(first.encode(), self.entries[first])] if first in self.entries else []


def numbers(found: list[tuple[str, Entry]]) -> list[str]:
    return [number for number, _ in found]


def test_they_take_no_more_than_their_share_of_the_stream() -> None:
    held = Held()
    waiting = NewerEntries(held, RECORD, most_bytes=2500)  # type: ignore[arg-type]
    added = [held.add(size=1000) for _ in range(5)]
    assert waiting.sorted_out([*added, added[0]]) == []
    given_up = asyncio.run(waiting.overdue())
    assert numbers(given_up) == numbers(added[:3])
    assert waiting.sorted_out(given_up) == given_up
    assert asyncio.run(waiting.overdue()) == []
    assert len(waiting) == 2


def test_none_is_forgotten_where_redis_goes_away_while_they_are_read() -> None:
    held = Held()
    waiting = NewerEntries(held, RECORD, waits_seconds=3600)  # type: ignore[arg-type]
    added = [held.add(seconds_ago=3599.95) for _ in range(3)]
    assert waiting.sorted_out(added) == []
    time.sleep(0.06)
    held.reads_until_away = 2
    with pytest.raises(ConnectionError):
        asyncio.run(waiting.overdue())
    held.reads_until_away = 100
    assert numbers(asyncio.run(waiting.overdue())) == numbers(added)


def test_a_flood_of_them_is_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newer, "BYTES_AT_ONCE", 1500)
    held = Held()
    waiting = NewerEntries(held, RECORD, most_bytes=0)  # type: ignore[arg-type]
    added = [held.add(size=1000) for _ in range(5)]
    waiting.sorted_out(added)
    found = [numbers(asyncio.run(waiting.overdue())) for _ in range(4)]
    assert found == [numbers(added[:2]), numbers(added[2:4]), numbers(added[4:]), []]
