"""The product's own rule on simulated pilots: nothing here decides, it only hands pilots to `app.statistics`."""

from collections.abc import Iterator
from dataclasses import fields

import numpy as np

from app.pipeline.quality_watch import quality_watch
from app.statistics.daily import Daily, Flags
from app.statistics.decline import decline
from app.statistics.hybrid import Hybrid, hybrid, whole_weeks
from app.statistics.prediction_powered import NEVER as NOT_ANSWERED
from app.statistics.prediction_powered import Corrected, Labelled, correct
from app.statistics.sums import Floats, Sums
from tests.simulation.said import ALPHA, THRESHOLD, Said
from tests.simulation.worlds import NEVER, WEEK, Pilots, World


def h1(world: World, pilots: Pilots) -> Said:
    """H1 and the guard: on the series corrected by people where there are labels, else on the judge's."""
    return _corrected(world, pilots, is_guarded=True) if world.labels is not None else h1_raw(world, pilots)


def h1_and_watch(world: World, pilots: Pilots) -> Said:
    """H1, the guard, and the drift watch of the candidate's quality, which freezes the verdict."""
    said = h1(world, pilots)
    guard = said.holds

    def holds(passed: Flags, day: int) -> Flags:
        still = guard(passed, day) if guard is not None else np.ones(int(passed.sum()), dtype=bool)
        daily = _of(pilots.daily, passed, min(day, pilots.days))
        corrections = _shift(world, pilots, passed, day) if world.labels is not None else np.zeros(len(still))
        for run in np.flatnonzero(still):
            sums = {at + 1: each for at, each in enumerate(_sums(daily, int(run)))}
            watched = quality_watch(sums, days=range(1, len(sums) + 1), threshold=THRESHOLD, correction=float(corrections[run]))
            still[run] = not watched[1].reasons
        return still

    return Said(said.passed_on, said.failed_on, holds)


def h1_without_guard(world: World, pilots: Pilots) -> Said:
    """The same without the guard against a falling candidate."""
    if world.labels is not None:
        return _corrected(world, pilots, is_guarded=False)
    found = on_judge(world, pilots)
    return Said(found.passed_on, found.failed_on)


def h1_raw(world: World, pilots: Pilots) -> Said:
    """H1 and the guard on the judge's preferences, whatever people say."""
    found = on_judge(world, pilots)

    def holds(passed: Flags, day: int) -> Flags:
        return decline(trend=_of(pilots.daily, passed, day), threshold=THRESHOLD).holds

    return Said(found.passed_on, found.failed_on, holds)


def h1_people_only(world: World, pilots: Pilots) -> Said:
    """H1 on people's labels alone, without the guard: a judge that always says tie tells nothing."""
    labelled = labelled_of(world, pilots)
    nothing = np.full_like(labelled.judge, 0.5)
    people = Labelled(
        **{f.name: getattr(labelled, f.name) for f in fields(labelled)} | {"judge": nothing, "judge_drawn": nothing}
    )
    found = on_corrected(
        world,
        pilots,
        correct(labelled=people, days=pilots.days, now=world.last_moment, pilots=pilots.runs, waits=_waits(world)),
    )
    return Said(found.passed_on, found.failed_on)


def corrected_means(world: World, pilots: Pilots) -> Floats:
    """The corrected win rate of each pilot, when all is known."""
    series = correct(
        labelled=labelled_of(world, pilots), days=pilots.days, now=world.last_moment, pilots=pilots.runs, waits=_waits(world)
    )
    return _mean(series.middle.where(series.entered <= world.last_moment))


def on_judge(world: World, pilots: Pilots) -> Hybrid:
    """The rule on the judge's preferences."""
    return hybrid(
        lowest=pilots.daily,
        threshold=THRESHOLD,
        alpha=ALPHA,
        n_optimal=world.conversations / 2,
        looks=_looks(world),
        extension=_extension(world),
    )


