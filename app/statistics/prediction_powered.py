"""The judge corrected by people: prediction-powered pseudo-outcomes, whose mean is people's whatever the judge's bias.

Of each conversation the judge scored every pair; of a drawn one people labelled one random pair. With a guess
`g(f) = 0.5 + λ (f - 0.5)` of people's preference from the judge's, the pseudo-outcome is
`y = g(mean f) + drawn / π · (h - g(f of the labelled pair))`. Its expectation is that of people's mean preference, because the
draw was made by hash before any outcome was seen and λ comes from earlier weeks only. λ = 0 uses people alone.
"""

from dataclasses import dataclass

import numpy as np

from app.statistics.daily import Daily, Flags, Numbers, Shape
from app.statistics.sums import Floats

WEEK = 7
FIRST_WEIGHT = 0.7
LEAST_LABELS = 20
PATIENCE_DAYS = 7
NEVER = 10_000
TIE = 0.5
MOST_SCALE = 2.0
LABELS_FOR_SCALE = 50


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Conversations of one or several pilots, shape (m,) each; days count from 1.

    Attributes:
        day: Of the conversation.
        judge: Mean of the judge's preferences over its pairs, in [0, 1]; a pair without a grade counts as a tie there.
        drawn: Whether people are asked about one of its pairs.
        judge_drawn: The judge's preference of that pair; anything where none is drawn.
        person: People's preference of that pair; NaN = not known (skipped, or not answered).
        answered_on: Day by whose end it was answered or skipped; `NEVER` = not yet.
        probability: The conversation's chance to be drawn, in [0, 1]; 0 = nobody is asked about such ones.
        weight: 1 / the chance to be in the sample; `None` = all 1.
        pilot: Which pilot, from 0; `None` = one.
        least: Of a conversation that nobody is asked about: the least that its preference may be; `None` = as the judge says.
        most: The most.
        certain: Drawn pairs that need no person: a rule decides them; `None` = none.
        fixed: What the pairs that a rule decides add to `judge` beyond a tie: no guess, so λ leaves it alone; `None` = 0.
    """

    day: Numbers
    judge: Floats
    drawn: Flags
    judge_drawn: Floats
    person: Floats
    answered_on: Numbers
    probability: Floats
    weight: Floats | None = None
    pilot: Numbers | None = None
    least: Floats | None = None
    most: Floats | None = None
    certain: Flags | None = None
    fixed: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """The corrected series.

    Attributes:
        lowest: Daily sums with every unanswered draw at 0, shape (pilots, days).
        highest: The same at 1.
        middle: Unanswered draws left out, as if they were like the answered ones: for the estimate's value only.
        entered: Day by whose end each day is in the series, shape (pilots, days).
        weights: λ of each week, shape (pilots, weeks).
        scale: By how much the judge's trend is stretched to be people's, shape (pilots,).
        shape: The judge's own daily sums, stretched: they show the days' ups and downs more sharply than labels do.
        answered: How many drawn conversations have a label, shape (pilots,).
        unanswered: How many have none by now, though their day is in the series.
    """

    lowest: Daily
    highest: Daily
    middle: Daily
    entered: Numbers
    weights: Floats
    scale: Floats
    shape: Shape
    answered: Numbers
    unanswered: Numbers


def correct(*, labelled: Labelled, days: int, now: int, pilots: int = 1, waits: int = 0) -> Corrected:
    """The corrected daily sums, and when each day may enter them: with its last answer, or after 7 days of waiting.

    Args:
        labelled: The conversations.
        days: Length of the series.
        now: The day by whose end we look: later answers are not known.
        pilots: How many there are.
        waits: Days that each day waits at least, where it is not known who is drawn until the answer comes.

    Raises:
        ValueError: If a drawn conversation has no probability, or a day is out of range.

    Source: Angelopoulos et al., "Prediction-powered inference", Science 2023 (arXiv 2301.09633); PPI++ (arXiv 2311.01453) for
        λ; Zrnic and Candès, "Active statistical inference" (arXiv 2403.03208) for predictable rules.

    Example:
        >>> import numpy as np
        >>> one = Labelled(
        ...     day=np.array([1, 1]), judge=np.array([1.0, 0.5]), drawn=np.array([True, False]),
        ...     judge_drawn=np.array([1.0, 0.5]), person=np.array([0.5, np.nan]), answered_on=np.array([2, NEVER]),
        ...     probability=np.array([0.5, 0.5]),
        ... )
        >>> found = correct(labelled=one, days=1, now=3)
        >>> found.lowest.means.round(3).tolist(), found.entered.tolist()
        ([[0.325]], [[2]])
    """
    _check(labelled, days)
    pilot = np.zeros(len(labelled.day), dtype=np.int64) if labelled.pilot is None else labelled.pilot
    at = _At(pilot, pilot * days + labelled.day - 1, (pilots, days))
    known = labelled.drawn & (labelled.answered_on <= now) & ~np.isnan(labelled.person)
    weights = _judge_weights(labelled, known, pilot, pilots, -(-days // WEEK))
    lam = weights[pilot, (labelled.day - 1) // WEEK]
    # A rule's word is no guess: what it says of the drawn pair leaves nothing to correct.
    of_pair = np.where(_certain(labelled), labelled.judge_drawn, TIE + lam * (labelled.judge_drawn - TIE))
    entered = _entered(labelled, at.place, (pilots, days), waits)
    stretches = _stretches(labelled, known, pilot, pilots, days)
    share = _answered_share(labelled, known, at, entered <= now)
    spread = _least_spread(labelled, at)
    told = known | ~(labelled.probability > 0)
    witnesses = np.bincount(at.place[told], minlength=pilots * days).reshape(pilots, days).astype(np.float64)

    def series(unanswered: float, unasked: Floats | None) -> Daily:
        person = np.where(known, labelled.person, unanswered)
        rest = _rest(labelled, labelled.drawn, person, of_pair, 1.0)
        return at.sums(_guess(labelled, lam, unasked) + rest, labelled.weight).spread(spread)

    return Corrected(
        lowest=series(0.0, labelled.least),
        highest=series(1.0, labelled.most),
        middle=at.sums(_guess(labelled, lam, None) + _rest(labelled, known, labelled.person, of_pair, share), labelled.weight),
        entered=entered,
        weights=weights,
        scale=_scale(labelled, known & ~_certain(labelled), pilot, pilots),
        shape=Shape(at.sums(labelled.judge, labelled.weight), stretches, witnesses),
        answered=np.bincount(pilot[known], minlength=pilots),
        unanswered=np.bincount(pilot[labelled.drawn & ~known & (entered.ravel()[at.place] <= now)], minlength=pilots),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _At:
    """Which pilot and cell each conversation belongs to."""

    pilot: Numbers
    place: Numbers
    shape: tuple[int, int]

    def sums(self, values: Floats, weights: Floats | None) -> Daily:
        return Daily.of(values=values, places=self.place, shape=self.shape, weights=weights)


def _guess(labelled: Labelled, lam: Floats, unasked: Floats | None) -> Floats:
    """What the judge makes one guess of people's preference; where nobody is asked, what it may be itself."""
    alone = labelled.judge if unasked is None else unasked
    fixed = np.zeros_like(labelled.judge) if labelled.fixed is None else labelled.fixed
    return np.where(labelled.probability > 0, TIE + fixed + lam * (labelled.judge - TIE - fixed), alone)


