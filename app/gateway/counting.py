"""Numbers every request of a pilot and counts those that leave no event: what the ledger is made of."""

import time
from random import randrange
from uuid import uuid4

from app.domain.live import DROP_REASONS, CountEvent, PilotCount


class PilotLedger:
    """One pilot's numbers in this boot.

    Args:
        bypass_every: Of each block of so many requests one bypasses mirroring, drawn within the block; of the first block
            none. 0 = none at all.

    Attributes:
        next_bypass: The number of the request that bypasses next; 0 = none.
    """

    __slots__ = ("_bypass_every", "dropped", "issued", "next_bypass")

    def __init__(self, bypass_every: int = 0) -> None:
        self.issued = 0
        self.dropped = dict.fromkeys(DROP_REASONS, 0)
        self._bypass_every = bypass_every
        self.next_bypass = 0
        if bypass_every:
            self.draw_next()

    def issue(self) -> int:
        """The next request's number."""
        self.issued += 1
        return self.issued

    def draw_next(self) -> None:
        """Of the block after that of the last draw: called when its number was issued."""
        every = self._bypass_every
        block = (self.next_bypass - 1) // every + 1 if self.next_bypass else 1
        self.next_bypass = block * every + randrange(every) + 1  # noqa: S311 - no secret


class Ledger:
    """All pilots' numbers of one boot of one process.

    Args:
        slot: Which of several processes this is.
        bypass_every: As of `PilotLedger`.
    """

    def __init__(self, slot: str, bypass_every: int = 0) -> None:
        self.boot = uuid4().hex[:16]
        self._slot = slot
        self._bypass_every = bypass_every
        self._started_us = time.time_ns() // 1000
        self._pilots: dict[str, PilotLedger] = {}

    def of(self, pilot: str) -> PilotLedger:
        """A pilot's numbers."""
        found = self._pilots.get(pilot)
        if found is None:
            found = self._pilots[pilot] = PilotLedger(self._bypass_every)
        return found

    def dropped(self) -> dict[str, int]:
        """Over all pilots, by reason."""
        return {reason: sum(one.dropped[reason] for one in self._pilots.values()) for reason in DROP_REASONS}

    def issued(self) -> int:
        """Over all pilots."""
        return sum(one.issued for one in self._pilots.values())

    def event(self, *, is_final: bool = False) -> CountEvent:
        """What was numbered and counted so far."""
        counts = {name: PilotCount(one.issued, dict(one.dropped)) for name, one in self._pilots.items()}
        now = time.time_ns() // 1000
        return CountEvent(self.boot, self._slot, "gateway", self._started_us, now, is_final, counts)
