"""Walks over all settled pairs of a pilot, which a turn of grading need not make each time."""

import time
from collections.abc import Hashable

LOOK_AGAIN_SECONDS = 600.0


class LastLook:
    """When a process last saw that nothing is left to do in a pilot's settled pairs: to see it is a walk over all of them.

    Pairs get what they need when they are settled, so only another configuration, which is seen at once, or another process
    that still had the former one, leaves anything.
    """

    def __init__(self, seconds: float = LOOK_AGAIN_SECONDS) -> None:
        self._seconds = seconds
        self._last: dict[tuple[int, str], tuple[Hashable, float]] = {}

    def note(self, pilot_id: int, what: str, configured: Hashable) -> None:
        """Nothing is left now, as far as it depends on what is configured."""
        self._last[pilot_id, what] = (configured, time.monotonic())

    def is_recent(self, pilot_id: int, what: str, configured: Hashable) -> bool:
        """Whether nothing was left a short while ago, with the same configured."""
        before = self._last.get((pilot_id, what))
        return before is not None and before[0] == configured and time.monotonic() - before[1] < self._seconds


NOTHING_KNOWN = LastLook(seconds=0.0)
"""For whoever looks each time."""
