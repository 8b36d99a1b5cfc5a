"""How sure the bills of the closed days are: by conversation and by day, a sum a segment."""

from datetime import date, timedelta

import numpy as np

from app.costs.spread import SpendMoments, SpendSpread, spend_spread
from app.domain.evidence import Flags, Floats
from app.pipeline.closing import Selection
from app.pipeline.conversations import Conversations

_SATURDAY = 5


def moments_by_segment(
    incumbent_usd: Floats, candidate_usd: Floats, weights: Floats, selection: Selection, talks: Conversations
) -> dict[str, SpendMoments]:
    """The moments of each segment's conversations.

    Args:
        incumbent_usd: Of each exchange's reply, NaN = unknown: it takes no part.
        candidate_usd: The same of the candidate; all 0 for rented GPUs.
        weights: How many production requests each exchange stands for.
        selection: Which exchanges count, and their days.
        talks: Which conversation each belongs to.
    """
    rows = np.flatnonzero(selection.counted)
    if not len(rows):
        return {}
    of_row, number = talks.of_row[rows], len(talks.segments)
    spent = [np.nan_to_num(usd[rows]) * weights[rows] for usd in (incumbent_usd, candidate_usd)]
    x, y = (np.bincount(of_row, weights=usd, minlength=number) for usd in spent)
    place = np.searchsorted(np.array(selection.closed), selection.days[rows])
    names, segment = np.unique(talks.segments.astype(str), return_inverse=True)
    cell = segment[of_row] * len(selection.closed) + place
    shape = len(names), len(selection.closed)
    by_day = [np.bincount(cell, weights=usd, minlength=shape[0] * shape[1]).reshape(shape) for usd in spent]
    squares = [np.bincount(segment, weights=each, minlength=len(names)) for each in (x * x, y * y, x * y)]
    counts = np.bincount(segment, minlength=len(names))
    return {
        str(name): SpendMoments(
            np.array([each[code] for each in squares]),
            np.stack([each[code] for each in by_day], axis=1),
            int(counts[code]),
        )
        for code, name in enumerate(names)
    }


def spread_of(
    moments: dict[str, SpendMoments], moved: frozenset[str] | None, closed: tuple[int, ...], first_day: date | None
) -> SpendSpread:
    """Of some segments, `None` = all; nothing is unsure where nothing was spent."""
    chosen = [each for name, each in sorted(moments.items()) if moved is None or name in moved]
    if not chosen or first_day is None:
        return SpendSpread()
    total = chosen[0]
    for each in chosen[1:]:
        total = total + each
    return spend_spread(total, weekends(closed, first_day))


def weekends(closed: tuple[int, ...], first_day: date) -> Flags:
    """Which closed days are a Saturday or a Sunday."""
    return np.array([(first_day + timedelta(days=day - 1)).weekday() >= _SATURDAY for day in closed], dtype=bool)
