"""What waits to be sent, bounded in bytes, and the ledger of all requests: every one is numbered or counted with a reason."""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from parallel_pilot.watch import Watch

ITEM_BYTES = 512  # what one waiting event costs beside its bodies
BATCH_ITEMS = 500  # taken at once, with the lock held
MIRRORING_OFF, SHED = "mirroring_off", "shed"


@dataclass(slots=True)
class Ledger:
    """How many requests of a pilot were numbered, how many of them left no event, by reason, and how many wait here."""

    issued: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    waiting: int = 0

    def drop(self, reason: str) -> None:
        """One of them leaves no event."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


@dataclass(frozen=True, slots=True)
class Wish:
    """What the service said of a pilot: whether it wants copies, and whether a reply's event repeats the request."""

    mirrors: bool = True
    repeats_request: bool = True


_FIRST_WISH = Wish()  # until the service was asked


@dataclass(frozen=True, slots=True)
class Item:
    """One waiting event of a call: its request, or its reply."""

    kind: str
    watch: Watch
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What is sent together; `counts` is the ledger as it is when all before it has arrived, `None` = not this time."""

    boot: str
    started_us: int
    items: tuple[Item, ...]
    counts: dict[str, Ledger] | None
    is_final: bool


class Outbox:
    """Holds what one process sends to one service. No method waits, calls out or raises.

    The lock is re-entrant: a garbage collection inside it may end a stream that somebody forgot.

    Args:
        limit_bytes: Most that waits here, with the replies that are still coming in.
        wake: Called when there is something to send.
    """

    def __init__(self, limit_bytes: int, wake: Callable[[], None]) -> None:
        self.limit_bytes = limit_bytes
        self._wake = wake
        self.renew()

    def renew(self) -> None:
        """Begins anew, empty and under another name: after a fork the child is another producer."""
        self._lock = threading.RLock()
        self.boot = secrets.token_hex(8)
        self.started_us = time.time_ns() // 1000
        self._queue: deque[Item] = deque()
        self._held = 0
        self._ledgers: dict[str, Ledger] = {}
        self._wishes: dict[str, Wish] = {}
        self._is_dirty = False
        self.replies_shed = 0

    @property
    def held_bytes(self) -> int:
        """Bytes that wait, are on their way or belong to replies that are still coming in."""
        return self._held

    @property
    def is_empty(self) -> bool:
        """Nothing waits."""
        return not self._queue

    @property
    def is_dirty(self) -> bool:
        """The ledger says something that was not sent."""
        return self._is_dirty

    def counts(self) -> dict[str, Ledger]:
        """The ledger of now."""
        with self._lock:
            return {pilot: Ledger(ledger.issued, dict(ledger.dropped)) for pilot, ledger in self._ledgers.items()}

    def drop(self, pilot: str, reason: str) -> None:
        """A request that is not copied; of a pilot that is off no other reason is told."""
        with self._lock:
            wish = self._wishes.get(pilot, _FIRST_WISH)
            self._number(pilot).drop(reason if wish.mirrors else MIRRORING_OFF)
        self._wake()

    def open(self, watch: Watch) -> bool:
        """Numbers a call and queues its request; false if it is not copied, for which the reason was counted."""
        request = watch.request or b""
        with self._lock:
            ledger = self._number(watch.pilot)
            wish = self._wishes.get(watch.pilot, _FIRST_WISH)
            watch.carries_request = wish.repeats_request or watch.hints.content not in (None, "full")
            size = len(request) + ITEM_BYTES
            kept = len(request) if watch.carries_request else 0
            if not wish.mirrors or self._held + size + kept > self.limit_bytes:
                ledger.drop(SHED if wish.mirrors else MIRRORING_OFF)
                is_open = False
            else:
                watch.boot, watch.number, watch.held = self.boot, ledger.issued, kept
                self._held += size + kept
                self._queue.append(Item("request", watch, size))
                ledger.waiting += 1
                is_open = True
        self._wake()
        return is_open

    def hold(self, watch: Watch, size: int) -> bool:
        """Room for more of a reply; false if there is none."""
        with self._lock:
            if watch.boot != self.boot or self._held + size > self.limit_bytes:
                return False
            self._held += size
            watch.held += size
            return True

    def abandon(self, watch: Watch) -> None:
        """What was held of a call is let go, and its reply will not be sent."""
        with self._lock:
            if watch.boot == self.boot:
                self._held -= watch.held
                self.replies_shed += 1
            watch.held = 0

    def close(self, watch: Watch) -> None:
        """Queues a call's reply, in the room that it holds already."""
        with self._lock:
            if watch.boot != self.boot:
                return
            if watch.is_refused:
                self._held -= watch.held
                return
            self._held += ITEM_BYTES
            self._queue.append(Item("reply", watch, watch.held + ITEM_BYTES))
        self._wake()

    def take(self, most_bytes: int, *, with_counts: bool, is_final: bool = False) -> Batch:
        """The next events, oldest first; they are held until they are settled."""
        with self._lock:
            items: list[Item] = []
            size = 0
            while self._queue and (not items or (size + self._queue[0].size <= most_bytes and len(items) < BATCH_ITEMS)):
                item = self._queue.popleft()
                self._note_waiting(item, -1)
                if item.watch.is_refused:
                    self._held -= item.size
                    continue
                items.append(item)
                size += item.size
            counts = self._counts_before_the_rest() if with_counts else None
            if with_counts and not self._queue:
                self._is_dirty = False
            return Batch(self.boot, self.started_us, tuple(items), counts, is_final)

    def put_back(self, batch: Batch) -> None:
        """A batch that did not arrive goes back to its place."""
        with self._lock:
            if batch.boot == self.boot:
                self._queue.extendleft(reversed(batch.items))
                for item in batch.items:
                    self._note_waiting(item, +1)
                self._is_dirty = self._is_dirty or batch.counts is not None

    def settle(self, batch: Batch, refused: Mapping[int, str]) -> None:
        """A batch arrived, or is given up.

        Args:
            batch: From `take`.
            refused: By the item's place the reason under which its request is counted.
        """
        with self._lock:
            if batch.boot != self.boot:
                return
            for place, item in enumerate(batch.items):
                self._held -= item.size
                if place in refused and item.kind == "request":
                    item.watch.is_refused = True
                    self._ledgers[item.watch.pilot].drop(refused[place])
                    self._is_dirty = True

    def obey(self, wishes: Mapping[str, Wish]) -> None:
        """What the service says of its pilots holds from now on."""
        with self._lock:
            self._wishes.update(wishes)

    def _number(self, pilot: str) -> Ledger:
        ledger = self._ledgers.get(pilot)
        if ledger is None:
            ledger = self._ledgers[pilot] = Ledger()
        ledger.issued += 1
        self._is_dirty = True
        return ledger

    def _note_waiting(self, item: Item, change: int) -> None:
        if item.kind == "request":
            self._ledgers[item.watch.pilot].waiting += change

    def _counts_before_the_rest(self) -> dict[str, Ledger]:
        """The ledger without the requests that still wait: nobody may miss what was not sent yet."""
        return {pilot: Ledger(ledger.issued - ledger.waiting, dict(ledger.dropped)) for pilot, ledger in self._ledgers.items()}


def wish_of(document: Any) -> Wish:
    """What the service said of a pilot; raises `KeyError` or `TypeError` if it is no such thing."""
    return Wish(bool(document["mirrors"]), bool(document["repeats_request"]))