def _certain(labelled: Labelled) -> Flags:
    return np.zeros(len(labelled.day), dtype=bool) if labelled.certain is None else labelled.certain


def _rest(labelled: Labelled, chosen: Flags, person: Floats, of_pair: Floats, share: Floats | float) -> Floats:
    """What people's answer adds where there is one: 1 / its chance, times how far it is from the guess."""
    chance = np.where(chosen, labelled.probability * share, 1.0)
    return np.where(chosen, (np.where(chosen, person, 0.0) - np.where(chosen, of_pair, 0.0)) / chance, 0.0)


def _judge_weights(labelled: Labelled, known: Flags, pilot: Numbers, pilots: int, weeks: int) -> Floats:
    """λ of each week: the slope of people on the judge in all answers made before the week began."""
    found = np.full((pilots, weeks), FIRST_WEIGHT)
    x, y = labelled.judge_drawn - TIE, labelled.person - TIE
    for week in range(1, weeks):
        before = np.flatnonzero(
            known & ~_certain(labelled) & (labelled.answered_on <= week * WEEK) & (labelled.day <= week * WEEK)
        )
        of = pilot[before]
        number = np.bincount(of, minlength=pilots)
        squares = np.bincount(of, weights=x[before] ** 2, minlength=pilots)
        crossed = np.bincount(of, weights=x[before] * y[before], minlength=pilots)
        usable = (number >= LEAST_LABELS) & (squares > 0)
        slope = np.clip(crossed / np.where(usable, squares, 1.0), 0.0, 1.0)
        found[:, week] = np.where(usable, slope, found[:, week - 1])
    return found


