"""What a rehearsal does next, by its steps so far: the asked speeds, then the search for what the candidate can carry."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.rehearsal import RehearsalTerms, StepKind, StepModel, StepOutcome

SPEED_SHARE = 0.6  # of the time, where the capacity may be searched for
SEARCH_STEPS, REPEATS, SATURATIONS = 8, 3, 3
# The rest of the time is shared by short steps and one that is three times as long: 8 + 3 + 3.
_LONGER, _SHORT_STEPS = 3, 14
GROWTH, NEARER = 4.0, 0.75
CLOSE = 1.06  # a bracket as narrow as this is not searched further
SATURATING = 1.5
BELOW_THROUGHPUT = 0.95  # what a server answers when it is offered too much is a little more than it can carry in time


@dataclass(frozen=True, slots=True)
class NextStep:
    """One step to make: at a speed, or (the search) at as many requests a second as they come to in its busiest window.

    A shorter window's busiest stretch is busier: a search over speeds would compare unlike loads.
    """

    kind: StepKind
    seconds: float
    speed: float | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Bracket:
    """The most requests a second that met the objective, and the fewest that missed it above; `None` = not seen."""

    met: StepModel | None
    missed: StepModel | None


def next_step(terms: RehearsalTerms, steps: Sequence[StepModel], *, has_objective: bool) -> NextStep | None:
    """What is to be done after these steps; `None` = nothing more."""
    made = [step for step in steps if step.outcome is not StepOutcome.LOST]
    asked = [step for step in made if step.kind is StepKind.SPEED]
    if len(asked) < len(terms.speeds):
        return NextStep(StepKind.SPEED, speed_seconds(terms, has_objective=has_objective), speed=terms.speeds[len(asked)])
    if not is_searched(terms, asked, has_objective=has_objective):
        return None
    seconds = short_seconds(terms, has_objective=has_objective)
    search = [step for step in made if step.kind is StepKind.SEARCH]
    rate = _searched(made) if len(search) < SEARCH_STEPS else None
    if rate is not None:
        return NextStep(StepKind.SEARCH, seconds, rate=rate)
    met = bracket(made).met
    repeats = [step for step in made if step.kind is StepKind.REPEAT]
    if met is not None and len(repeats) < REPEATS:
        return NextStep(StepKind.REPEAT, seconds, rate=offered_rate(repeats[0] if repeats else met))
    return _saturating(terms, made, seconds * _LONGER if has_objective else seconds)


def is_searched(terms: RehearsalTerms, asked: Sequence[StepModel], *, has_objective: bool) -> bool:
    """Whether the capacity is searched for: if nobody said, where the asked speeds did not enclose it."""
    if not has_objective:
        return bool(terms.find_capacity)
    if terms.find_capacity is not None:
        return terms.find_capacity
    ordered = sorted((step for step in asked if step.is_valid), key=lambda step: step.speed)
    return bool(ordered) and (ordered[-1].outcome is StepOutcome.MET or ordered[0].outcome is not StepOutcome.MET)


def speed_seconds(terms: RehearsalTerms, *, has_objective: bool) -> float:
    """How long each of the asked speeds is tried."""
    may_search = terms.find_capacity if terms.find_capacity is not None else has_objective
    return terms.minutes * 60 * (SPEED_SHARE if may_search else 1.0) / len(terms.speeds)


def short_seconds(terms: RehearsalTerms, *, has_objective: bool) -> float:
    """How long each step of the search takes; without an objective only the most that is answered is looked for."""
    return terms.minutes * 60 * (1 - SPEED_SHARE) / (_SHORT_STEPS if has_objective else SATURATIONS)


def offered_rate(step: StepModel) -> float:
    """Requests a second that were offered."""
    return step.offered_requests_per_second or 0.0


def bracket(steps: Sequence[StepModel]) -> Bracket:
    """By asked and searched steps; repeats are told apart, they say how sure it is."""
    counted = [step for step in steps if step.kind in (StepKind.SPEED, StepKind.SEARCH)]
    missed = [step for step in counted if step.outcome is StepOutcome.MISSED]
    met = [step for step in counted if step.outcome is StepOutcome.MET]
    least = min(missed, key=offered_rate, default=None)
    below = [step for step in met if least is None or offered_rate(step) < offered_rate(least)]
    return Bracket(max(below, key=offered_rate, default=None), least)


def _searched(made: Sequence[StepModel]) -> float | None:
    """The next rate of the search; `None` = it is over."""
    if any(step.kind is not StepKind.SPEED and step.outcome is StepOutcome.NOT_VALID for step in made):
        return None
    found = bracket(made)
    if found.missed is None:
        return offered_rate(found.met) * GROWTH if found.met is not None else None
    high, guess = offered_rate(found.missed), _carried(found.missed)
    if found.met is None:
        return _below(found.missed, guess)
    low = offered_rate(found.met)
    if high / low <= CLOSE:
        return None
    is_inside = guess is not None and low * math.sqrt(CLOSE) < guess < high / math.sqrt(CLOSE)
    return guess if is_inside else math.sqrt(low * high)


def _below(missed: StepModel, guess: float | None) -> float:
    """A rate to try where nothing met the objective yet: near it, if nearly all was answered in its time."""
    if guess is not None:
        return min(guess, offered_rate(missed) * NEARER)
    is_near = missed.answered_requests_per_second.value is not None
    return offered_rate(missed) * NEARER if is_near else offered_rate(missed) / GROWTH


def _carried(missed: StepModel) -> float | None:
    """A little less than what the server answered when there was too much for it."""
    answered = missed.answered_requests_per_second.value
    return BELOW_THROUGHPUT * answered if answered and answered < offered_rate(missed) else None


def _saturating(terms: RehearsalTerms, made: Sequence[StepModel], seconds: float) -> NextStep | None:
    """Offers more than can be answered, and still more if all of it was and there is time."""
    tried = [step for step in made if step.kind is StepKind.SATURATION]
    if tried:
        last = tried[-1]
        is_late = sum(step.seconds for step in made) + seconds > terms.minutes * 60 + 1e-6
        is_over = is_late or len(tried) >= SATURATIONS or not last.is_valid or is_saturated(last)
        return None if is_over else NextStep(StepKind.SATURATION, seconds, rate=offered_rate(last) * 2)
    found = bracket(made)
    if found.missed is not None:
        return NextStep(StepKind.SATURATION, seconds, rate=offered_rate(found.missed) * SATURATING)
    most = max((offered_rate(step) for step in made if step.is_valid), default=0.0)
    beyond_us = [offered_rate(step) for step in made if step.outcome is StepOutcome.NOT_VALID and offered_rate(step) > most]
    rate = math.sqrt(most * min(beyond_us)) if beyond_us else most * GROWTH
    return NextStep(StepKind.SATURATION, seconds, rate=rate) if rate else None


def is_saturated(step: StepModel) -> bool:
    """Whether more was offered than was answered."""
    answered = step.answered_requests_per_second.value
    return answered is not None and answered < BELOW_THROUGHPUT * offered_rate(step)
