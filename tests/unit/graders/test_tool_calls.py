"""Declared tools, valid arguments, the same calls."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.exchange import Reply, ToolCall
from app.graders.canonical import arguments_of, canonical_json
from app.graders.equality import same_calls
from app.graders.grade import Validity
from app.graders.json_schema import check_document
from app.graders.tool_calls import check_tool_calls, declared_tools, grade_tool_calls

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "data" / "tool-calls.jsonl.gz"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

STRICT = {"parameters": {"type": "object", "properties": {"x": {"type": "string"}}}}


def a_call(name: str = "f", **arguments: object) -> ToolCall:
    return ToolCall(name, json.dumps(arguments))


@given(st.lists(st.dictionaries(st.text(), JSON_VALUES, max_size=3), min_size=1, max_size=4), st.randoms())
def test_calls_are_the_same_in_any_order_of_calls_and_keys(calls: list[dict[str, object]], random) -> None:  # type: ignore[no-untyped-def]
    first = [ToolCall("f", json.dumps(arguments), f"id{n}") for n, arguments in enumerate(calls)]
    second = [ToolCall("f", json.dumps(dict(reversed(list(arguments.items()))), indent=1)) for arguments in calls]
    random.shuffle(second)
    assert same_calls(Reply(None, tuple(first)), Reply(None, tuple(second)))


def test_a_call_made_twice_is_not_a_call_made_once() -> None:
    once, twice = Reply(None, (a_call(x=1),)), Reply(None, (a_call(x=1), a_call(x=1)))
    assert not same_calls(once, twice)


@pytest.mark.parametrize(
    ("one", "other", "same"), [("1", "1.0", True), ("1", '"1"', False), ("true", "1", False), ("null", "0", False)]
)
def test_numbers_are_compared_as_json_means_them(one: str, other: str, *, same: bool) -> None:
    left, right = (Reply(None, (ToolCall("f", f'{{"x": {value}}}'),)) for value in (one, other))
    assert same_calls(left, right) is same


def test_huge_integers_keep_their_digits() -> None:
    assert canonical_json(2**53 + 1) == "9007199254740993"
    assert canonical_json(1e300) == "1e+300"
    assert canonical_json([2.0**53 - 1, 2.0**53]) == "[9007199254740991,9007199254740992.0]"


def test_no_arguments_are_an_empty_object() -> None:
    assert arguments_of(ToolCall("f", " ")) == {}


@pytest.mark.parametrize("text", ["[1]", "nonsense", '{"x": NaN}', '{"x": 1} {"y": 2}', "{" * 5000])
def test_arguments_that_are_no_object_violate(text: str) -> None:
    found = check_tool_calls({"tools": [{"type": "function", "function": {"name": "f"}}]}, Reply(None, (ToolCall("f", text),)))
    assert len(found.violations) == 1


@pytest.mark.parametrize(
    "request_",
    [
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]},
        {"tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]},
        {"functions": [{"name": "f", "parameters": {"type": "object"}}]},
        {"tools": [None, 5, {"type": "function", "function": {"name": "f"}}, {"function": {"name": 7}}]},
        {"tools": [{"type": "custom", "custom": {"name": "f"}}]},
    ],
)
def test_a_tool_is_declared_in_every_shape_of_the_apis(request_: dict[str, object]) -> None:
    assert list(declared_tools(request_)) == ["f"]


@pytest.mark.parametrize("tool", [{"type": "custom", "name": "f"}, {"type": "custom", "custom": {"name": "f"}}])
def test_a_custom_tool_takes_any_text(tool: dict[str, object]) -> None:
    assert check_tool_calls({"tools": [tool]}, Reply(None, (ToolCall("f", "ls -l"),))) == Validity()


@pytest.mark.parametrize("request_", [{}, {"tools": None}, {"tools": "f"}, {"tools": []}])
def test_without_tools_every_call_is_undeclared(request_: dict[str, object]) -> None:
    assert "not declared" in check_tool_calls(request_, Reply(None, (a_call(),))).violations[0]


@pytest.mark.parametrize(
    "schema", [{"type": "dict"}, [], 5, {"$ref": "https://example.com/schema"}, {"pattern": "("}, {"$schema": 5}]
)
def test_an_unusable_schema_is_said_and_violated_by_nothing(schema: object) -> None:
    found = check_document("text", schema, "tool")
    assert not found.violations
    assert len(found.unusable) == 1


def test_a_schema_without_end_is_unusable() -> None:
    endless = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert check_document({}, endless, "tool").unusable


def test_violations_name_their_paths() -> None:
    schema = {"type": "object", "properties": {"items": {"type": "array", "items": {"type": "integer"}}}}
    found = check_document({"items": [1, "two"]}, schema, "json_schema")
    assert found.violations == ("json_schema: $.items[1]: 'two' is not of type 'integer'",)


def agreement(wanted: list[ToolCall], given: list[ToolCall], request: dict[str, Any] | None = None) -> float:
    return grade_tool_calls(request or {}, Reply(None, tuple(wanted)), Reply("words", tuple(given))).value


@pytest.mark.parametrize(
    ("wanted", "given", "value"),
    [
        ([], [], 0.5),
        ([], [a_call()], 0.0),
        ([a_call()], [], 0.0),
        ([a_call()], [a_call()], 0.5),
        ([a_call()], [a_call("g")], 0.0),
        ([a_call(x=1)], [a_call("g", x=1)], 0.0),
        ([a_call(x=1)], [a_call(x=2)], 0.0),
        ([a_call(x=1)], [a_call(x="1")], 0.0),
        ([a_call(x=1)], [a_call(y=1)], 0.0),
        ([a_call(x=1, y=2)], [a_call(x=1, y=3)], 0.25),
        ([a_call(x=1, y=2)], [a_call(x=1)], 1 / 3),
        ([a_call(x=1)], [a_call(x=1, y=2)], 1 / 3),
        ([a_call(x=1), a_call(x=2)], [a_call(x=2), a_call(x=1)], 0.5),
        ([a_call(x=1), a_call(x=2)], [a_call(x=1), a_call(x=3)], 0.25),
        ([a_call(x=1), a_call(x=2)], [a_call(x=1)], 1 / 3),
        ([a_call(x=1)], [a_call(x=1), a_call(x=1)], 1 / 3),
        ([a_call(x=1, y=1), a_call(x=2, y=2)], [a_call(x=2, y=2), a_call(x=2, y=1)], 0.375),
        ([ToolCall("f", "ls -l")], [ToolCall("f", "ls -l")], 0.5),
        ([ToolCall("f", "ls -l")], [ToolCall("f", "ls -a")], 0.0),
        ([a_call("f", x=1), a_call("g", x=2)], [a_call("g", x=1), a_call("f", x=2)], 0.0),
    ],
)
def test_calls_agree_as_far_as_their_best_matches_do(wanted: list[ToolCall], given: list[ToolCall], value: float) -> None:
    assert agreement(wanted, given) == pytest.approx(value)


def test_many_calls_are_compared_in_their_order_and_quickly() -> None:
    calls = [a_call(x=number) for number in range(60)]
    assert agreement(calls[:50], calls[49::-1]) == 0.5
    assert agreement(calls, [a_call(x=-1), *calls[1:]]) == pytest.approx(0.5 * 59 / 60)


def test_the_arm_may_spell_out_what_the_tool_declares_as_default() -> None:
    schema = {"type": "object", "properties": {"unit": {"default": "C"}, "days": {"default": 3}, "odd": 5}}
    request = {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}
    bare, spelled, other = [a_call(x=1)], [a_call(x=1, unit="C", days=3.0)], [a_call(x=1, unit="F")]
    assert agreement(bare, spelled, request) == 0.5
    assert agreement(bare, spelled) < 0.5
    assert agreement(bare, other, request) < 0.5
    assert agreement(spelled, spelled, request) == 0.5
    # What production says for certain, the arm may not leave to a default that is only declared.
    assert agreement(spelled, bare, request) < 0.5
    assert agreement([a_call(x=1, unit="F")], [a_call(x=1, unit="C")], request) < 0.5


def test_why_calls_do_not_agree_is_said() -> None:
    found = [grade_tool_calls({}, Reply(None, (a_call(x=1),)), Reply(None, (given,))) for given in (a_call(x=2), a_call("g"))]
    assert [grade.reason for grade in found] == ["the same tools with other arguments", "other tools"]
    assert found[0].facts == {"agreement": 0.0, "calls": {"incumbent": 1, "arm": 1}}


def mutations(arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every change of a single argument: another value of its type, another type, none at all, another name, one more."""
    for name, value in arguments.items():
        rest = {key: inner for key, inner in arguments.items() if key != name}
        yield rest
        yield rest | {f"{name}_": value}
        for other in (other_value(value), json.dumps(value) if not isinstance(value, str) else [value], None):
            if other is not value:
                yield arguments | {name: other}
    yield arguments | {"one_more": 0}


