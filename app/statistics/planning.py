"""How a planned pilot would end: the quality rule itself, run on simulated pilots."""

from dataclasses import dataclass, fields, replace

import numpy as np

from app.domain.estimate import Estimate
from app.statistics.conversation_model import GRID, OUTCOMES, VALUES, ConversationModel
from app.statistics.daily import Daily, Flags, Numbers, Shape
from app.statistics.decline import decline
from app.statistics.fixed_sample import WILSON_METHOD, wilson
from app.statistics.hybrid import WEEK, hybrid, whole_weeks
from app.statistics.prediction_powered import PATIENCE_DAYS, TIE, Labelled, correct
from app.statistics.sums import Floats

FIRST_WEEKEND_DAY = 5
# Where a day's own swing is cut into equally likely parts: their means, for a standard deviation of 1.
SWINGS: Floats = np.array([-1.755, -1.0446, -0.6764, -0.3863, -0.126, 0.126, 0.3863, 0.6764, 1.0446, 1.755])
SWINGS = SWINGS / np.sqrt(np.mean(SWINGS**2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """One kind of work within a planned pilot.

    Attributes:
        model: What its conversations look like.
        conversations: Expected over the planned days.
        draw_probability: Chance of a conversation to be labelled by people, in [0, 1]; 0 = its preferences need no people.
    """

    model: ConversationModel
    conversations: float
    draw_probability: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What is planned beside the work itself.

    Attributes:
        days: Planned days; the rule looks at the end of each whole week from the second one on.
        weekend_volume: Traffic of the last two days of a week, over that of the other days.
        day_swing: Standard deviation of the true win rate from day to day, at least 0.
        skip_rate: Share of drawn pairs that people leave unanswered, in [0, 1).
        delay_days: Whole days between a conversation and its label.
    """

    days: int = 28
    weekend_volume: float = 0.4
    day_swing: float = 0.0
    skip_rate: float = 0.0
    delay_days: int = 1

    @property
    def traffic(self) -> Floats:
        """Share of each day in the conversations, shape (days,)."""
        weights = np.where(np.arange(self.days) % WEEK >= FIRST_WEEKEND_DAY, self.weekend_volume, 1.0)
        shares: Floats = weights / weights.sum()
        return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is registered of one series: see `app.statistics.hybrid`."""

    threshold: float
    alpha: float
    n_optimal: float


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """How each simulated pilot ends on quality, shape (runs,); where neither holds there is not enough evidence."""

    migrate: Flags
    dont_migrate: Flags

    @property
    def chances(self) -> dict[str, Estimate]:
        """Chance of each end with its Wilson interval over the simulated pilots."""
        ends = {"migrate": self.migrate, "dont_migrate": self.dont_migrate, "unknown": ~(self.migrate | self.dont_migrate)}
        return {name: _share(end) for name, end in ends.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Drawn conversations of one stratum, shape (m,) each."""

    place: Numbers
    judge: Floats
    judge_drawn: Floats
    person: Floats
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """One stratum's pilots.

    Attributes:
        people: Daily sums of what people would say of every conversation, shape (runs, days).
        rest: Daily sums of the judge's preferences of conversations that are not drawn; of all, where nobody is drawn.
    """

    people: Daily
    rest: Daily
    drawn: _Drawn


def simulate(*, strata: list[Stratum], design: Design, runs: int, seed: int) -> list[Simulated]:
    """Pilots of one design; a day's swing is common to all strata. The same seed gives the same pilots.

    The cost does not grow with traffic: a day's conversations are counted by value, only those drawn for people are told apart.

    Raises:
        ValueError: If there is no run, or a design or probability is out of range.

    Example:
        >>> work = Stratum(model=ConversationModel(win_rate=0.5), conversations=1400)
        >>> pilots = simulate(strata=[work], design=Design(), runs=20, seed=1)
        >>> pilots[0].people.n.shape
        (20, 28)
    """
    _check(strata, design, runs)
    chance = np.random.default_rng(seed)
    swing = chance.integers(len(SWINGS), size=runs * design.days) if design.day_swing > 0 else None
    return [_stratum(stratum, design, runs, swing, chance) for stratum in strata]


def trusted_ends(*, pilots: list[Simulated], rule: Rule, design: Design) -> Ends:
    """The ends if the judge said what people would: the upper limit of any number of labels.

    Example:
        >>> work = Stratum(model=ConversationModel(win_rate=0.5), conversations=1400)
        >>> pilots = simulate(strata=[work], design=Design(), runs=200, seed=1)
        >>> ends = trusted_ends(pilots=pilots, rule=Rule(threshold=0.45, alpha=0.05, n_optimal=700), design=Design())
        >>> ends.chances["migrate"].value > 0.95
        True
    """
    daily = _added([stratum.people for stratum in pilots])
    looks = whole_weeks(days=design.days)
    found = hybrid(
        lowest=daily, threshold=rule.threshold, alpha=rule.alpha, n_optimal=rule.n_optimal, looks=looks,
        extension=looks[-1] + 2 * WEEK,
    )  # fmt: skip
    return _ends(found.passed_on, found.failed_on, decline(trend=daily, threshold=rule.threshold).holds)


def corrected_ends(*, pilots: list[Simulated], rule: Rule, design: Design) -> Ends:
    """The ends of the series that people's labels correct, a week after the last day, when all labels are in.

    Example:
        >>> model = ConversationModel(win_rate=0.5, judge_accuracy=0.84)
        >>> work = Stratum(model=model, conversations=1400, draw_probability=0.3)
        >>> pilots = simulate(strata=[work], design=Design(), runs=100, seed=1)
        >>> ends = corrected_ends(pilots=pilots, rule=Rule(threshold=0.45, alpha=0.05, n_optimal=700), design=Design())
        >>> 0.75 < ends.chances["migrate"].value < 0.97
        True
    """
    runs, now = len(pilots[0].people.n), design.days + PATIENCE_DAYS
    found = correct(labelled=_labelled(pilots, design), days=design.days, now=now, pilots=runs)
    weights = np.repeat(found.weights, WEEK, axis=1)[:, : design.days]
    needs_people = [stratum.drawn.probability > 0 for stratum in pilots]
    rest = _added(
        [_guessed(each.rest, weights if needs else np.ones(())) for each, needs in zip(pilots, needs_people, strict=True)]
    )
    judge = _added([found.shape.daily, *(stratum.rest for stratum in pilots)])
    lowest, middle, highest = (_added([series, rest]) for series in (found.lowest, found.middle, found.highest))
    # Conversations whose preference needs no people are as good as answered.
    settled = [stratum.rest.n for stratum, needs in zip(pilots, needs_people, strict=True) if not needs]
    witnesses = found.shape.witnesses + sum(settled, start=np.zeros(()))
    looks = whole_weeks(days=design.days)
    told = hybrid(
        lowest=lowest, middle=middle, highest=highest, threshold=rule.threshold, alpha=rule.alpha, n_optimal=rule.n_optimal,
        looks=looks, extension=looks[-1] + 2 * WEEK, entered=found.entered, now=now,
        shape=Shape(judge, found.shape.stretch, witnesses),
    )  # fmt: skip
    # A week after the end every day has entered.
    guard = decline(trend=judge, threshold=rule.threshold, shift=_mean(middle) - _mean(judge), scale=found.scale)
    return _ends(told.passed_on, told.failed_on, guard.holds)


def _stratum(stratum: Stratum, design: Design, runs: int, swing: Numbers | None, chance: np.random.Generator) -> Simulated:
    models = [_moved(stratum.model, design.day_swing * float(by)) for by in SWINGS] if swing is not None else [stratum.model]
    counts = chance.poisson(np.tile(stratum.conversations * design.traffic, runs))
    chosen = chance.binomial(counts, stratum.draw_probability)
    shape = (runs, design.days)
    return Simulated(
        _counted([model.people for model in models], counts, swing, shape, chance),
        _counted([model.judged for model in models], counts - chosen, swing, shape, chance),
        _drawn(models, chosen, swing, stratum.draw_probability, chance),
    )


def _counted(
    chances: list[Floats], counts: Numbers, swing: Numbers | None, shape: tuple[int, ...], chance: np.random.Generator
) -> Daily:
    """Daily sums of so many conversations of each cell."""
    there = np.flatnonzero(np.sum(chances, axis=0) > 0)
    of_each = np.array([each[there] / each[there].sum() for each in chances])
    number = chance.multinomial(counts, of_each[swing] if swing is not None else of_each[0])
    values = VALUES[there]
    n, x, xx = (of.astype(np.float64).reshape(shape) for of in (counts, number @ values, number @ values**2))
    return Daily(n, n, n, x, x, xx)


def _drawn(
    models: list[ConversationModel], chosen: Numbers, swing: Numbers | None, probability: float, chance: np.random.Generator
) -> _Drawn:
    place = np.repeat(np.arange(len(chosen)), chosen)
    which = swing[place] if swing is not None else np.zeros(len(place), dtype=np.int64)
    uniform, cell = chance.random(len(place)), np.zeros(len(place), dtype=np.int64)
    for number, model in enumerate(models):
        mine = which == number
        if mine.any():
            below = np.cumsum(model.labelled.ravel())
            cell[mine] = np.searchsorted(below / below[-1], uniform[mine], side="right")
    mean, judge, person = np.unravel_index(cell, (GRID + 1, 3, 3))
    return _Drawn(place, VALUES[mean], OUTCOMES[judge], OUTCOMES[person], probability)


def _labelled(pilots: list[Simulated], design: Design) -> Labelled:
    """The drawn conversations of all strata; every n-th answer is a skip, spread evenly."""
    drawn = [stratum.drawn for stratum in pilots]
    place, judge, judge_drawn, person = (
        np.concatenate([getattr(each, name) for each in drawn]) for name in ("place", "judge", "judge_drawn", "person")
    )
    day, number = place % design.days + 1, np.arange(len(place))
    skipped = np.floor((number + 1) * design.skip_rate) > np.floor(number * design.skip_rate)
    return Labelled(
        day=day,
        judge=judge,
        drawn=np.ones(len(place), dtype=bool),
        judge_drawn=judge_drawn,
        person=np.where(skipped, np.nan, person),
        answered_on=day + design.delay_days,
        probability=np.concatenate([np.full(len(each.place), each.probability) for each in drawn]),
        pilot=place // design.days,
    )


def _guessed(judge: Daily, weight: Floats) -> Daily:
    """The sums of `0.5 + weight (x - 0.5)`, from those of x; all units weigh 1."""
    n, x, xx = judge.n, judge.sum_wx, judge.sum_w2x2
    mean = TIE * (1 - weight)
    total = n * mean + weight * x
    return Daily(n, n, n, total, total, n * mean**2 + 2 * mean * weight * x + weight**2 * xx)


def _added(parts: list[Daily]) -> Daily:
    return Daily(*(np.sum([getattr(part, field.name) for part in parts], axis=0) for field in fields(Daily)))


def _moved(model: ConversationModel, by: float) -> ConversationModel:
    half = model.tie_rate / 2
    return replace(model, win_rate=min(1 - half, max(half, model.win_rate + by)))


def _ends(passed_on: Numbers, failed_on: Numbers, holds: Flags) -> Ends:
    """As the gate reads them: what was shown to be below is below; what was shown to be above needs the guard too."""
    failed = failed_on > 0
    return Ends((passed_on > 0) & ~failed & holds, failed)


def _mean(daily: Daily) -> Floats:
    weight = daily.sum_w.sum(axis=-1)
    return np.asarray(daily.sum_wx.sum(axis=-1) / np.where(weight > 0, weight, 1.0), dtype=np.float64)


def _share(flags: Flags) -> Estimate:
    runs, events = len(flags), int(flags.sum())
    low, high = wilson(successes=events, trials=runs)
    return Estimate(events / runs, low, high, runs, WILSON_METHOD)


def _check(strata: list[Stratum], design: Design, runs: int) -> None:
    for name, value, is_right in (
        ("runs", runs, runs >= 1),
        ("days", design.days, design.days >= 2 * WEEK),
        ("weekend_volume", design.weekend_volume, design.weekend_volume >= 0),
        ("day_swing", design.day_swing, design.day_swing >= 0),
        ("skip_rate", design.skip_rate, 0 <= design.skip_rate < 1),
        ("delay_days", design.delay_days, design.delay_days >= 0),
        *(("draw_probability", each.draw_probability, 0 <= each.draw_probability <= 1) for each in strata),
        *(("conversations", each.conversations, each.conversations >= 0) for each in strata),
    ):
        if not is_right:
            message = f"{name} is out of range: {value}"
            raise ValueError(message)
