"""Seeded worlds of simulated pilots: every pair of every conversation, what people think of it and what the judge says."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.statistics.daily import Daily

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]

WEEK = 7
NEVER = 10_000  # the day of a label that is never made
WEEKEND_VOLUME = 0.4
# Sizes 1 to 5, halving: with an intraclass correlation of 0.25 the mean of a conversation has the standard deviation 0.37.
SIZES = (0.5, 0.25, 0.125, 0.0625, 0.0625)
UNITS_AT_ONCE = 400_000


@dataclass(frozen=True, slots=True)
class Judge:
    """How the judge's preference of a pair follows from people's.

    Attributes:
        bias: The judge's mean less people's at the world's mean win rate.
        agreement: Each pilot's judge says the same as people on a share of the pairs that they decide, drawn between these two.
        tie_rate: Its ties among the pairs that people decide.
        tie_agreement: Its ties among the pairs that people call a tie.
        turn: What is added to its mean from `turn_day` on: below 0 it turns harsher.
    """

    bias: float = 0.03
    agreement: tuple[float, float] = (0.81, 0.87)
    tie_rate: float = 0.08
    tie_agreement: float = 0.7
    turn: float = 0.0
    turn_day: int = 14


@dataclass(frozen=True, slots=True)
class Labels:
    """People's labels: one random pair of a drawn conversation.

    Attributes:
        planned: Expected draws over the planned days.
        skip_rate: Draws that people skip, whatever the pair.
        missing_if_worse: Draws that are never labelled, of pairs in which the candidate's reply is worse.
        late_days: Whole days between a conversation and its label.
        last_day: Conversations of later days (from 0) are never labelled.
    """

    planned: int = 280
    skip_rate: float = 0.1
    missing_if_worse: float = 0.0
    late_days: int = 3
    waits: int = 0
    last_day: int = NEVER


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant whose quality differs: its share of the traffic, which swings from day to day (standard deviation)."""

    share: float = 0.3
    gap: float = 0.15
    swing: float = 0.15


