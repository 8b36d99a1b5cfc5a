"""Plans: completed by a file and by defaults, refused where they contradict themselves, answered in words."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from app.domain.plan import PlanAnswer, PlanQuestion
from app.errors import InvalidInput
from app.pipeline.plan_terms import terms_of
from app.pipeline.planning import plan_pilot
from tests.api import PILOT_TOML

NOW = datetime(2026, 11, 1, tzinfo=UTC)
QUICK: dict[str, Any] = {"runs": 100, "true_win_rates": (0.45,)}
SEGMENTS = '[[segment]]\nname = "a"\nmargin = 0.1\n[[segment]]\nname = "b"\ngrader = "exact"\nincumbent_is_reference = true\n'


def answer(**changes: Any) -> PlanAnswer:
    return plan_pilot(PlanQuestion(**QUICK | changes), NOW)


def test_a_plan_that_settles_says_start() -> None:
    found = answer(conversations_per_day=100, labels_per_day=30)
    assert found.whole.settles
    assert found.recommendation == "start: 28 days and 30 labels a day settle it"
    assert [each.true_win_rate for each in found.whole.chances] == [0.45, 0.5]
    assert found.whole.chances[1].judge_trusted.migrate.n == 100
    assert found.looks == [14, 21, 28]
    assert found.assumed == []


def test_fifteen_labels_a_day_take_fourteen_days_for_two_hundred() -> None:
    found = answer().calibration
    assert found is not None
    assert found.days == 14
    assert found.words == "15 labels a day take 14 days for the 200 that a judge's calibration needs"


def test_too_few_labels_for_a_calibration_are_said() -> None:
    found = answer(labels_per_day=5)
    assert found.calibration is not None
    assert found.calibration.days is None
    assert "take 40 days" in found.calibration.words
    assert "label 8 a day at least" in found.recommendation
    assert not found.whole.settles


def test_a_small_segment_stays_unknown_and_the_plan_says_what_would_help() -> None:
    found = answer(segments={"a": 0.8, "b": 0.2}, conversations_per_day=50)
    small = found.segments["b"]
    assert not small.settles
    assert small.words.startswith("segment b gets 84 labels and 280 conversations: it will stay unknown")
    assert "merge it, or bring" in small.words
    assert small.alpha == pytest.approx(0.025)
    assert "merge b with other segments" in found.recommendation


def test_the_labels_that_it_asks_for_do_settle_a_segment() -> None:
    asked = answer(segments={"a": 0.5, "b": 0.5}, conversations_per_day=80).segments["a"].needed.labels_per_day
    assert asked is not None
    assert asked > 15
    plan = answer(segments={"a": 0.5, "b": 0.5}, conversations_per_day=80, labels_per_day=asked, runs=300)
    again = plan.segments["a"].chances[-1].corrected
    assert again is not None
    assert (again.migrate.high or 0.0) > 0.8 - 0.02
    assert (again.migrate.value or 0.0) > 0.72


def test_a_file_says_margins_traffic_labels_and_graders() -> None:
    text = PILOT_TOML + SEGMENTS + "[labels]\nper_day = 20\n[quality]\nmargin = 0.08\n"
    terms = terms_of(PlanQuestion(toml=text), NOW)
    assert terms.margins == {"a": 0.1, "b": 0.08}
    assert terms.labels_per_day == 20
    assert terms.judged == frozenset({"a"})
    assert terms.draw_probability["b"] == 0.0
    assert terms.conversations == pytest.approx(1400)
    assert any("equal shares" in said for said in terms.assumed)
    given = terms_of(PlanQuestion(toml=text, margin=0.04, labels_per_day=3, conversations_per_day=7, days=14), NOW)
    assert (given.margins, given.labels_per_day, given.conversations) == ({"a": 0.04, "b": 0.04}, 3, 98)


def test_work_that_no_judge_grades_needs_no_people() -> None:
    text = PILOT_TOML + '[[segment]]\nname = "b"\ngrader = "exact"\nincumbent_is_reference = true\n'
    found = answer(toml=text, segments={"b": 1.0})
    assert found.calibration is None
    assert not found.whole.needs_people
    assert found.whole.chances[-1].corrected == found.whole.chances[-1].judge_trusted
    assert found.whole.needed.labels is None


def test_without_labels_no_verdict_may_rest_on_a_judge() -> None:
    found = answer(labels_per_day=0)
    assert found.whole.chances[0].corrected is None
    assert "without labels by people no verdict may rest on a judge" in found.whole.words


def test_skips_and_a_poor_judge_are_warned_of() -> None:
    found = answer(skip_rate=0.1, judge_accuracy=0.6)
    assert any("all of it: nothing can be shown" in warning for warning in found.warnings)
    assert any("below the floor of 70%" in warning for warning in found.warnings)
    assert "take a better judge" in found.recommendation


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"segments": {"a": 0.8, "b": 0.3}}, "segments", "add up to 1.1"),
        ({"segments": {"other": 0.3}}, "segments", "leave it out"),
        ({"true_win_rates": (0.1,)}, "true_win_rates", "impossible with 30% ties"),
        ({"true_win_rates": (0.5, 0.5)}, "true_win_rates", "given twice"),
        ({"toml": PILOT_TOML + SEGMENTS, "segments": {"c": 0.5}}, "segments", "registers no segment 'c'; it registers: a, b"),
        ({"toml": PILOT_TOML + SEGMENTS, "segments": {"a": 0.5}}, "segments", "'b' of pilot.toml is missing"),
        ({"toml": "[pilot]\nnam = 1"}, "pilot.nam", "unknown key"),
    ],
)
def test_contradictions_are_refused_by_name(changes: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        answer(**changes)
    assert field in [problem.field for problem in caught.value.problems]
    assert any(words in problem.message for problem in caught.value.problems)


def test_an_unknown_parameter_names_the_nearest_one() -> None:
    with pytest.raises(ValidationError, match="unknown parameter 'margn'; did you mean 'margin'"):
        PlanQuestion.model_validate({"margn": 0.1})


def test_the_same_question_gets_the_same_answer() -> None:
    assert answer(seed=4) == answer(seed=4)
