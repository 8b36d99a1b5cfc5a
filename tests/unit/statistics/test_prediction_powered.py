"""The corrected series, vectorised, against the formula conversation by conversation; and what it must not depend on."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from app.statistics.daily import Daily
from app.statistics.prediction_powered import (
    FIRST_WEIGHT,
    LABELS_FOR_SCALE,
    LEAST_LABELS,
    MOST_SCALE,
    NEVER,
    PATIENCE_DAYS,
    Corrected,
    Labelled,
    correct,
)

DAYS, PILOTS = 22, 3


def world(seed: int, *, each: int = 400, chance_of_draw: float = 0.3) -> Labelled:
    """Three pilots: labels late, some skipped, some never; a few conversations that need no people; unequal weights."""
    chance = np.random.default_rng(seed)
    m = PILOTS * each
    day, truth = chance.integers(1, DAYS + 1, size=m), chance.choice([0.0, 0.5, 1.0], size=m)
    agrees = chance.random(m) < 0.7
    judge_drawn = np.where(agrees, truth, chance.choice([0.0, 0.25, 0.5, 0.75, 1.0], size=m))
    by_rule = chance.random(m) < 0.1
    probability = np.where(by_rule, 0.0, np.where(chance.random(m) < 0.5, chance_of_draw, chance_of_draw / 2))
    drawn = chance.random(m) < probability
    answered = np.where(drawn, day + chance.choice([0, 1, 3, 9], size=m), NEVER)
    answered = np.where(drawn & (chance.random(m) < 0.05), NEVER, answered)
    skipped = chance.random(m) < 0.1
    return Labelled(
        day=day, judge=np.clip(judge_drawn + chance.choice([-0.25, 0.0, 0.25], size=m), 0, 1), drawn=drawn,
        judge_drawn=np.where(drawn, judge_drawn, np.nan),
        person=np.where(drawn & (answered < NEVER) & ~skipped, truth, np.nan), answered_on=answered,
        probability=probability, weight=chance.choice([1.0, 2.5], size=m), pilot=np.repeat(np.arange(PILOTS), each),
    )  # fmt: skip


def rows_of(labelled: Labelled, pilot: int) -> list[dict[str, Any]]:
    names = [field.name for field in dataclasses.fields(labelled) if getattr(labelled, field.name) is not None]
    columns = {name: np.asarray(getattr(labelled, name)) for name in names}
    return [{name: columns[name][row].item() for name in names} for row in np.flatnonzero(columns["pilot"] == pilot)]


def is_known(row: dict[str, Any], now: int) -> bool:
    return row["drawn"] and row["answered_on"] <= now and not math.isnan(row["person"])


def weights_by_hand(rows: list[dict[str, Any]], now: int) -> list[float]:
    """λ of each week: people on the judge, both around a tie, in what was answered before the week."""
    found = [FIRST_WEIGHT]
    for week in range(1, math.ceil(DAYS / 7)):
        seen = [row for row in rows if is_known(row, now) and row["answered_on"] <= 7 * week and row["day"] <= 7 * week]
        squares = sum((row["judge_drawn"] - 0.5) ** 2 for row in seen)
        crossed = sum((row["judge_drawn"] - 0.5) * (row["person"] - 0.5) for row in seen)
        usable = len(seen) >= LEAST_LABELS and squares > 0
        found.append(min(1.0, max(0.0, crossed / squares)) if usable else found[-1])
    return found


def series_by_hand(rows: list[dict[str, Any]], now: int, unanswered: float | None) -> list[tuple[float, float]]:
    """Weighted mean and number of each day's pseudo-outcomes; `None` = unanswered draws are like the answered ones."""
    lam = weights_by_hand(rows, now)
    drawn = [row for row in rows if row["drawn"] and entered_by_hand(rows, row["day"]) <= now]
    share = sum(is_known(row, now) for row in drawn) / len(drawn) if drawn else 1.0
    days: list[list[tuple[float, float]]] = [[] for _ in range(DAYS)]
    for row in rows:
        weight = lam[(row["day"] - 1) // 7]
        y = 0.5 + (weight if row["probability"] > 0 else 1.0) * (row["judge"] - 0.5)
        person = row["person"] if is_known(row, now) else unanswered
        if row["drawn"] and person is not None:
            chance = row["probability"] * (share if unanswered is None else 1.0)
            y += (person - (0.5 + weight * (row["judge_drawn"] - 0.5))) / chance
        days[row["day"] - 1].append((row["weight"], y))
    return [(sum(w * y for w, y in day) / sum(w for w, _ in day), len(day)) for day in days]


def entered_by_hand(rows: list[dict[str, Any]], day: int) -> int:
    last = max((row["answered_on"] for row in rows if row["drawn"] and row["day"] == day), default=0)
    return int(min(max(last, day), day + PATIENCE_DAYS))


def scale_by_hand(rows: list[dict[str, Any]], now: int) -> float:
    seen = [row for row in rows if is_known(row, now)]
    squares = sum((row["person"] - 0.5) ** 2 for row in seen)
    crossed = sum((row["judge_drawn"] - 0.5) * (row["person"] - 0.5) for row in seen)
    slope = crossed / squares if len(seen) >= LABELS_FOR_SCALE and squares > 0 else 1.0
    return 1 / min(1.0, max(1 / MOST_SCALE, slope))


def stretches_by_hand(rows: list[dict[str, Any]], now: int) -> list[float]:
    """Of each day, from the answers made before its week; at first that of the first weight."""
    found = [1 / FIRST_WEIGHT]
    for week in range(1, math.ceil(DAYS / 7)):
        seen = [row for row in rows if is_known(row, now) and row["answered_on"] <= 7 * week and row["day"] <= 7 * week]
        found.append(scale_by_hand(seen, now) if len(seen) >= LABELS_FOR_SCALE else found[-1])
    return [found[day // 7] for day in range(DAYS)]


@pytest.mark.parametrize(("seed", "now", "chance_of_draw"), [(1, DAYS, 0.4), (2, 12, 0.4), (3, 30, 0.08), (4, DAYS, 0.0)])
def test_the_series_are_those_of_the_formula(seed: int, now: int, chance_of_draw: float) -> None:
    labelled = world(seed, chance_of_draw=chance_of_draw)
    found = correct(labelled=labelled, days=DAYS, now=now, pilots=PILOTS)
    for pilot in range(PILOTS):
        rows = rows_of(labelled, pilot)
        assert found.weights[pilot] == pytest.approx(weights_by_hand(rows, now))
        for name, unanswered in (("lowest", 0.0), ("highest", 1.0), ("middle", None)):
            series: Daily = getattr(found, name)
            hand = series_by_hand(rows, now, unanswered)
            assert series.means[pilot] == pytest.approx([mean for mean, _ in hand]), name
            assert series.n[pilot].tolist() == [number for _, number in hand]
        assert found.entered[pilot].tolist() == [entered_by_hand(rows, day + 1) for day in range(DAYS)]
        assert found.scale[pilot] == pytest.approx(scale_by_hand(rows, now))
        assert found.answered[pilot] == sum(is_known(row, now) for row in rows)
        waiting = [row for row in rows if row["drawn"] and not is_known(row, now)]
        assert found.unanswered[pilot] == sum(entered_by_hand(rows, row["day"]) <= now for row in waiting)
        for day in range(DAYS):
            told = [row for row in rows if (is_known(row, now) or row["probability"] == 0) and row["day"] == day + 1]
            assert found.shape.witnesses[pilot, day] == len(told)
        assert found.shape.stretch[pilot] == pytest.approx(stretches_by_hand(rows, now))
    place = np.asarray(labelled.pilot) * DAYS + labelled.day - 1
    judge = Daily.of(values=labelled.judge, places=place, shape=(PILOTS, DAYS), weights=labelled.weight)
    assert found.shape.daily.means == pytest.approx(judge.means, nan_ok=True)


def alone(**given: Any) -> Labelled:
    """Conversations of one pilot, each drawn with chance 1 and answered at once, unless it is said."""
    n = len(given["person"])
    right: dict[str, Any] = {
        "day": np.ones(n, int), "judge": np.full(n, 0.5), "drawn": np.ones(n, bool), "judge_drawn": np.full(n, 0.5),
        "answered_on": np.ones(n, int), "probability": np.ones(n),
    }  # fmt: skip
    return Labelled(**(right | given))


def test_when_everybody_is_asked_it_is_peoples_mean_whatever_the_judge_says() -> None:
    chance = np.random.default_rng(1)
    people, judge = chance.choice([0.0, 0.5, 1.0], size=60), chance.random(60)
    found = correct(labelled=alone(person=people, judge=judge, judge_drawn=judge), days=1, now=1)
    for name in ("lowest", "highest", "middle"):
        assert getattr(found, name).means[0, 0] == pytest.approx(people.mean())


def test_its_mean_is_peoples_though_the_judge_is_biased() -> None:
    chance, n = np.random.default_rng(2), 40_000
    people = chance.choice([0.0, 0.5, 1.0], p=[0.4, 0.3, 0.3], size=n)
    judge = np.where(chance.random(n) < 0.3, 1.0, people)
    drawn = chance.random(n) < 0.3
    labelled = alone(
        person=np.where(drawn, people, np.nan), judge=judge, judge_drawn=judge, drawn=drawn, probability=np.full(n, 0.3)
    )
    found: Corrected = correct(labelled=labelled, days=1, now=1)
    error = math.sqrt(found.middle.sum_w2x2[0, 0] / n - found.middle.means[0, 0] ** 2) / math.sqrt(n)
    assert judge.mean() > people.mean() + 0.1
    assert found.middle.means[0, 0] == pytest.approx(people.mean(), abs=3 * error)


@pytest.mark.parametrize(("labels", "learned"), [(LEAST_LABELS - 1, False), (LEAST_LABELS, True)])
def test_a_weight_is_learned_from_twenty_labels_of_the_weeks_before(labels: int, learned: bool) -> None:
    judge, people = np.ones(labels), np.full(labels, 0.75)
    earlier = alone(person=people, judge=judge, judge_drawn=judge, day=np.full(labels, 7), answered_on=np.full(labels, 7))
    weights = correct(labelled=earlier, days=14, now=14).weights[0].tolist()
    assert weights == [FIRST_WEIGHT, pytest.approx(0.5) if learned else FIRST_WEIGHT]
    # An answer of the new week's first day, or of a conversation of the new week, comes too late.
    for late in ({"answered_on": np.full(labels, 8)}, {"day": np.full(labels, 8), "answered_on": np.full(labels, 7)}):
        found = correct(labelled=dataclasses.replace(earlier, **late), days=14, now=14)
        assert found.weights[0].tolist() == [FIRST_WEIGHT, FIRST_WEIGHT]


def test_a_judge_that_only_ties_teaches_no_weight() -> None:
    found = correct(labelled=alone(person=np.ones(60)), days=8, now=8)
    assert found.weights[0].tolist() == [FIRST_WEIGHT, FIRST_WEIGHT]


@pytest.mark.parametrize(("labels", "scale"), [(LABELS_FOR_SCALE - 1, 1.0), (LABELS_FOR_SCALE, 1.25)])
def test_a_judge_that_sees_only_part_is_stretched(labels: int, scale: float) -> None:
    people, judge = np.ones(labels), np.full(labels, 0.9)
    assert correct(labelled=alone(person=people, judge=judge, judge_drawn=judge), days=1, now=1).scale[0] == pytest.approx(
        scale
    )


def test_people_who_only_tie_stretch_nothing() -> None:
    assert correct(labelled=alone(person=np.full(80, 0.5), judge_drawn=np.ones(80)), days=1, now=1).scale.tolist() == [1.0]


def test_what_is_answered_later_is_not_known_yet() -> None:
    labelled = alone(person=np.array([1.0, 1.0]), answered_on=np.array([1, 3]))
    before, after = (correct(labelled=labelled, days=1, now=now) for now in (2, 3))
    assert (before.answered.tolist(), after.answered.tolist()) == ([1], [2])
    assert before.entered.tolist() == after.entered.tolist() == [[3]]
    assert (before.unanswered.tolist(), after.unanswered.tolist()) == ([0], [0])


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.1])
def test_a_draw_without_a_chance_is_named(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        correct(labelled=alone(person=np.array([1.0]), probability=np.array([probability])), days=1, now=1)
    # Who is not drawn needs none.
    undrawn = alone(person=np.array([np.nan]), probability=np.array([0.0]), drawn=np.array([False]))
    assert correct(labelled=undrawn, days=1, now=1).middle.means.tolist() == [[0.5]]


@pytest.mark.parametrize("day", [0, 3])
def test_a_day_outside_is_named(day: int) -> None:
    with pytest.raises(ValueError, match="day"):
        correct(labelled=alone(person=np.array([1.0]), day=np.array([day])), days=2, now=2)
    correct(labelled=alone(person=np.ones(2), day=np.array([1, 2])), days=2, now=2)


def test_who_is_never_asked_counts_with_the_least_and_the_most_that_is_possible() -> None:
    unasked = alone(
        person=np.array([np.nan]),
        drawn=np.array([False]),
        probability=np.array([0.0]),
        least=np.array([0.2]),
        most=np.array([0.9]),
    )
    found = correct(labelled=unasked, days=1, now=1)
    assert [float(series.means[0, 0]) for series in (found.lowest, found.middle, found.highest)] == [0.2, 0.5, 0.9]