def _answered_share(labelled: Labelled, known: Flags, at: _At, entered: Flags) -> Floats:
    """Of the draws that people answer, in days that are in the series: the share that they answered; 1 for certain ones."""
    certain = _certain(labelled)
    asked = labelled.drawn & ~certain & entered.ravel()[at.place]
    answered, drawn = (np.bincount(at.pilot[chosen], minlength=at.shape[0]) for chosen in (asked & known, asked))
    share = np.where(answered > 0, answered / np.maximum(drawn, 1), 1.0)[at.pilot]
    return np.where(certain, 1.0, share)


def _least_spread(labelled: Labelled, at: _At) -> Floats:
    """What two imagined answers, half a preference off the guess each way, would add to the sum of squares, by pilot and day.

    A few answers that happen to agree with the judge show no spread; these two make no difference to hundreds.
    """
    pilots, days = at.shape
    design = labelled.probability > 0
    chance = np.bincount(at.pilot[labelled.drawn], weights=labelled.probability[labelled.drawn], minlength=pilots)
    weight = np.ones(len(at.pilot)) if labelled.weight is None else labelled.weight
    weights = np.bincount(at.pilot[design], weights=weight[design], minlength=pilots)
    drawn, inside = (np.bincount(at.pilot[chosen], minlength=pilots) for chosen in (labelled.drawn, design))
    one = np.where(drawn > 0, TIE * drawn / np.where(chance > 0, chance, 1.0) * weights / np.maximum(inside, 1), 0.0)
    first = np.full(pilots, days)
    np.minimum.at(first, at.pilot[labelled.drawn], labelled.day[labelled.drawn] - 1)
    found = np.zeros((pilots, days))
    there = np.flatnonzero(drawn)
    found[there, first[there]] = 2 * one[there] ** 2
    return found


def _stretches(labelled: Labelled, known: Flags, pilot: Numbers, pilots: int, days: int) -> Floats:
    """The scale of each day from the answers made before its week, so that a past look stays as it was."""
    found = np.full((pilots, days), 1 / FIRST_WEIGHT)
    for week in range(1, -(-days // WEEK)):
        before = known & ~_certain(labelled) & (labelled.answered_on <= week * WEEK) & (labelled.day <= week * WEEK)
        number = np.bincount(pilot[before], minlength=pilots)
        fitted = np.where(number >= LABELS_FOR_SCALE, _scale(labelled, before, pilot, pilots), found[:, week * WEEK - 1])
        found[:, week * WEEK :] = fitted[:, None]
    return found


def _scale(labelled: Labelled, known: Flags, pilot: Numbers, pilots: int) -> Floats:
    """1 / the slope of the judge on people: what an imperfect judge shows of a change, people see larger."""
    x, y = labelled.judge_drawn[known] - TIE, labelled.person[known] - TIE
    number = np.bincount(pilot[known], minlength=pilots)
    squares = np.bincount(pilot[known], weights=y**2, minlength=pilots)
    crossed = np.bincount(pilot[known], weights=x * y, minlength=pilots)
    usable = (number >= LABELS_FOR_SCALE) & (squares > 0)
    slope = np.where(usable, crossed / np.where(squares > 0, squares, 1.0), 1.0)
    return 1.0 / np.clip(slope, 1 / MOST_SCALE, 1.0)


def _entered(labelled: Labelled, place: Numbers, shape: tuple[int, int], waits: int) -> Numbers:
    pilots, days = shape
    own = np.arange(1, days + 1)
    latest = np.zeros(pilots * days, dtype=np.int64)
    np.maximum.at(latest, place[labelled.drawn], labelled.answered_on[labelled.drawn])
    return np.clip(np.maximum(latest.reshape(pilots, days), own + waits), own, own + PATIENCE_DAYS)


def _check(labelled: Labelled, days: int) -> None:
    wrong = labelled.probability[labelled.drawn & ~((labelled.probability > 0) & (labelled.probability <= 1))]
    if len(wrong):
        message = f"the probability of a drawn conversation must lie in (0, 1], not {wrong[0]}"
        raise ValueError(message)
    outside = labelled.day[(labelled.day < 1) | (labelled.day > days)]
    if len(outside):
        message = f"day must lie in [1, {days}], not {outside[0]}"
        raise ValueError(message)