def on_corrected(world: World, pilots: Pilots, series: Corrected) -> Hybrid:
    """The rule on the series corrected by people."""
    return hybrid(
        lowest=series.lowest, middle=series.middle, highest=series.highest, entered=series.entered,
        threshold=THRESHOLD, alpha=ALPHA,
        n_optimal=world.conversations / 2, looks=_looks(world), extension=_extension(world),
        now=world.last_moment, shape=series.shape,
    )  # fmt: skip


def labelled_of(world: World, pilots: Pilots, chosen: Flags | None = None) -> Labelled:
    """The conversations as the correction takes them; `chosen` pilots only, numbered anew."""
    rows = np.flatnonzero(chosen[pilots.run]) if chosen is not None else np.arange(len(pilots.place))
    late = world.labels.late_days if world.labels is not None else 0
    day = pilots.day[rows]
    answered = np.where(pilots.labelled_day[rows] < NEVER, pilots.labelled_day[rows] + 1, NOT_ANSWERED)
    answered = np.where(pilots.skipped[rows], day + late + 1, answered)
    pilot = pilots.run[rows]
    return Labelled(
        day=day + 1,
        judge=pilots.judge_mean[rows],
        drawn=pilots.drawn[rows],
        judge_drawn=pilots.judge_drawn[rows],
        person=np.where(pilots.labelled_day[rows] < NEVER, pilots.person_drawn[rows], np.nan),
        answered_on=answered,
        probability=np.full(len(rows), world.draw_probability),
        pilot=np.cumsum(chosen)[pilot] - 1 if chosen is not None else pilot,
    )


def _corrected(world: World, pilots: Pilots, *, is_guarded: bool) -> Said:
    series = correct(
        labelled=labelled_of(world, pilots), days=pilots.days, now=world.last_moment, pilots=pilots.runs, waits=_waits(world)
    )
    found = on_corrected(world, pilots, series)

    def holds(passed: Flags, day: int) -> Flags:
        labelled = labelled_of(world, pilots, passed)
        now = correct(labelled=labelled, days=pilots.days, now=day, pilots=int(passed.sum()), waits=_waits(world))
        entered = now.entered <= day
        judge = _of(pilots.daily, passed, pilots.days)
        shift = _mean(now.middle.where(entered)) - _mean(judge.where(entered))
        return decline(trend=_of(judge, None, day), threshold=THRESHOLD, shift=shift, scale=now.scale).holds

    return Said(found.passed_on, found.failed_on, holds if is_guarded else None)


def _shift(world: World, pilots: Pilots, passed: Flags, day: int) -> Floats:
    """What people's labels add to the judge's mean, as known on that day."""
    now = correct(
        labelled=labelled_of(world, pilots, passed), days=pilots.days, now=day, pilots=int(passed.sum()), waits=_waits(world)
    )
    entered = now.entered <= day
    return _mean(now.middle.where(entered)) - _mean(_of(pilots.daily, passed, pilots.days).where(entered))


def _sums(daily: Daily, run: int) -> Iterator[Sums]:
    """The days of one pilot; all weights are 1."""
    for n, x, xx in zip(daily.n[run], daily.sum_wx[run], daily.sum_w2x2[run], strict=True):
        yield Sums(int(n), float(n), float(n), float(x), float(xx), float(x), float(xx))


def _waits(world: World) -> int:
    return world.labels.waits if world.labels is not None else 0


def _looks(world: World) -> tuple[int, ...]:
    return whole_weeks(days=world.planned_days)


def _extension(world: World) -> int:
    """The one later look that is kept for an extension, whether or not it comes."""
    return world.planned_days + 2 * WEEK


def _of(daily: Daily, chosen: Flags | None, days: int) -> Daily:
    """Some pilots' first days."""
    rows = slice(None) if chosen is None else chosen
    return Daily(*(getattr(daily, field.name)[rows, :days] for field in fields(daily)))


def _mean(daily: Daily) -> Floats:
    mean: Floats = daily.sum_wx.sum(axis=-1) / daily.sum_w.sum(axis=-1)
    return mean
