"""Declared tools, valid arguments, the same calls."""

import gzip
import json
from pathlib import Path

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


def test_one_wrong_call_of_two_does_not_agree() -> None:
    incumbent, other = Reply(None, (a_call(x=1), a_call(x=2))), Reply(None, (a_call(x=1), a_call(x=3)))
    assert grade_tool_calls(incumbent, other).value == 0.0


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
