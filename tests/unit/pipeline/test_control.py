"""The control arm: a model that is asked again ties with itself, or something is broken."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from app.domain.evidence import words
from app.domain.scorecard import ControlModel
from app.pipeline.closing import Selection
from app.pipeline.control import MIN_CONVERSATIONS, control_of
from app.pipeline.settlement import judge_of
from app.statistics.fixed_sample import wilson
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Grade, Made, live_with_control, made

FREE = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
CONFIGURATION = a_configuration(
    judge={"base_url": "http://127.0.0.1:9/v1", "model": "m", **FREE},
    incumbent={"base_url": "https://api.example.com/v1", "model": "gpt-5.1", "api_key_env": "KEY"},
    control={"rate": 0.5},
)


def decided(name: str, value: float | None) -> Made:
    judge = judge_of(CONFIGURATION)
    assert judge is not None
    assert judge.version is not None
    return Made(name, grades=tuple(Grade(value, first, version=judge.version) for first in ("incumbent", "control")))


def control(rows: Sequence[Made], failed: Sequence[int] = ()) -> ControlModel:
    evidence = made(rows).evidence
    live = live_with_control(evidence)
    assert live.control is not None
    failures = np.isin(np.arange(len(rows)), failed)
    arm = live.control
    replies = replace(arm.replies, failures=words(["timeout" if fails else "" for fails in failures]))
    rules = words(["failure" if fails else "grader" for fails in failures])
    pairs = replace(arm.pairs, rules=rules, preferences=np.where(failures, 0.0, np.nan))
    live = replace(live, control=replace(arm, replies=replies, pairs=pairs))
    every = np.ones(len(rows), dtype=bool)
    selection = Selection(words(["captured"] * len(rows)), np.ones(len(rows), dtype=np.int64), every, every, (1,), None)
    found = control_of(CONFIGURATION, replace(evidence, live=live), selection)
    assert found is not None
    return found


def noisy(count: int, lost: float, won: float) -> list[Made]:
    """Conversations of one pair: so many shares lost and won by the second answer, the others tied."""
    values = [0.0] * round(count * lost) + [1.0] * round(count * won)
    values += [0.5] * (count - len(values))
    return [decided(f"c{number:04d}", value) for number, value in enumerate(values)]


def test_a_model_that_ties_with_itself_breaks_nothing() -> None:
    found = control(noisy(400, lost=0.3, won=0.28))
    assert not found.is_broken
    assert found.conversation_win_rate.value == pytest.approx(0.49)
    assert "ties with itself, as it should" in found.reason


@pytest.mark.parametrize(("lost", "won"), [(0.5, 0.1), (0.1, 0.5)])
def test_a_model_that_does_not_tie_with_itself_is_broken_either_way(lost: float, won: float) -> None:
    found = control(noisy(400, lost=lost, won=won))
    assert found.is_broken
    assert "the pipeline or the judge is not fair" in found.reason
    assert f"{0.5 + (won - lost) / 2:.1%}" in found.reason


def test_the_false_loss_rate_is_what_the_judge_takes_for_worse() -> None:
    found = control(noisy(400, lost=0.3, won=0.28))
    assert found.false_loss_rate.value == pytest.approx(0.3)
    assert (found.false_loss_rate.low, found.false_loss_rate.high) == pytest.approx(wilson(successes=120, trials=400))
    assert found.false_loss_rate.n == 400


def test_conversations_are_the_units() -> None:
    rows = [decided("a", 0.0) for _ in range(9)] + [decided("b", 1.0)]
    found = control(rows)
    assert (found.conversation_win_rate.value, found.conversation_win_rate.n) == (0.5, 2)
    assert (found.win_rate.value, found.win_rate.n) == (0.1, 10)


def test_few_conversations_break_nothing_and_are_said_to_be_few() -> None:
    found = control(noisy(MIN_CONVERSATIONS - 1, lost=1.0, won=0.0))
    assert not found.is_broken
    assert "too few to say" in found.reason


def test_failures_of_the_control_are_no_loss_of_the_judge() -> None:
    rows = noisy(400, lost=0.2, won=0.2)
    found = control(rows, failed=range(160, 400))
    assert (found.asked, found.answered) == (400, 160)
    assert found.conversation_win_rate.n == 160
    assert not found.is_broken
    assert found.win_rate.value is not None
    assert found.win_rate.value < 0.3


def test_nothing_compared_is_unknown() -> None:
    found = control([decided("a", None)])
    assert (found.conversation_win_rate.value, found.false_loss_rate.n, found.is_broken) == (None, 0, False)
    assert "no second answer" in found.reason
