"""An application's own function: run apart, for a bounded time, and never trusted."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.exchange import Json, Reply, ToolCall
from app.graders.catalogue import SCORES, find_grader
from app.graders.grade import Grade, Ungraded
from app.graders.user_function import FunctionRules, UserFunctions, compare_decisions, compare_scores

POLICY = """
import os, sys, time

def decide(request, reply):
    print("noise that nobody reads")
    return "Refund" if "yes" in (reply["content"] or "") else "deny"

def route(request, reply):
    return {"to": request["to"], "calls": [call["name"] for call in reply["tool_calls"]], "keys": sorted(reply)}

def score(request, reply):
    return len(reply["content"]) / 10

def hang(request, reply):
    time.sleep(60)

def raises(request, reply):
    raise ValueError("what an answer")

def leaves(request, reply):
    sys.exit(0)

def dies(request, reply):
    os._exit(3)

def says_too_much(request, reply):
    return "x" * 100_000

def says_no_json(request, reply):
    return {1, 2}

def says_no_number(request, reply):
    return float("nan")

def eats(request, reply):
    return len(bytearray(8 * 1024**3))

def looks_around(request, reply):
    return dict(os.environ)

not_a_function = 5
"""
YES, NO = Reply("yes!"), Reply("no")


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UserFunctions]:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "policy.py").write_text(POLICY)
    (folder / "broken.py").write_text("import nothing_of_that_name")
    with UserFunctions(FunctionRules(frozenset({"policy", "broken", "absent"}), folder, seconds=10.0)) as made:
        yield made


def said(functions: UserFunctions, name: str, incumbent: Reply = YES, arm: Reply = NO, *, is_reference: bool = True) -> Any:
    return functions.grade(f"python:{name}", {"to": "x"}, incumbent, arm, is_reference=is_reference)


def test_decisions_on_both_replies_are_compared(functions: UserFunctions) -> None:
    other = said(functions, "policy:decide")
    assert (other.value, other.facts) == (0.0, {"incumbent": "refund", "arm": "deny"})
    assert said(functions, "policy:decide", NO, YES).facts == {"incumbent": "deny", "arm": "refund"}
    assert said(functions, "policy:decide", YES, YES) == Grade(0.5, "both 'refund'", {"incumbent": "refund", "arm": "refund"})


def test_a_function_sees_the_request_and_one_reply_and_not_whose_it_is(functions: UserFunctions) -> None:
    found = functions.call("python:policy:route", {"to": "desk"}, Reply(None, (ToolCall("f", "{}", "id-1"),), "stop"))
    assert found == {"to": "desk", "calls": ["f"], "keys": ["content", "tool_calls"]}


def test_without_a_reference_answers_are_scores(functions: UserFunctions) -> None:
    worse = said(functions, "policy:score", is_reference=False)
    assert (worse.value, worse.facts) == (pytest.approx(0.4), {"incumbent_score": 0.4, "arm_score": 0.2})
    assert said(functions, "policy:score", NO, YES, is_reference=False).value == pytest.approx(0.6)
    assert said(functions, "policy:decide", is_reference=False).reason == "function_failed"


def test_scores_and_decisions_of_a_function_are_two_versions(functions: UserFunctions) -> None:
    spec = "python:policy:score"
    decides, scores = (find_grader(spec, is_reference=is_reference, functions=functions) for is_reference in (True, False))
    assert decides is not None
    assert scores is not None
    assert (decides.version, scores.version) == (functions.version(spec), functions.version(spec) + SCORES)
    assert (decides.names_labels, scores.names_labels) == (True, False)
    assert scores.grade({}, NO, YES) == said(functions, "policy:score", NO, YES, is_reference=False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("policy:raises", "ValueError: what an answer"), ("policy:leaves", "SystemExit: 0"),
        ("policy:dies", "its process ended with 3"), ("policy:says_too_much", "more than 65536 bytes"),
        ("policy:says_no_json", "not JSON serializable"), ("policy:says_no_number", "not JSON compliant"),
        ("policy:eats", "MemoryError"), ("policy:missing", "no such function"), ("policy:not_a_function", "no such function"),
        ("broken:f", "cannot be loaded: ModuleNotFoundError"), ("absent:f", "cannot be loaded: ModuleNotFoundError"),
        ("os:getcwd", "PILOT_GRADER_MODULES (it names absent, broken, policy)"), ("policy.sub:f", "may not be run here"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_said_and_the_next_call_is_answered(functions: UserFunctions, name: str, message: str) -> None:
    found = said(functions, name)
    assert isinstance(found, Ungraded)
    assert found.reason == "function_failed"
    assert message in found.message
    assert said(functions, "policy:decide").value == 0.0


def test_a_function_that_hangs_is_ended_and_the_next_call_is_answered(functions: UserFunctions) -> None:
    with UserFunctions(FunctionRules(functions.rules.modules, functions.rules.folder, seconds=0.1)) as hasty:
        found = said(hasty, "policy:hang")
        assert isinstance(found, Ungraded)
        assert (found.reason, found.message) == ("function_timeout", "python:policy:hang gave no answer within 0.1 seconds")
        process = hasty._child
        assert process is None
    assert said(functions, "policy:decide").value == 0.0


def test_a_function_finds_no_keys_and_no_addresses_of_the_service(functions: UserFunctions) -> None:
    os.environ["PILOT_TEST_SECRET"] = "secret"
    try:
        found = functions.call("python:policy:looks_around", {}, YES)
    finally:
        del os.environ["PILOT_TEST_SECRET"]
    assert set(found) <= {"PATH", "LANG", "LC_CTYPE"}


def test_large_texts_go_through(functions: UserFunctions) -> None:
    text = "y" * 3_000_000 + "yes"
    assert functions.call("python:policy:decide", {"text": text}, Reply(text)) == "Refund"


def test_the_version_is_that_of_the_source(tmp_path: Path) -> None:
    versions = []
    for source in ("def f(request, reply): return 1", "def f(request, reply): return 2", "def f(request, reply): return 1"):
        (tmp_path / "policy.py").write_text(source)
        with UserFunctions(FunctionRules(frozenset({"policy"}), tmp_path)) as functions:
            versions.append(functions.version("python:policy:f"))
    assert versions[0] == versions[2] != versions[1]
    with UserFunctions(FunctionRules()) as nobody:
        assert nobody.version("python:policy:f") == ""


def test_closing_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "policy.py").write_text("import os\ndef f(request, reply): return os.getpid()")
    functions = UserFunctions(FunctionRules(frozenset({"policy"}), tmp_path))
    process = functions.call("python:policy:f", {}, YES)
    assert functions.call("python:policy:f", {}, YES) == process != os.getpid()
    functions.close()
    assert not Path(f"/proc/{process}").exists()


@pytest.mark.parametrize(
    ("incumbent", "arm", "value", "facts"),
    [
        (True, True, 0.5, {"incumbent": "true", "arm": "true"}), (1, True, 0.0, {"incumbent": "1", "arm": "true"}),
        ("Deny", " deny", 0.5, {"incumbent": "deny", "arm": "deny"}), (None, "null", 0.0, {"incumbent": "null", "arm": "null"}),
        (2, 2.0, 0.5, {"incumbent": "2", "arm": "2"}),
        ("1,200", 1200, 0.5, {"incumbent": "1,200", "arm": "1,200"}),
    ],
)  # fmt: skip
def test_scalar_decisions_agree_or_not(incumbent: Any, arm: Any, value: float, facts: Json) -> None:
    found = compare_decisions(incumbent, arm)
    assert isinstance(found, Grade)
    assert (found.value, found.facts) == (value, facts)


def test_decisions_of_several_fields_agree_in_part_and_both_are_kept() -> None:
    found = compare_decisions({"do": "refund", "usd": 5}, {"do": "refund", "usd": 6})
    assert isinstance(found, Grade)
    assert found.value == 0.25
    assert found.facts["incumbent"] == {"do": "refund", "usd": 5}
    assert found.facts["arm"] == {"do": "refund", "usd": 6}
    assert found.facts["paths"] == ["$.usd"]
    long = compare_decisions(["x" * 5000], ["y"])
    assert isinstance(long, Grade)
    assert len(long.facts["incumbent"]["cut"]) == 2000
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    assert isinstance(compare_decisions(deep, deep), Ungraded)


@pytest.mark.parametrize(("incumbent", "arm", "value"), [(0, 1, 1.0), (1.0, 0, 0.0), (True, False, 0.0), (0.25, 0.75, 0.75)])
def test_scores_make_a_preference(incumbent: float, arm: float, value: float) -> None:
    found = compare_scores(incumbent, arm)
    assert isinstance(found, Grade)
    assert found.value == value


@pytest.mark.parametrize("score", ["1", None, 1.5, -0.1, [1]])
def test_scores_are_numbers_from_0_to_1(score: Any) -> None:
    for answers in ((score, 1), (1, score)):
        assert isinstance(compare_scores(*answers), Ungraded)


@pytest.mark.parametrize(("incumbent", "arm", "value", "reason"), [
    (0.25, 0.75, 0.75, "0.75, the incumbent 0.25"), (1, 0, 0.0, "0, the incumbent 1"), (True, True, 0.5, "1, the incumbent 1"),
])  # fmt: skip
def test_scores_are_said_each_on_its_side(incumbent: Any, arm: Any, value: float, reason: str) -> None:
    assert compare_scores(incumbent, arm) == Grade(
        value, reason, {"incumbent_score": float(incumbent), "arm_score": float(arm)}
    )


@pytest.mark.parametrize(("chars", "is_a_name"), [(100, True), (101, False)])
def test_a_decision_of_a_hundred_characters_is_a_name(chars: int, is_a_name: bool) -> None:
    found = compare_decisions("x" * chars, "y")
    assert isinstance(found, Grade)
    assert (found.reason == f"'y' instead of '{'x' * chars}'") is is_a_name


@pytest.mark.parametrize(("chars", "is_whole"), [(1992, True), (1993, False)])
def test_two_thousand_characters_of_a_decision_are_kept(chars: int, is_whole: bool) -> None:
    decision = {"k": "x" * chars}
    found = compare_decisions(decision, {"k": "y"})
    assert isinstance(found, Grade)
    assert (found.facts["incumbent"] == decision) is is_whole
    assert is_whole or len(found.facts["incumbent"]["cut"]) == 2000
