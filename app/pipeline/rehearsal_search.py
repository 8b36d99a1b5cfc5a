"""What a rehearsal does next, by its steps so far: the asked speeds, then the search for what the candidate can carry."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.rehearsal import FULL_SPEED, RehearsalTerms, StepKind, StepModel, StepOutcome

SPEED_SHARE = 0.6  # of the time, where the capacity may be searched for
SEARCH_STEPS, REPEATS, SATURATIONS = 8, 3, 3
_SHORT_STEPS = 12  # of equal length share the rest of the time: 8 + 3 + 1
GROWTH = 4.0
CLOSE = 1.06  # a bracket as narrow as this is not searched further
SATURATING = 1.5
BELOW_THROUGHPUT = 0.95  # what a server answers when it is offered too much is a little more than it can carry in time


@dataclass(frozen=True, slots=True)
class NextStep:
    """One step to make."""

    kind: StepKind
    speed: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Bracket:
    """The fastest that met the objective, and the slowest that missed it above that; `None` = not seen."""

    met: StepModel | None
    missed: StepModel | None


def next_step(terms: RehearsalTerms, steps: Sequence[StepModel], *, has_objective: bool) -> NextStep | None:
    """What is to be done after these steps; `None` = nothing more."""
    made = [step for step in steps if step.outcome is not StepOutcome.LOST]
    asked = [step for step in made if step.kind is StepKind.SPEED]
    if len(asked) < len(terms.speeds):
        return NextStep(StepKind.SPEED, terms.speeds[len(asked)], speed_seconds(terms, has_objective=has_objective))
    if not is_searched(terms, asked, has_objective=has_objective):
        return None
    seconds = short_seconds(terms, has_objective=has_objective)
    search = [step for step in made if step.kind is StepKind.SEARCH]
    speed = _searched(made) if len(search) < SEARCH_STEPS else None
    if speed is not None:
        return NextStep(StepKind.SEARCH, speed, seconds)
    met = bracket(made).met
    repeats = [step for step in made if step.kind is StepKind.REPEAT]
    if met is not None and len(repeats) < REPEATS:
        return NextStep(StepKind.REPEAT, repeats[0].speed if repeats else met.speed, seconds)
    return _saturating(made, seconds)


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


def bracket(steps: Sequence[StepModel]) -> Bracket:
    """By asked and searched steps; repeats are told apart, they say how sure it is."""
    counted = [step for step in steps if step.kind in (StepKind.SPEED, StepKind.SEARCH)]
    missed = [step for step in counted if step.outcome is StepOutcome.MISSED]
    met = [step for step in counted if step.outcome is StepOutcome.MET]
    least = min(missed, key=lambda step: step.speed, default=None)
    below = [step for step in met if least is None or step.speed < least.speed]
    return Bracket(max(below, key=lambda step: step.speed, default=None), least)


def _searched(made: Sequence[StepModel]) -> float | None:
    """The next speed of the search; `None` = it is over."""
    if any(step.kind is not StepKind.SPEED and step.outcome is StepOutcome.NOT_VALID for step in made):
        return None
    found = bracket(made)
    if not any(step.outcome in (StepOutcome.MET, StepOutcome.MISSED) for step in made):
        return None
    if found.missed is None:
        return found.met.speed * GROWTH if found.met is not None else None
    guess = _carried_speed(found.missed)
    if found.met is None:
        return min(guess, found.missed.speed / 2) if guess else found.missed.speed / GROWTH
    low, high = found.met.speed, found.missed.speed
    if high / low <= CLOSE:
        return None
    is_inside = guess is not None and low * math.sqrt(CLOSE) < guess < high / math.sqrt(CLOSE)
    return guess if is_inside and guess is not None else math.sqrt(low * high)


def _carried_speed(missed: StepModel) -> float | None:
    """At which speed there would come as many requests as the server answered when there were too many."""
    answered, offered = missed.answered_requests_per_second.value, missed.offered_requests_per_second
    if not answered or not offered or answered >= offered:
        return None
    return BELOW_THROUGHPUT * missed.speed * answered / offered


def _saturating(made: Sequence[StepModel], seconds: float) -> NextStep | None:
    """Offers more than can be answered, and still more if all of it was."""
    tried = [step for step in made if step.kind is StepKind.SATURATION]
    if tried:
        last = tried[-1]
        is_over = len(tried) >= SATURATIONS or not last.is_valid or is_saturated(last)
        return None if is_over else NextStep(StepKind.SATURATION, last.speed * 2, seconds)
    found = bracket(made)
    if found.missed is not None:
        speed = found.missed.speed * SATURATING
    elif found.met is not None:
        speed = found.met.speed * GROWTH
    else:
        speed = max((step.speed for step in made), default=FULL_SPEED) * GROWTH
    return NextStep(StepKind.SATURATION, speed, seconds)


def is_saturated(step: StepModel) -> bool:
    """Whether more was offered than was answered."""
    answered, offered = step.answered_requests_per_second.value, step.offered_requests_per_second
    return answered is not None and offered is not None and answered < BELOW_THROUGHPUT * offered
