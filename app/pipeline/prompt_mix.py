"""The mix of prompts week by week, by segment, prompt length and turn, and whether a verdict would turn on it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from app.domain.drift import MixWeek
from app.domain.evidence import ArmEvidence, Evidence, Floats, Numbers, codes
from app.pipeline.conversations import Conversations, PairValues
from app.pipeline.groups import LENGTH_NAMES, TURN_NAMES, length_groups, turn_groups
from app.statistics.drift import psi, same_mix_p_value

DAYS_A_WEEK = 7
PSI_WARNS, PSI_FREEZES, MIX_ALPHA = 0.1, 0.25, 0.01
LEAST_CELL = 5.0


def mix_weeks(
    evidence: Evidence,
    arm: ArmEvidence,
    pairs: PairValues,
    talks: Conversations,
    *,
    days: range,
    threshold: float,
    correction: float = 0.0,
) -> Iterator[MixWeek]:
    """Every later whole week of the evidence against its first one.

    Args:
        evidence: Everything.
        arm: The candidate's.
        pairs: Its preferences.
        talks: What each exchange belongs to; a conversation is one unit, spread over the cells of its pairs.
        days: From the first day of the evidence that counts to the last closed one.
        threshold: The limit that the win rate has to clear.
        correction: Added to each win rate.
    """
    weeks = len(days) // DAYS_A_WEEK
    if weeks < 2:  # noqa: PLR2004 - there is nothing to compare
        return
    mix = _mix_of(evidence, arm, replace(pairs, values=pairs.values + correction), talks, days.start)
    first = mix.counts(1)
    for week in range(2, weeks + 1):
        yield _mix_week(mix, week, first, mix.counts(week), threshold)


@dataclass(frozen=True, slots=True, eq=False)
class _Mix:
    """The pairs that count.

    Attributes:
        cells: The cell of each.
        weeks: The week of each one's conversation, from 1.
        shares: Of each in its conversation: those of one conversation add up to 1.
        values: Preferences; NaN = none.
        size: How many cells there are.
    """

    cells: Numbers
    weeks: Numbers
    shares: Floats
    values: Floats
    size: int

    def counts(self, week: int) -> Floats:
        """Conversations of that week in each cell."""
        there = self.weeks == week
        return _added(self.cells[there], self.shares[there], self.size)

    def win_rates(self, place: Numbers) -> tuple[float | None, Floats]:
        """The win rate of all, and of each pooled cell; one without a preference has that of all."""
        known = ~np.isnan(self.values)
        if not known.any():
            return None, np.empty(0)
        cells, shares, size = place[self.cells[known]], self.shares[known], int(place.max()) + 1
        weight = _added(cells, shares, size)
        total = _added(cells, shares * self.values[known], size)
        whole = float(total.sum() / weight.sum())
        with np.errstate(invalid="ignore"):
            return whole, np.where(weight > 0, total / weight, whole)


def _mix_of(evidence: Evidence, arm: ArmEvidence, pairs: PairValues, talks: Conversations, first_day: int) -> _Mix:
    rows = np.flatnonzero(pairs.counted)
    rows = rows[talks.days[talks.of_row[rows]] >= first_day]
    of_row = talks.of_row[rows]
    segment, names = codes(talks.segments)
    lengths, turns = length_groups(evidence, arm)[rows], turn_groups(evidence.exchanges, talks)[rows]
    many_lengths, many_turns = len(LENGTH_NAMES) + 1, len(TURN_NAMES)
    number = np.bincount(of_row, minlength=len(talks.days))
    return _Mix(
        cells=(segment[of_row] * many_lengths + lengths) * many_turns + turns,
        weeks=(talks.days[of_row] - first_day) // DAYS_A_WEEK + 1,
        shares=1.0 / number[of_row],
        values=pairs.values[rows],
        size=len(names) * many_lengths * many_turns,
    )


def _mix_week(mix: _Mix, week: int, first: Floats, then: Floats, threshold: float) -> MixWeek:
    conversations = round(float(then.sum()))
    if not first.any() or not then.any():
        return MixWeek(week=week, conversations=conversations, cells=0)
    place = _pooled(first, then)
    size = int(place.max()) + 1
    before, now = _added(place, first, size), _added(place, then, size)
    # What the index is by chance alone, so that small weeks do not look different.
    chance = (size - 1) * (1 / before.sum() + 1 / now.sum())
    index = max(0.0, psi(expected=before, actual=now) - chance)
    p_value = same_mix_p_value(expected=before, actual=now)
    whole, by_cell = mix.win_rates(place)
    at_mix = float(np.average(by_cell, weights=now)) if whole is not None else None
    differs = p_value < MIX_ALPHA
    crosses = whole is not None and at_mix is not None and (whole < threshold) != (at_mix < threshold)
    return MixWeek(
        week=week,
        conversations=conversations,
        cells=size,
        psi=index,
        p_value=p_value,
        win_rate=whole,
        win_rate_at_mix=at_mix,
        is_warning=differs and index > PSI_WARNS,
        freezes=differs and index > PSI_FREEZES and crosses,
    )


def _pooled(first: Floats, then: Floats) -> Numbers:
    """Each cell's place among those that either week should fill with five conversations; the others share one.

    Where all others together are fewer than that, they join the smallest.
    """
    expected = (first + then) / (first + then).sum() * min(first.sum(), then.sum())
    is_own = expected >= LEAST_CELL
    own = int(is_own.sum())
    rest = own
    if own and expected[~is_own].sum() < LEAST_CELL:
        rest = int(np.argmin(expected[is_own]))
    return np.where(is_own, np.cumsum(is_own) - 1, rest)


def _added(places: Numbers, values: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(places, weights=values, minlength=size), dtype=np.float64)