def other_value(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, list):
        return [*value, value[-1] if value else 0]
    return dict(value, one_more=0) if isinstance(value, dict) else 0


MADE: list[dict[str, Any]] = [
    {},
    {"city": "Berlin", "days": 3},
    {"on": True, "level": 0.5, "tags": ["a", "b"], "at": {"x": 1, "y": [None]}, "note": None, "empty": [], "none": {}},
]


@pytest.mark.parametrize("arguments", MADE)
def test_each_change_of_one_argument_scores_less(arguments: dict[str, Any]) -> None:
    check_mutations("f", arguments, {})


def check_mutations(name: str, arguments: dict[str, Any], request: dict[str, Any]) -> None:
    right = [a_call(name, **arguments)]
    assert agreement(right, [ToolCall(name, json.dumps(dict(reversed(arguments.items())), indent=1))], request) == 0.5
    assert agreement(right, [a_call(f"{name}_", **arguments)], request) == 0.0
    for mutation in mutations(arguments):
        for beside in ([], [a_call("beside", x=1)]):
            assert agreement(right + beside, [*beside, a_call(name, **mutation)], request) < 0.5, mutation


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded tool calls are not on this machine")
def test_each_change_of_one_argument_of_258_recorded_calls_scores_less() -> None:
    with gzip.open(RECORDED, "rt") as file:
        cases = [json.loads(line) for line in file]
    for case in cases:
        request = {"tools": [{"type": "function", "function": tool} for tool in case["function"]]}
        for accepted in case["ground_truth"]:
            for name, values in accepted.items():
                # "" among the accepted values says that the argument may be left out.
                check_mutations(name, {key: listed[0] for key, listed in values.items() if listed and listed[0] != ""}, request)
    assert len(cases) == 258


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded tool calls are not on this machine")
def test_real_schemas_of_strangers_are_checked_where_they_are_valid() -> None:
    """BFCL writes `dict` where JSON Schema has `object`: such tools are declared, their arguments unchecked."""
    with gzip.open(RECORDED, "rt") as file:
        cases = [json.loads(line) for line in file]
    assert len(cases) == 258
    for case in cases:
        request = {"tools": [{"type": "function", "function": tool} for tool in case["function"]]}
        wanted = [
            (name, {k: v[0] for k, v in values.items() if v}) for each in case["ground_truth"] for name, values in each.items()
        ]
        reply = Reply(None, tuple(a_call(name, **values) for name, values in wanted))
        found = check_tool_calls(request, reply)
        assert not found.violations, (case["id"], found)
        assert found.unusable, case["id"]


@pytest.mark.parametrize(("wanted", "given"), [(3, 1), (1, 3), (0, 2), (2, 0), (2, 2)])
def test_facts_count_the_calls_on_their_side(wanted: int, given: int) -> None:
    sides = (Reply(None, (a_call(x=1),) * count) for count in (wanted, given))
    found = grade_tool_calls({}, *sides)
    assert found.facts["calls"] == {"incumbent": wanted, "arm": given}
    assert found.facts["agreement"] == pytest.approx(2 * min(wanted, given) / (wanted + given))


def test_a_tool_without_parameters_takes_any_object_and_one_with_them_only_those() -> None:
    call = Reply(None, (a_call(x=1),))
    bare, strict = ({"tools": [{"type": "function", "function": {"name": "f", **more}}]} for more in ({}, STRICT))
    assert check_tool_calls(bare, call) == Validity()
    assert len(check_tool_calls(strict, call).violations) == 1
