"""Which graders there are, what each is called, and those of the library autoevals."""

import json
import sys
from importlib import util
from typing import Any

import pytest

from app.domain.exchange import Reply
from app.domain.grader_names import COMPARING_SCORERS, LONE_SCORERS, compares_with_incumbent, name_problem
from app.graders.autoevals_adapter import Adapter
from app.graders.catalogue import find_grader, is_by_rule, version_of
from app.graders.grade import Grade, Ungraded
from app.graders.user_function import FunctionRules
from app.pipeline.grader_rules import function_rules, grader_problems
from app.settings import Settings
from tests.builders import a_configuration


def of(spec: str, incumbent: Any, arm: Any, **more: Any) -> Grade | Ungraded:
    grader = find_grader(spec, **more)
    assert grader is not None
    texts = [value if isinstance(value, str) else json.dumps(value) for value in (incumbent, arm)]
    return grader.grade({}, Reply(texts[0]), Reply(texts[1]))


@pytest.mark.parametrize("spec", ["exact", "tool_calls", "json_fields", "label", "autoevals:Levenshtein"])
def test_graders_by_rule_have_a_version_and_agree_with_the_same_reply(spec: str) -> None:
    assert is_by_rule(spec)
    assert version_of(spec)
    same = of(spec, '{"a": 1}', '{"a": 1}')
    assert isinstance(same, Grade)
    assert same.value == 0.5


@pytest.mark.parametrize("spec", ["judge", "rubric:tone", "rubric", "label:x", "exact "])
def test_what_a_model_decides_is_in_no_rule(spec: str) -> None:
    assert not is_by_rule(spec)
    assert find_grader(spec) is None
    assert version_of(spec) is None


def test_a_function_is_a_rule_that_only_a_worker_can_run() -> None:
    assert is_by_rule("python:policy:decide")
    assert find_grader("python:policy:decide") is None


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("json_fields", None), ("python:a.b_c:d1", None), ("autoevals:ValidJSON", None),
        ("python:", "must be python:module:function"), ("python:a:b:c", "must be"), ("python:a b:c", "must be"),
        ("python:../a:c", "must be"), ("python:1a:c", "must be"), ("python:ä:c", "must be"),
        ("autoevals:Factuality", "ask no model: ExactMatch, JSONDiff, Levenshtein, ListContains, NumericDiff, ValidJSON"),
        ("autoevals:", "ask no model"), ("jsonfields", "unknown"),
    ],
)  # fmt: skip
def test_names_are_checked(spec: str, problem: str | None) -> None:
    found = name_problem(spec)
    assert found is None if problem is None else found is not None and problem in found


def test_only_graders_that_compare_need_the_incumbent_as_reference() -> None:
    specs = ["exact", "tool_calls", "json_fields", "label", *(f"autoevals:{name}" for name in COMPARING_SCORERS)]
    assert all(compares_with_incumbent(spec) for spec in specs)
    assert not any(compares_with_incumbent(spec) for spec in ["judge", "python:a:b", "autoevals:ValidJSON", "rubric:x"])


@pytest.mark.parametrize(
    ("scorer", "incumbent", "arm", "value"),
    [
        ("Levenshtein", "abcd", "abcx", 0.375), ("Levenshtein", "ab", "xy", 0.0), ("ExactMatch", "a", "b", 0.0),
        ("NumericDiff", 100, 50, 1 / 3), ("NumericDiff", 100, "fifty", 0.0), ("NumericDiff", 0, 0, 0.5),
        ("JSONDiff", {"a": 1, "b": "x"}, {"a": 1}, 0.25), ("ListContains", ["a", "b"], ["b"], 0.25),
        ("ListContains", ["a"], "a", 0.0), ("ValidJSON", "{}", "{", 0.0), ("ValidJSON", "{", "{}", 1.0),
        ("ValidJSON", "{}", "[]", 0.5),
    ],
)  # fmt: skip
def test_scores_of_the_library_become_preferences(scorer: str, incumbent: Any, arm: Any, value: float) -> None:
    found = of(f"autoevals:{scorer}", incumbent, arm, is_reference=scorer not in LONE_SCORERS)
    assert isinstance(found, Grade)
    assert found.value == pytest.approx(value)


def test_what_the_library_cannot_score_of_the_incumbent_is_said() -> None:
    found = of("autoevals:NumericDiff", "many", 5)
    assert isinstance(found, Ungraded)
    assert found.reason == "not_scored"
    assert isinstance(of("autoevals:NumericDiff", True, 5), Ungraded)


def test_with_a_reference_of_its_own_both_texts_are_scored_against_it() -> None:
    adapter = Adapter("Levenshtein", is_reference=False)
    better = adapter.grade({}, "abxx", "abcx", "abcd")
    assert isinstance(better, Grade)
    assert (better.value, better.facts) == (0.625, {"incumbent_score": 0.5, "arm_score": 0.75})


def test_what_is_said_of_scores_names_each_on_its_side() -> None:
    alone = Adapter("Levenshtein", is_reference=False).grade({}, "abxx", "abcx", "abcd")
    assert isinstance(alone, Grade)
    assert alone.reason == "Levenshtein: 0.75, the incumbent 0.5"
    expected = Adapter("Levenshtein").grade({}, "abcd", "abcx", "abcd")
    assert expected == Grade(0.375, "Levenshtein: 0.75", {"incumbent_score": 1.0, "arm_score": 0.75})
    assert Adapter("ValidJSON").grade({}, "no", "{}", None) == Grade(
        1.0, "ValidJSON: 1, the incumbent 0", {"incumbent_score": 0.0, "arm_score": 1.0}
    )
    failed = Adapter("NumericDiff").grade({}, "5", "many", "5")
    assert isinstance(failed, Grade)
    assert (failed.value, failed.facts) == (0.0, {"incumbent_score": 1.0})


def test_without_the_library_a_pilot_is_refused_and_a_pair_ungraded(monkeypatch: pytest.MonkeyPatch) -> None:
    segment = {"name": "a", "match": {"header": "a"}, "grader": "autoevals:Levenshtein", "incumbent_is_reference": True}
    configuration = a_configuration(segment=[segment])
    assert grader_problems(configuration, FunctionRules()) == []
    found = util.find_spec
    monkeypatch.setattr("app.graders.autoevals_adapter.find_spec", lambda name: None if name == "autoevals" else found(name))
    ((path, message, code),) = grader_problems(configuration, FunctionRules())
    assert (path, code) == (("segment", 0, "grader"), "not_installed")
    assert "autoevals" in message
    ungraded = of("autoevals:Levenshtein", "a", "b")
    assert isinstance(ungraded, Ungraded)
    assert ungraded.reason == "not_installed"


def test_a_pilot_can_name_no_module_that_the_operator_has_not() -> None:
    configuration = a_configuration(segment=[{"name": "a", "match": {"header": "a"}, "grader": "python:shop.policy:decide"}])
    ((path, message, code),) = grader_problems(configuration, function_rules(Settings()))
    assert (path, code) == (("segment", 0, "grader"), "not_allowed")
    assert message.endswith("names it in PILOT_GRADER_MODULES (it is not set)")
    assert grader_problems(configuration, function_rules(Settings(grader_modules="shop"))) != []
    assert grader_problems(configuration, function_rules(Settings(grader_modules=" other , shop.policy,"))) == []
    assert "shop" not in sys.modules
