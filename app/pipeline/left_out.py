"""Closed days of which we left out too much for the quality gate to say anything."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.evidence import ArmEvidence, Words
from app.pipeline.closing import Selection
from app.pipeline.coverage import SKIPS

MOST_LEFT_OUT = 0.05
_WORDS = {"shed": "shed by our own bounds", "over_budget": "beyond the budget", "not_asked": "not asked"}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Closed days of which we left out more than a twentieth, and why, in requests of these days."""

    days: tuple[int, ...]
    by_reason: dict[str, int]

    @property
    def words(self) -> str:
        """The same as a reason."""
        listed = ", ".join(str(day) for day in self.days[:5]) + (", …" if self.days[5:] else "")
        why = ", ".join(f"{requests:,} {_WORDS[reason]}" for reason, requests in self.by_reason.items())
        return (
            f"the candidate was not asked more than {MOST_LEFT_OUT:.0%} of the sampled exchanges of {len(self.days)} days "
            f"(day {listed}): {why}"
        )


def left_out_of(configuration: PilotConfiguration, selection: Selection, arm: ArmEvidence, skipped: Words) -> LeftOut:
    """What of each closed day's sampled exchanges the candidate was not asked, or a producer shed before it was one.

    Of requests that a producer shed nobody knows the conversation: the sampling rate says how many would have taken part.
    """
    size = max(selection.closed, default=0) + 1
    shed = np.zeros(size)
    for day in set(selection.closed) & selection.shed.keys():
        shed[day] = selection.shed[day] * configuration.sampling.rate
    unasked = selection.counted & ~arm.replies.is_there
    sampled = np.bincount(selection.days[selection.counted], minlength=size) + shed
    missing = np.bincount(selection.days[unasked], minlength=size) + shed
    days = tuple(np.flatnonzero(missing > MOST_LEFT_OUT * sampled).tolist())
    why = Counter(reason or "not_asked" for reason in skipped[unasked & np.isin(selection.days, days)].tolist())
    why["shed"] += sum(selection.shed.get(day, 0) for day in days)
    return LeftOut(days, {reason: why[reason] for reason in SKIPS if why[reason]})
