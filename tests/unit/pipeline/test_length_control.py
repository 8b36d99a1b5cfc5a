"""The win rate at equal length of a pilot: which pairs, which weights, whatever the order."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from app.domain.evidence import ArmEvidence, Evidence, ExchangeColumns, Floats, GradeColumns, PairColumns, ReplyColumns, words
from app.domain.sampling import sample_point
from app.pipeline.conversations import Conversations, PairValues
from app.pipeline.length_control import MOST_OF_A_CONVERSATION, MOST_PAIRS, length_controlled, sampled_pairs
from tests.unit.pipeline.test_conversations import NO_LABELS

Case = tuple[Evidence, ArmEvidence, PairValues, Conversations]


def replies(chars: Floats) -> ReplyColumns:
    n, unknown = len(chars), np.full(len(chars), np.nan)
    facts: dict[str, Any] = dict.fromkeys(ReplyColumns.__slots__, unknown)
    none = words([""] * n)
    facts |= {
        "is_there": np.ones(n, bool),
        "failures": none,
        "sources": none,
        "models": none,
        "service_tiers": none,
        "content_chars": chars,
    }
    return ReplyColumns(**facts)


def case_of(
    values: Floats, longer: Floats, talk: list[int], *, segments: list[str] | None = None, inclusion: Floats | None = None
) -> Case:
    """Judged pairs; `longer` = candidate's minus incumbent's characters."""
    n = len(values)
    of_row, yes, empty = np.array(talk, dtype=np.int64), np.ones(n, bool), np.array([], dtype=np.int64)
    points = np.array([sample_point(f"c{number}") for number in talk])
    segment_of_row = words(segments or ["a"] * n)
    exchanges = ExchangeColumns(
        ids=np.arange(n), external_ids=words([f"e{row:06d}" for row in range(n)]), arrived_us=np.arange(n),
        conversations=words([f"c{number}" for number in talk]), segments=segment_of_row,
        inclusion_probability=np.ones(n) if inclusion is None else inclusion, sample_points=points,
        reasons=words(["captured"] * n), sources=words(["imported"] * n), is_closed=yes, turns=np.full(n, np.nan),
    )  # fmt: skip
    nothing = words([])
    grades = GradeColumns(empty, nothing, nothing, nothing, np.array([]), nothing, empty.astype(bool), empty, nothing)
    pairs = PairColumns(yes, yes, words(["grader"] * n), np.full(n, np.nan), words([""] * n))
    arm = ArmEvidence(replies(500.0 + longer), pairs, grades, NO_LABELS)
    first = np.unique(of_row, return_index=True)[1]
    talks = Conversations(of_row, np.ones(len(first), np.int64), segment_of_row[first], segment_of_row)
    judged = PairValues(yes, values, ~yes, yes, yes, ~yes, grades, {})
    return Evidence(exchanges, replies(np.full(n, 500.0)), {"qwen": arm}), arm, judged, talks


def a_biased_judge(n: int = 1200) -> tuple[Floats, Floats]:
    """The candidate is as good, writes more, and the judge likes that."""
    chance = np.random.default_rng(5)
    longer = chance.normal(300.0, 400.0, size=n)
    wins = expit(0.9 * np.tanh(longer / 400.0))
    return (chance.random((n, 2)) < wins[:, None]).mean(axis=1), longer


def test_longer_replies_lose_what_their_length_won() -> None:
    values, longer = a_biased_judge()
    found = length_controlled(*case_of(values, longer, list(range(1200))))
    assert values.mean() > 0.57
    assert found.value == pytest.approx(0.5, abs=0.03)
    assert (found.method, found.n, found.confidence) == ("length_controlled_glm", 1200, 0.95)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high
    # A judge that likes short replies is corrected the other way.
    shorter = length_controlled(*case_of(values, -longer, list(range(1200))))
    assert shorter.value == pytest.approx(found.value)


def test_each_conversation_counts_once_and_weighs_what_it_stands_for() -> None:
    same = np.zeros(6)
    evidence, arm, pairs, talks = case_of(np.array([1.0, 1, 1, 1, 0, 0.5]), same, [0, 0, 0, 0, 1, 2])
    assert length_controlled(evidence, arm, pairs, talks).value == pytest.approx(0.5, abs=1e-6)
    inclusion = np.array([0.5, 0.5, 0.5, 0.5, 1.0, 1.0])
    weighted = case_of(pairs.values, same, [0, 0, 0, 0, 1, 2], inclusion=inclusion)
    assert length_controlled(*weighted).value == pytest.approx(2.5 / 4, abs=1e-6)


def test_what_a_rule_decided_enters_as_it_is_and_what_is_unknown_stays_out() -> None:
    values, longer = a_biased_judge(400)
    evidence, arm, pairs, talks = case_of(values, longer, list(range(400)))
    values[:100] = 0.0
    values[100:120] = np.nan
    judged = pairs.judged & (np.arange(400) >= 100)
    mixed = length_controlled(evidence, arm, replace(pairs, values=values, judged=judged), talks)
    alone = length_controlled(*case_of(values[120:], longer[120:], list(range(280))))
    assert alone.value is not None
    assert mixed.value == pytest.approx(alone.value * 280 / 380)
    assert mixed.n == 380


def test_without_lengths_or_judge_it_is_unknown() -> None:
    values, longer = a_biased_judge(50)
    evidence, arm, pairs, talks = case_of(values, np.full(50, np.nan), list(range(50)))
    assert length_controlled(evidence, arm, pairs, talks).value is None
    evidence, arm, pairs, talks = case_of(values, longer, list(range(50)))
    assert length_controlled(evidence, arm, replace(pairs, judged=~pairs.judged), talks).value is None
    nothing = replace(pairs, counted=np.zeros(50, bool))
    assert length_controlled(evidence, arm, nothing, talks).n == 0


def test_segments_have_their_own_level() -> None:
    chance = np.random.default_rng(2)
    segments = ["a", "b"] * 500
    is_b = np.arange(1000) % 2 == 1
    # Replies in b are long and lose there: that is no pull of length.
    longer = chance.normal(0.0, 50.0, size=1000) + 800.0 * is_b
    values = (chance.random((1000, 2)) < np.where(is_b, 0.2, 0.7)[:, None]).mean(axis=1)
    apart = length_controlled(*case_of(values, longer, list(range(1000)), segments=segments))
    together = length_controlled(*case_of(values, longer, list(range(1000))))
    assert apart.low is not None
    assert apart.high is not None
    assert together.low is not None
    assert together.high is not None
    assert apart.low < values.mean() < apart.high
    assert apart.value != pytest.approx(together.value, abs=1e-4)


def test_the_sample_is_whole_conversations_of_the_least_hashes() -> None:
    many = 3 * MOST_PAIRS
    talk = (np.arange(many) // 3).tolist()
    evidence, _, pairs, talks = case_of(np.full(many, 0.5), np.zeros(many), talk)
    rows = sampled_pairs(evidence, pairs, talks)
    points = evidence.exchanges.sample_points
    assert len(rows) == MOST_PAIRS
    assert points[rows].max() <= np.sort(points)[MOST_PAIRS - 1]
    assert (np.diff(rows) > 0).all()
    inside = np.bincount(talks.of_row[rows])
    assert (inside[inside > 0] != 3).sum() <= 1
    evidence, _, pairs, talks = case_of(np.full(9, 0.5), np.zeros(9), talk[:9])
    assert sampled_pairs(evidence, pairs, talks).tolist() == list(range(9))


def test_one_endless_conversation_does_not_fill_the_sample() -> None:
    many = MOST_PAIRS + 500
    talk = [0] * many + list(range(1, 600))
    evidence, _, pairs, talks = case_of(np.full(len(talk), 0.5), np.zeros(len(talk)), talk)
    rows = sampled_pairs(evidence, pairs, talks)
    assert (talks.of_row[rows] == 0).sum() == MOST_OF_A_CONVERSATION
    assert rows[:MOST_OF_A_CONVERSATION].tolist() == list(range(MOST_OF_A_CONVERSATION))
    assert len(rows) == MOST_OF_A_CONVERSATION + 599


def test_a_sample_that_is_just_full_is_everything() -> None:
    evidence, _, pairs, talks = case_of(np.full(MOST_PAIRS, 0.5), np.zeros(MOST_PAIRS), [0] * MOST_PAIRS)
    assert len(sampled_pairs(evidence, pairs, talks)) == MOST_PAIRS
