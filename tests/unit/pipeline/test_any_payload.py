"""Whatever JSON a request is and whatever a model says, a pair can be decided and shown: none stops the others."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.exchange import Reply, ToolCall
from app.domain.words import Rule
from app.graders.judge_prompt import Comparison, judge_messages
from app.pipeline.preference import Pair, decide

WORDS = st.sampled_from(
    [
        "type", "function", "name", "parameters", "content", "role", "user", "text", "json_schema", "schema", "object", "f",
        "$ref", "#", "properties", "required", "items", "enum", "pattern", "(", "data:,x", "tool_calls", "arguments", "id",
        "custom", "$schema",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
REQUESTS = st.dictionaries(
    st.sampled_from(["messages", "input", "instructions", "tools", "functions", "response_format", "text"]), VALUES
)
CALLS = st.builds(ToolCall, WORDS, st.text() | st.sampled_from(["{}", '{"f": 1}', "[" * 600 + "]" * 600]))
REPLIES = st.builds(Reply, st.none() | st.text(), st.lists(CALLS, max_size=2).map(tuple))


def assert_storable(facts: dict[str, Any]) -> None:
    """PostgreSQL holds neither half characters nor NUL."""
    assert b"\\u0000" not in orjson.dumps(facts)


@given(REQUESTS, REPLIES, REPLIES, st.sampled_from(["judge", "exact", "tool_calls"]))
@settings(max_examples=300, deadline=None)
def test_any_pair_is_decided_and_shown(request_: dict[str, Any], incumbent: Reply, other: Reply, grader: str) -> None:
    found = decide(Pair(request_, incumbent, other, grader))
    assert_storable(found.facts)
    assert found.rule in {Rule.INVALID, Rule.EQUAL, Rule.GRADER}
    messages = judge_messages(Comparison(request_, incumbent, other))
    assert (other.content or "") in messages[-1]["content"]


@pytest.mark.parametrize("depth", [300, 600, 900])
def test_json_that_is_nested_deeply_stops_nothing(depth: int) -> None:
    nested: Any = "x"
    for _ in range(depth):
        nested = {"properties": {"a": nested}}
    text = '{"a":' * depth + "1" + "}" * depth
    request = {
        "messages": [{"role": "user", "content": [nested]}, {"role": nested}, {"tool_calls": nested, "role": "user"}],
        "tools": [{"function": {"name": "f", "parameters": nested}}],
        "response_format": {"type": "json_schema", "json_schema": {"schema": nested}},
    }
    deep = Reply(None, (ToolCall("f", text),))
    for reply in (deep, Reply(text)):
        assert decide(Pair(request, reply, Reply("other"))).rule is not None
        assert judge_messages(Comparison(request, reply, Reply("other")))


def test_violations_can_be_stored_whatever_the_keys_are() -> None:
    schema = {"additionalProperties": {"type": "integer"}}
    request = {
        "response_format": {"type": "json_schema", "json_schema": {"schema": schema}},
        "tools": [{"function": {"name": "a\x00b", "parameters": schema}}],
    }
    text = '{"half \\ud800 nul \\u0000": "x"}'
    for reply in (Reply(text), Reply(None, (ToolCall("a\x00b", text),)), Reply(None, (ToolCall("c\x00d", "{"),))):
        found = decide(Pair(request, Reply("{}"), reply))
        assert found.rule is Rule.INVALID
        assert_storable(found.facts)
