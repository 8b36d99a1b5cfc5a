"""Numbers every request of a pilot and counts those that leave no event: what the ledger is made of."""

import time
from uuid import uuid4

from app.domain.live import DROP_REASONS, CountEvent, PilotCount


class PilotLedger:
    """One pilot's numbers in this boot."""

    __slots__ = ("dropped", "issued")

    def __init__(self) -> None:
        self.issued = 0
        self.dropped = dict.fromkeys(DROP_REASONS, 0)

    def issue(self) -> int:
        """The next request's number."""
        self.issued += 1
        return self.issued


class Ledger:
    """All pilots' numbers of one boot of one process.

    Args:
        slot: Which of several processes this is.
    """

    def __init__(self, slot: str) -> None:
        self.boot = uuid4().hex[:16]
        self._slot = slot
        self._started_us = time.time_ns() // 1000
        self._pilots: dict[str, PilotLedger] = {}

    def of(self, pilot: str) -> PilotLedger:
        """A pilot's numbers."""
        found = self._pilots.get(pilot)
        if found is None:
            found = self._pilots[pilot] = PilotLedger()
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
