"""A judge's habits over pairs that are always asked twice, its answers by place and length, what was cut."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.domain.judge_figures import AnswersModel, JudgeFigures
from app.domain.second_order import in_random_tenth
from app.pipeline.judge_figures import judge_figures_of
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Grade, Made, MadeEvidence, made

ASKED = {"base_url": "http://127.0.0.1:1/v1", "model": "m"}


def both(first_of_incumbent: float | None, first_of_candidate: float | None) -> tuple[Grade, ...]:
    return Grade(first_of_incumbent), Grade(first_of_candidate, first="qwen")


def figures(found: MadeEvidence, cut: list[int] | None = None, **judge: Any) -> JudgeFigures:
    numbers = np.array(cut, dtype=np.int64) if cut is not None else None
    configuration = a_configuration(judge=judge or ASKED)
    return judge_figures_of(configuration, found.evidence, "qwen", found.pairs, found.talks, numbers)


def test_consistency_and_the_first_place_are_measured_on_the_drawn_pairs_alone() -> None:
    drawn = [in_random_tenth(f"e-{number:04d}", "qwen") for number in range(400)]
    # Of the drawn pairs the judge takes the first reply each time; of all others it is consistent.
    rows = [Made(f"c-{number}", grades=both(0.0, 1.0) if is_drawn else both(1.0, 1.0)) for number, is_drawn in enumerate(drawn)]
    n = sum(drawn)
    assert 20 < n < 70
    found = figures(made(rows))
    consistency, first = found.position_consistency_random, found.first_shown_random
    assert (consistency.value, consistency.n) == (0.0, n)
    assert (first.value, first.n) == (1.0, 2 * n)
    assert consistency.high is not None
    assert 0 < consistency.high < 0.3


def test_where_both_orders_are_always_asked_all_pairs_are_the_sample() -> None:
    rows = [Made("c-1", grades=both(1.0, 1.0)), Made("c-2", grades=both(0.0, 1.0)), Made("c-3", grades=both(0.5, 1.0))]
    rows += [Made("c-4", grades=(Grade(1.0),)), Made("c-5", grades=both(None, 1.0))]
    found = figures(made(rows), None, **ASKED, second_order="always")
    assert found.position_consistency_random.value == pytest.approx(1 / 3)
    assert found.position_consistency_random.n == 3
    # Decisive answers of the three: qwen from second place, qwen first; incumbent first, qwen first; qwen first.
    assert found.first_shown_random.value == pytest.approx(4 / 5)
    assert found.first_shown_random.n == 5


def test_grades_that_only_were_imported_are_no_random_sample() -> None:
    found = figures(made([Made("c-1", grades=both(1.0, 1.0))]), rater="m")
    assert (found.position_consistency_random.n, found.position_consistency_random.value) == (0, None)
    assert found.judged_pairs == 1


def test_answers_are_counted_by_the_reply_shown_first_and_by_the_longer_reply() -> None:
    rows = [
        Made("c-1", grades=both(1.0, None)),
        Made("c-1", grades=both(None, None)),
        Made("c-2", grades=(Grade(0.0, first=""),)),
        Made("c-3", grades=(Grade(1.0, grader="exact"),)),
        Made("c-4", grades=(Grade(1.0),)),
        Made("c-5", grades=(Grade(None),)),
    ]
    found = made(rows)
    ours = replace(found.evidence.incumbent, content_chars=np.array([10.0, 10.0, 5000.0, 1.0, np.nan, 999.0]))
    theirs = replace(found.arm.replies, content_chars=np.array([999.0, 1000.0, np.nan, 1.0, np.nan, 4999.0]))
    arm = replace(found.arm, replies=theirs)
    evidence = replace(found.evidence, incumbent=ours, arms={"qwen": arm})
    answers = figures(replace(found, evidence=evidence, arm=arm)).answers
    assert [(a.shown_first, a.length, a.answers, a.ungraded, a.reasons) for a in answers] == [
        ("incumbent", "short", 1, 0, {}),
        ("incumbent", "medium", 2, 2, {"unparsed": 2}),
        ("incumbent", "unknown", 1, 0, {}),
        ("candidate", "short", 1, 1, {"unparsed": 1}),
        ("candidate", "medium", 1, 1, {"unparsed": 1}),
        ("unknown", "long", 1, 0, {}),
    ]
    medium = next(a for a in answers if (a.shown_first, a.length) == ("incumbent", "medium"))
    assert (medium.ungraded_rate.value, medium.ungraded_rate.n) == (1.0, 2)
    assert all(isinstance(a, AnswersModel) and a.ungraded_rate.n == a.answers for a in answers)


def test_cut_pairs_are_those_of_the_judged_ones() -> None:
    found = made([Made("c-1", grades=both(1.0, 1.0)), Made("c-2"), Made("c-3", grades=both(1.0, 1.0))])
    assert (figures(found, [0, 1]).cut_pairs, figures(found, [0, 1]).judged_pairs) == (1, 2)
    assert figures(found).cut_pairs == 0
