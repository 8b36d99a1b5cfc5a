"""What the corrected series takes beside judge and labels: rules, waiting, imagined answers, the scale of fifty labels."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.statistics.outages import design_effect_by_day, episodes
from app.statistics.prediction_powered import FIRST_WEIGHT, LABELS_FOR_SCALE, NEVER, Labelled, correct


def conversations(**given: Any) -> Labelled:
    """Of one pilot; each is a tie and nobody was drawn, unless it is said."""
    n = len(given["judge"])
    usual: dict[str, Any] = {
        "day": np.ones(n, int), "drawn": np.zeros(n, bool), "judge_drawn": given["judge"], "person": np.full(n, np.nan),
        "answered_on": np.full(n, NEVER), "probability": np.full(n, 0.5),
    }  # fmt: skip
    return Labelled(**(usual | given))


@pytest.mark.parametrize(
    ("judge", "fixed", "guess"),
    [(0.9, 0.0, 0.5 + 0.7 * 0.4), (0.9, 0.25, 0.5 + 0.25 + 0.7 * 0.15), (0.2, -0.25, 0.5 - 0.25 - 0.7 * 0.05)],
)
def test_what_a_rule_decides_is_no_guess_that_the_judges_weight_shrinks(judge: float, fixed: float, guess: float) -> None:
    assert FIRST_WEIGHT == 0.7
    found = correct(labelled=conversations(judge=np.array([judge]), fixed=np.array([fixed])), days=1, now=1)
    for series in (found.lowest, found.middle, found.highest):
        assert series.means[0, 0] == pytest.approx(guess)


@pytest.mark.parametrize(
    ("drawn", "squares"), [([], 0.0), ([0], 2 * (0.5 / 0.25 * 2.0) ** 2), ([0, 1], 2 * (0.5 / 0.3 * 2.0) ** 2)]
)
def test_two_imagined_answers_give_a_few_labels_their_spread(drawn: list[int], squares: float) -> None:
    """Each half a preference off, over the mean chance of the drawn and times the mean weight of those who may be drawn."""
    rows = conversations(
        judge=np.full(4, 0.5), day=np.array([2, 3, 1, 1]), probability=np.array([0.25, 0.35, 0.25, 0.0]),
        weight=np.array([1.0, 2.0, 3.0, 50.0]),
    )  # fmt: skip
    asked = np.isin(np.arange(4), drawn)
    answered = replace(rows, drawn=asked, person=np.where(asked, 0.5, np.nan), answered_on=np.where(asked, 3, NEVER))
    found = correct(labelled=answered, days=3, now=9)
    # They are of the first day with a draw; the answers themselves say what the judge says.
    added = found.lowest.sum_w2x2 - found.middle.sum_w2x2
    assert added[0] == pytest.approx([0.0, squares, 0.0])
    assert found.highest.sum_w2x2 == pytest.approx(found.lowest.sum_w2x2)


@pytest.mark.parametrize(("labels", "stretch"), [(LABELS_FOR_SCALE - 1, 1 / 0.7), (LABELS_FOR_SCALE, 1.25)])
def test_fifty_labels_of_the_weeks_before_stretch_the_trend(labels: int, stretch: float) -> None:
    judge, people = np.full(labels, 0.9), np.ones(labels)
    rows = conversations(
        judge=judge, drawn=np.ones(labels, bool), person=people, answered_on=np.full(labels, 7), day=np.full(labels, 7),
        probability=np.ones(labels),
    )  # fmt: skip
    found = correct(labelled=rows, days=14, now=14).shape.stretch[0]
    assert found == pytest.approx(np.repeat([1 / 0.7, stretch], 7))


@pytest.mark.parametrize(("waits", "entered"), [(0, [3, 2, 3]), (2, [3, 4, 5]), (9, [8, 9, 10])])
def test_each_day_waits_where_draws_are_known_only_by_their_answers(waits: int, entered: list[int]) -> None:
    rows = conversations(
        judge=np.full(2, 0.5), drawn=np.array([True, False]), person=np.array([1.0, np.nan]), answered_on=np.array([3, NEVER]),
        day=np.array([1, 2]),
    )  # fmt: skip
    assert correct(labelled=rows, days=3, now=10, waits=waits).entered.tolist() == [entered]


def test_two_days_measure_how_alike_the_failures_of_a_day_are() -> None:
    # 2 / (2 - 1) * ((4 - 2)² + (0 - 2)²) / 100², over 0.04 * 0.96 / 100.
    found = design_effect_by_day(events=np.array([4, 0]), trials=np.array([50, 50]))
    assert found == pytest.approx(2 * 8 / 100**2 / (0.04 * 0.96 / 100))


def test_failures_at_one_moment_are_one_outage_even_without_any_distance() -> None:
    assert episodes(failed_us=np.array([5, 5, 6]), apart_seconds=0.0) == 2
