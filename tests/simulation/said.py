"""What a rule says to simulated pilots, day by day."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.simulation.worlds import Flags, Numbers

THRESHOLD = 0.45
ALPHA = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What a rule said to each pilot.

    Attributes:
        passed_on: Day (from 1) on which it first held the candidate to be good enough, shape (runs,); 0 = never.
        failed_on: Day on which it first held it to be worse than the margin; outranks the other, shape (runs,); 0 = never.
        holds: Given which pilots and a day: whether nothing withdraws it on that day, shape (chosen,); `None` = nothing can.
    """

    passed_on: Numbers
    failed_on: Numbers
    holds: Callable[[Flags, int], Flags] | None = None

    def migrate(self, day: int) -> Flags:
        """Whether a reader on the evening of that day is told to migrate, shape (runs,)."""
        told: Flags = _by(self.passed_on, day) & ~_by(self.failed_on, day)
        if self.holds is None or not told.any():
            return told
        still = told.copy()
        still[told] = self.holds(told, day)
        return still

    def ever_migrate(self, days: int) -> Flags:
        """Whether any day's reader was."""
        found = np.zeros(len(self.passed_on), dtype=bool)
        for day in range(1, days + 1):
            found |= self.migrate(day)
        return found


def _by(first: Numbers, day: int) -> Flags:
    flags: Flags = (first > 0) & (first <= day)
    return flags
