"""What a request's own schema says of a reply."""

from typing import Any

import pytest

from app.domain.exchange import Reply, ToolCall
from app.graders.json_schema import check_response_format, requested_schema

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CHAT = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}}
RESPONSES = {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}}
CALL = (ToolCall("f", "{}"),)


@pytest.mark.parametrize(
    ("request_", "schema"),
    [
        (CHAT, SCHEMA), (RESPONSES, SCHEMA), ({}, None), ({"response_format": {"type": "json_object"}}, None),
        ({"response_format": {"type": "text", "json_schema": {"schema": SCHEMA}}}, None), ({"response_format": "json"}, None),
        ({"text": "plain"}, None), ({"text": {"format": {"type": "text", "schema": SCHEMA}}}, None),
    ],
)  # fmt: skip
def test_a_schema_is_what_both_apis_call_one(request_: dict[str, Any], schema: Any) -> None:
    assert requested_schema(request_) == schema


@pytest.mark.parametrize("request_", [CHAT, RESPONSES])
@pytest.mark.parametrize(
    ("reply", "violations"),
    [
        (Reply('{"n": 1}'), ()), (Reply(None, CALL), ()),
        (Reply('{"n": "1"}'), ("json_schema: $.n: '1' is not of type 'integer'",)),
        (Reply("{}"), ("json_schema: $: 'n' is a required property",)),
    ],
)  # fmt: skip
def test_a_reply_keeps_to_the_schema_or_not(request_: dict[str, Any], reply: Reply, violations: tuple[str, ...]) -> None:
    assert check_response_format(request_, reply).violations == violations
    assert not check_response_format({}, reply).violations


@pytest.mark.parametrize("content", [None, "", "Here: {}", "```json\n{}\n```"])
def test_what_is_no_json_violates_a_schema_only(content: str | None) -> None:
    (violation,) = check_response_format(CHAT, Reply(content)).violations
    assert "the content is not JSON" in violation
    assert not check_response_format({"response_format": {"type": "json_object"}}, Reply(content)).violations
