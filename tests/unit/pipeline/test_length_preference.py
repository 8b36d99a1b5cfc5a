"""Whether the longer reply wins more often with the judge than with people."""

from dataclasses import replace

import numpy as np
import pytest

from app.pipeline.judge_agreement import People
from app.pipeline.length_preference import length_preference_of
from tests.unit.pipeline.made_evidence import Made, made


def test_the_longer_reply_is_counted_with_judge_and_people_on_the_same_pairs() -> None:
    # Lengths of incumbent and candidate; what the judge and a person preferred for the candidate.
    rows = [
        (100, 200, 1.0, 1.0),
        (100, 200, 1.0, 0.0),
        (200, 100, 0.0, 1.0),
        (200, 100, 1.0, np.nan),
        (100, 105, 1.0, 1.0),
        (100, 200, 0.5, 1.0),
        (100, np.nan, 1.0, 1.0),
        (100, 300, 1.0, 0.5),
    ]
    found = made([Made(f"c-{number}", row[2]) for number, row in enumerate(rows)])
    incumbent, candidate, _, person = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    evidence = replace(found.evidence, incumbent=replace(found.evidence.incumbent, content_chars=incumbent))
    arm = replace(found.arm, replies=replace(found.arm.replies, content_chars=candidate))
    people = People(person, np.ones(len(rows), dtype=bool))
    said = length_preference_of(evidence, arm, found.pairs, people, found.talks)
    assert said.judge.value == pytest.approx(4 / 5)
    assert said.judge.n == 5
    assert said.judge_same.value == pytest.approx(3 / 3)
    assert said.judge_same.n == 3
    assert said.people.value == pytest.approx(1 / 3)
    assert said.people.n == 3
    assert said.judge.low is not None


def test_without_a_clear_difference_nothing_is_said() -> None:
    found = made([Made("c-0", 1.0)])
    same = replace(found.evidence, incumbent=replace(found.evidence.incumbent, content_chars=np.array([100.0])))
    arm = replace(found.arm, replies=replace(found.arm.replies, content_chars=np.array([109.0])))
    people = People(np.array([np.nan]), np.zeros(1, dtype=bool))
    said = length_preference_of(same, arm, found.pairs, people, found.talks)
    assert (said.judge.value, said.judge.n, said.people.n) == (None, 0, 0)