@dataclass(frozen=True, slots=True)
class World:
    """One kind of pilot; `win_rate` is the mean over conversations of people's preferences.

    Attributes:
        win_rate: On the first day, or throughout.
        end_win_rate: On the last planned day, reached in a straight line; `None` = as on the first.
        conversations: Planned for `planned_days`; a longer pilot goes on at the same rate.
        day_shock: Standard deviation of the day's own win rate.
        shock_memory: Correlation of a day's shock with the one before; 0 = days are independent.
        busy_gap: A day has half or one and a half times the traffic by chance, and a busy one is worse by it than a quiet one.
        week_shock: Standard deviation of a win rate that each whole week has of its own.
        steps: From a day (from 0) on, another true win rate.
        weekly_swing: Weekends are better by it and the other days worse, such that the mean by traffic stays.
        icc: Correlation of two pairs of one conversation.
        sizes: Probabilities of 1, 2, 3, ... pairs a conversation.
        long_gap: Conversations longer than two pairs are worse by it and the others better, such that the mean stays.
        judge: `None` = the judge says what people would.
    """

    name: str
    win_rate: float = 0.45
    end_win_rate: float | None = None
    conversations: int = 1400
    days: int = 28
    planned_days: int = 28
    day_shock: float = 0.0
    shock_memory: float = 0.0
    busy_gap: float = 0.0
    week_shock: float = 0.0
    steps: tuple[tuple[int, float], ...] = ()
    weekly_swing: float = 0.0
    tie_rate: float = 0.3
    icc: float = 0.25
    sizes: tuple[float, ...] = SIZES
    long_gap: float = 0.0
    tenant: Tenant | None = None
    judge: Judge | None = None
    labels: Labels | None = None

    def but(self, **changes: Any) -> "World":
        """The same world with other values."""
        return replace(self, **changes)

    @property
    def path(self) -> Floats:
        """True win rate of each day before shocks, shape (days,); level after the planned end."""
        end = self.win_rate if self.end_win_rate is None else self.end_win_rate
        steps = np.minimum(np.arange(self.days) / (self.planned_days - 1), 1.0)
        path: Floats = self.win_rate + (end - self.win_rate) * steps
        for day, win_rate in self.steps:
            path[day:] = win_rate
        return path

    @property
    def traffic(self) -> Floats:
        """Expected conversations of each day, shape (days,)."""
        weights = np.where(np.arange(self.days) % WEEK >= 5, WEEKEND_VOLUME, 1.0)
        traffic: Floats = self.conversations * weights / weights[: self.planned_days].sum()
        return traffic

    @property
    def mean_win_rate(self) -> float:
        """Of the planned days, weighted by traffic."""
        planned = slice(0, self.planned_days)
        return float(np.average(self.path[planned], weights=self.traffic[planned]))

    @property
    def last_moment(self) -> int:
        """The day (from 1) of the last reading: labels of the last conversations come, or are given up, after the end."""
        return self.days if self.labels is None else self.days + WEEK

    @property
    def draw_probability(self) -> float:
        """A conversation's chance to be drawn for people."""
        return self.labels.planned / self.conversations if self.labels is not None else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Pilots:
    """Simulated pilots, one row a conversation, sorted by pilot and day; days count from 0.

    Attributes:
        runs: How many pilots.
        days: Days of each.
        place: Pilot times `days` plus day.
        size: Number of pairs.
        judge_mean: Mean of the judge's preferences.
        person_mean: Mean of what people think of all its pairs; nobody knows it.
        drawn: Whether people are asked.
        drawn_pair: Row of the pair that they would be asked about.
        labelled_day: Day on which they say it; `NEVER` = not drawn, skipped or missing.
        skipped: Drawn, and skipped on `day + late_days`.
        first_pair: Row of its first pair.
        pair_judge: The judge's preference of each pair in halves (0, 1, 2), the pairs of a conversation together.
        pair_person: People's.
    """

    runs: int
    days: int
    place: Numbers
    size: Numbers
    judge_mean: Floats
    person_mean: Floats
    drawn: Flags
    drawn_pair: Numbers
    labelled_day: Numbers
    skipped: Flags
    first_pair: Numbers
    pair_judge: Codes
    pair_person: Codes

    @property
    def run(self) -> Numbers:
        """Pilot of each conversation."""
        return self.place // self.days

    @property
    def day(self) -> Numbers:
        """Day of each conversation, from 0."""
        return self.place % self.days

    @property
    def judge_drawn(self) -> Floats:
        """The judge's preference of the drawn pair (of a conversation that is not drawn: of the one that would be)."""
        return self.pair_judge[self.drawn_pair] / 2.0

    @property
    def person_drawn(self) -> Floats:
        """People's preference of the drawn pair."""
        return self.pair_person[self.drawn_pair] / 2.0

    @property
    def daily(self) -> Daily:
        """Daily sums of the judge's means, shape (runs, days)."""
        return Daily.of(values=self.judge_mean, places=self.place, shape=(self.runs, self.days))

    @property
    def daily_pairs(self) -> Daily:
        """Daily sums of the judge's preferences of pairs, as if pairs were independent."""
        places = np.repeat(self.place, self.size)
        return Daily.of(values=self.pair_judge / 2.0, places=places, shape=(self.runs, self.days))


def simulate(world: World, *, runs: int, seed: int = 0) -> Iterator[Pilots]:
    """The world's pilots in portions; the same seed gives the same pilots, and more runs begin with the same portions."""
    expected = max(1.0, world.traffic.sum())
    portion = max(1, int(UNITS_AT_ONCE / expected))
    for number, start in enumerate(range(0, runs, portion)):
        chance = np.random.default_rng([zlib.crc32(world.name.encode()), world.conversations, seed, number])
        yield portion_of(world, runs=min(portion, runs - start), chance=chance)


def portion_of(world: World, *, runs: int, chance: np.random.Generator) -> Pilots:
    """Some pilots of the world."""
    busy = chance.choice((-0.5, 0.5), size=(runs, world.days)) if world.busy_gap else np.zeros((runs, world.days))
    counts = chance.poisson(world.traffic * (1 + busy))
    place = np.repeat(np.arange(runs * world.days), counts.ravel())
    size = 1 + np.searchsorted(np.cumsum(world.sizes)[:-1], chance.random(len(place)), side="right")
    level = _levels(world, busy, place, size, chance)
    first = np.concatenate(([0], np.cumsum(size)[:-1])) if len(size) else np.zeros(0, dtype=np.int64)
    person = _people(world, level, size, chance)
    judge = _judge(world, person, np.repeat(place, size), runs, chance) if world.judge is not None else person
    drawn = chance.random(len(place)) < world.draw_probability
    pair = first + (chance.random(len(place)) * size).astype(np.int64)
    labelled, skipped = _labels(world, place % world.days, drawn, person[pair], chance)
    return Pilots(
        runs, world.days, place, size, _means(judge, first, size), _means(person, first, size), drawn, pair, labelled, skipped,
        first, judge, person,
    )  # fmt: skip


