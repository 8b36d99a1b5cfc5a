"""Which draws and answers the correction rests on: on our page, imported, by rule, skipped, and never asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from app.domain.evidence import LabelColumns, floats, words
from app.domain.registered import RegisteredPlan
from app.pipeline.closing import microseconds
from app.pipeline.correction import ODD_ERRORS, Asked, _stated_share, asked_of
from app.statistics.prediction_powered import NEVER
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import DAY_US, Made, made
from tests.unit.pipeline.test_conversations import START, a_running_pilot

NAN = float("nan")
PLAN = RegisteredPlan("seed", 0.05, (14, 21, 28), {"a": 1.0}, 1400)
# Segment c is decided by a deterministic grader.
PILOT = replace(
    a_running_pilot(),
    configuration=a_configuration(
        judge={"rater": "gpt-4"},
        segment=[{"name": "a"}, {"name": "b"}, {"name": "c", "grader": "exact", "incumbent_is_reference": True}],
    ),
)


@dataclass(frozen=True, slots=True)
class Said:
    """A label on the row, made on a day from 1 on; `value` None = skipped."""

    row: int
    value: float | None
    day: int = 2
    draw: float | None = 0.5
    source: str = "imported"


def labels_of(said: Sequence[Said]) -> LabelColumns:
    return LabelColumns(
        rows=np.array([one.row for one in said], dtype=np.int64), raters=words(["r1"] * len(said)),
        values=floats([one.value for one in said]), draw_probability=floats([one.draw for one in said]),
        labelled_us=np.array([microseconds(START) + (one.day - 1) * DAY_US + 5 for one in said], dtype=np.int64),
        is_critical=np.zeros(len(said), dtype=bool), sources=words([one.source for one in said]),
    )  # fmt: skip


def asked(rows: Sequence[Made], said: Sequence[Said], *, now: int = 9, plan: RegisteredPlan = PLAN) -> Asked:
    found = made(rows)
    return asked_of(PILOT, plan, found.evidence, labels_of(said), found.pairs, found.talks, now=now)


ROWS = [
    Made("t0", 1.0, day=1, segment="a", weight=2.0),
    Made("t0", None, day=1, segment="a", weight=4.0),
    Made("t1", 0.0, day=2, segment="a"),
    Made("t2", 0.25, day=2, segment="a", judged=False),
    Made("t3", 1.0, day=3, segment="a"),
    Made("t4", 1.0, day=3, segment="b"),
    Made("t5", 1.0, day=3, segment="c", judged=False),
    Made("t6", 1.0, day=1, segment="a", counted=False),
]
SAID = [Said(0, 0.0, day=2), Said(2, None, day=4), Said(3, 1.0, day=3), Said(4, 0.0, draw=None), Said(6, 0.0), Said(7, 0.0)]
NOT = [False] * 3
EXPECTED: dict[str, list[Any]] = {
    "day": [1, 2, 2, 3, 3, 3],
    "judge": [0.75, 0.0, 0.25, 1.0, 1.0, 1.0],
    "drawn": [True, True, True, *NOT],
    "judge_drawn": [1.0, 0.0, 0.25, 0.5, 0.5, 0.5],
    "person": [0.0, NAN, 0.25, NAN, NAN, NAN],  # of t2 the rule has the last word
    "answered_on": [2, 4, 2, NEVER, NEVER, NEVER],  # a rule needs no answer
    "probability": [0.5, 0.5, 0.5, 1.0, 0.0, 0.0],
    "weight": [3.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    "least": [0.5, 0.0, 0.25, 1.0, 0.0, 1.0],  # of t4 nobody was asked: the judge alone shows nothing good
    "most": [1.0, 0.0, 0.25, 1.0, 1.0, 1.0],
    "certain": [False, False, True, *NOT],
    "fixed": [0.0, 0.0, -0.25, 0.0, 0.0, 0.5],
}


def test_imported_labels_with_a_chance_are_the_draws_themselves() -> None:
    found = asked(ROWS, SAID)

    for name, column in EXPECTED.items():
        assert getattr(found.labelled, name) == pytest.approx(np.array(column), nan_ok=True), name
    assert found.talk.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.by_people.tolist() == [True, True, False, *NOT]
    assert found.skipped.tolist() == [False, True, False, *NOT]
    assert found.unlabelled.tolist() == [False, False, False, False, True, False]
    assert (found.stated_share, found.unused_labels, found.waits) == (None, 0, 2)


def test_the_registered_draws_count_whether_answered_or_not() -> None:
    found = asked(ROWS, [Said(0, 0.0, day=2, source="page"), Said(2, None, day=4, source="page")])
    assert found.labelled.drawn.tolist() == [True, True, True, True, False, False]
    assert found.labelled.probability.tolist() == [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    assert found.labelled.answered_on.tolist() == [2, 4, 2, NEVER, NEVER, NEVER]
    # What waits for an answer is no skip.
    assert found.skipped.tolist() == [False, True, False, False, False, False]
    assert found.unlabelled.tolist() == [False, False, False, False, True, False]
    assert (found.stated_share, found.unused_labels, found.waits) == (None, 0, 0)


@pytest.mark.parametrize(
    ("ours", "theirs", "are_ours"),
    [(0, 0, False), (0, 3, False), (1, 0, True), (1, 3, False), (19, 1, False), (20, 1, True), (21, 4, True)],
)
def test_a_few_answers_on_our_page_do_not_throw_imported_labels_away(ours: int, theirs: int, are_ours: bool) -> None:
    rows = [Made(f"t{number:02d}", 1.0, segment="a") for number in range(30)]
    said = [Said(row, 1.0, draw=1.0, source="page" if row < ours else "imported") for row in range(ours + theirs)]
    found = asked(rows, said)
    assert int(found.labelled.drawn.sum()) == (30 if are_ours else ours + theirs)
    assert found.unused_labels == (theirs if are_ours else 0)


@pytest.mark.parametrize(
    ("said", "now", "person", "answered_on", "skipped"),
    [
        ([Said(0, None, day=3), Said(0, 1.0, day=5)], 9, 1.0, 5, False),  # an answer outweighs the skip before it
        ([Said(0, 1.0, day=3), Said(0, None, day=2)], 9, 1.0, 3, False),
        ([Said(0, 0.0, day=4), Said(0, 1.0, day=3)], 9, 0.5, 3, False),
        ([Said(0, None, day=3)], 9, NAN, 3, True),
        ([Said(0, 1.0, day=8)], 4, 1.0, 4, False),  # made after the look is taken as made on its day
        ([Said(0, 1.0, day=1)], 9, 1.0, 2, False),  # and none is made before its conversation
    ],
)
def test_the_first_answer_says_when(said: list[Said], now: int, person: float, answered_on: int, skipped: bool) -> None:
    found = asked([Made("t0", 1.0, day=2, segment="a")], said, now=now)
    assert found.labelled.person.tolist() == pytest.approx([person], nan_ok=True)
    assert found.labelled.answered_on.tolist() == [answered_on]
    assert found.skipped.tolist() == [skipped]


def test_a_skip_does_not_hide_behind_the_other_pairs_of_its_conversation() -> None:
    rows = [Made("t0", 1.0, segment="a"), Made("t0", 0.0, segment="a")]
    both, one = asked(rows, [Said(0, 1.0), Said(1, 0.5)]), asked(rows, [Said(0, 1.0), Said(1, None)])
    assert (both.labelled.person.tolist(), both.skipped.tolist()) == ([0.75], [False])
    assert (one.skipped.tolist(), one.by_people.tolist()) == ([True], [True])
    assert np.isnan(one.labelled.person).all()


@pytest.mark.parametrize(("labels", "is_odd"), [(45, False), (105, False), (44, True), (106, True), (300, True)])
def test_more_or_fewer_labels_than_chance_explains_show_that_the_stated_chance_is_wrong(labels: int, is_odd: bool) -> None:
    # Of 300 with chance 1/4 there are 75 likely, give or take 7.5.
    assert abs(labels - 75) / 7.5 > ODD_ERRORS or not is_odd
    assert _stated_share(np.full(labels, 0.25), 300) == (pytest.approx(labels / 75) if is_odd else None)
    assert _stated_share(np.empty(0), 300) is None


def test_labels_are_counted_against_their_chance_only_on_days_that_are_over() -> None:
    many, labelled = (60, 60, 80), (60, 30, 0)
    rows = [Made(f"t{day}-{number:02d}", 1.0, day=day + 1, segment="a") for day in range(3) for number in range(many[day])]
    first = np.cumsum((0, *many)).tolist()
    said = [
        Said(first[day] + number, 1.0, day=day + (3 if number else 1), draw=0.25)
        for day in range(3)
        for number in range(labelled[day])
    ]
    found = asked(rows, said, now=4)
    assert found.waits == 2
    # Days 1 and 2 are over: 90 labels where 30 are likely.
    assert found.stated_share == pytest.approx(3.0)
    assert found.labelled.probability[found.labelled.drawn] == pytest.approx(0.75)


def test_what_a_part_drawn_later_has_no_grade_of_yet_is_anything_and_no_tie() -> None:
    rows = [Made(f"t{number}", None if number in (2, 3) else 0.0, segment="a") for number in range(4)]
    said = [Said(0, 0.0), Said(2, 0.0)]
    found = made(rows)

    def asked_with(chance: float) -> Asked:
        judged = np.full(4, chance)
        labels = labels_of(said)
        return asked_of(PILOT, PLAN, found.evidence, labels, found.pairs, found.talks, now=9, judged_chance=judged)

    # t2 was drawn for people and has their word; of t3 nothing is known, and nothing is guessed where a part is judged.
    assert asked_with(0.5).labelled.probability.tolist()[3] == 0.0
    assert asked_with(1.0).labelled.probability.tolist()[3] == 1.0
    assert (asked_with(0.5).labelled.probability[:3] > 0).all()
    least, most = asked_with(0.5).labelled.least, asked_with(0.5).labelled.most
    assert least is not None
    assert most is not None
    assert (least[3], most[3]) == (0.0, 1.0)