def _levels(world: World, busy: Floats, place: Numbers, size: Numbers, chance: np.random.Generator) -> Floats:
    """True win rate of each conversation."""
    runs = busy.shape[0]
    weekend = np.arange(world.days) % WEEK >= 5
    share = 2 * WEEKEND_VOLUME / (5 + 2 * WEEKEND_VOLUME)
    by_day = world.path + world.weekly_swing * np.where(weekend, 1 - share, -share)
    daily = by_day + world.day_shock * _shocks(world, chance.standard_normal((runs, world.days)))
    daily = daily + world.busy_gap * (0.25 - busy)  # by traffic the busy days weigh more: the mean stays
    if world.week_shock:
        weeks = chance.standard_normal((runs, -(-world.days // WEEK)))
        daily = daily + world.week_shock * np.repeat(weeks, WEEK, axis=1)[:, : world.days]
    level = daily.ravel()[place]
    if world.tenant is not None:
        tenant = world.tenant
        swung = tenant.share + tenant.swing * chance.standard_normal((runs, world.days))
        shares = np.clip(swung, 0.0, 2 * tenant.share)  # clipped evenly, so that the mean share stays
        is_theirs = chance.random(len(place)) < shares.ravel()[place]
        level = level + tenant.gap * (tenant.share - is_theirs)
    if world.long_gap:
        long = float(sum(world.sizes[2:]))
        level = level + world.long_gap * (long - (size > 2))
    half = world.tie_rate / 2
    return np.clip(level, half, 1 - half)


def _shocks(world: World, fresh: Floats) -> Floats:
    """Each day keeps part of the last one's; the standard deviation stays 1."""
    shocks = fresh.copy()
    for day in range(1, world.days):
        shocks[:, day] = world.shock_memory * shocks[:, day - 1] + np.sqrt(1 - world.shock_memory**2) * fresh[:, day]
    return shocks


def _people(world: World, level: Floats, size: Numbers, chance: np.random.Generator) -> Codes:
    """What people think of each pair: with the root of `icc` it is what the conversation as a whole deserves."""
    common = _outcomes(world, level, chance.random(len(level)))
    of_pair = np.repeat(np.arange(len(size)), size)
    own = _outcomes(world, level[of_pair], chance.random(len(of_pair)))
    alike = chance.random(len(of_pair), dtype=np.float32) < np.sqrt(world.icc)
    return np.where(alike, common[of_pair], own)


def _outcomes(world: World, level: Floats, uniform: Floats) -> Codes:
    worse = 1 - level - world.tie_rate / 2
    codes: Codes = (uniform >= worse).astype(np.int8) + (uniform >= worse + world.tie_rate)
    return codes


def _judge(world: World, person: Codes, place_of_pair: Numbers, runs: int, chance: np.random.Generator) -> Codes:
    judge = world.judge
    assert judge is not None
    agreement = chance.uniform(*judge.agreement, size=runs)
    tie = np.full(runs, 0.5)
    # P(judge < tie | person) and P(judge <= tie | person) for the three things that people may say.
    below = np.stack([agreement, tie - judge.tie_agreement / 2, 1 - agreement - judge.tie_rate], axis=1)
    up_to = np.stack([agreement + judge.tie_rate, tie + judge.tie_agreement / 2, 1 - agreement], axis=1)
    # An imperfect judge shrinks towards 0.5; `bias` is what is left at the mean win rate, all told.
    shift = judge.bias + (world.mean_win_rate - 0.5) * (2 - 2 * float(np.mean(judge.agreement)) - judge.tie_rate)
    by_day = shift + judge.turn * (np.arange(world.days) >= judge.turn_day)
    row = place_of_pair // world.days * 3 + person
    uniform = chance.random(len(person)) + by_day[place_of_pair % world.days]
    codes: Codes = (uniform >= below.ravel()[row]).astype(np.int8) + (uniform >= up_to.ravel()[row])
    return codes


def _labels(world: World, day: Numbers, drawn: Flags, person: Codes, chance: np.random.Generator) -> tuple[Numbers, Flags]:
    if world.labels is None:
        return np.full(len(day), NEVER), np.zeros(len(day), dtype=bool)
    labels = world.labels
    skipped = drawn & (chance.random(len(day)) < labels.skip_rate)
    missing = (person == 0) & (chance.random(len(day)) < labels.missing_if_worse) | (day > labels.last_day)
    return np.where(drawn & ~skipped & ~missing, day + labels.late_days, NEVER), skipped


def _means(codes: Codes, first: Numbers, size: Numbers) -> Floats:
    if not len(first):
        return np.zeros(0)
    means: Floats = np.add.reduceat(codes, first, dtype=np.int64) / (2.0 * size)
    return means
