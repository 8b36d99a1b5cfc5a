"""What other tools export becomes lines of our own, or is refused with a reason."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.domain.imports import ImportFormat, LineRecords
from tests.unit.capture.lines import read

SAMPLES = Path(__file__).parent / "samples"
MESSAGES = [{"role": "system", "content": "You help customers of a shop."}, {"role": "user", "content": "Where is order 1042?"}]
CALL = {"id": "call_7", "type": "function", "function": {"name": "track_order", "arguments": '{"order": 1042}'}}
OPENAI, LITELLM, LANGFUSE = ImportFormat.OPENAI, ImportFormat.LITELLM, ImportFormat.LANGFUSE


def sample(format_: ImportFormat) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (SAMPLES / f"{format_}.jsonl").read_bytes().splitlines()]


def imported(format_: ImportFormat) -> list[LineRecords]:
    found = read(*sample(format_), format_=format_)
    assert not found.bad
    assert found.skipped == len(sample(format_)) - len(found.good)
    assert all([reply.arm_id for reply in line.replies] == [1] for line in found.good)
    return found.good


def request_of(line: LineRecords) -> Any:
    return orjson.loads(line.exchange.body)


def said(line: LineRecords) -> Any:
    return orjson.loads(line.replies[0].body)


def at(second: float, minute: int = 0) -> datetime:
    return datetime(2026, 11, 2, 10, minute, tzinfo=UTC).replace(microsecond=int(second * 1_000_000))


def test_stored_completions_of_openai() -> None:
    text, tools, refusal = imported(OPENAI)
    assert text.exchange.external_id == "chatcmpl-AyPNinnUqUDYo9SAdA52NobMflmj2"
    assert text.exchange.arrived_at == datetime.fromtimestamp(1_793_613_600, UTC)
    assert request_of(text)["messages"] == MESSAGES
    assert request_of(text)["temperature"] == 1.0
    assert not {"id", "choices", "usage", "created", "object", "request_id"} & set(request_of(text))
    reply = text.replies[0]
    assert (reply.failure, reply.finish_reason, reply.model) == (None, "stop", "gpt-5.1-2025-11-13")
    assert (reply.input_tokens, reply.cached_input_tokens, reply.output_tokens) == (31, 16, 9)
    assert (reply.total_seconds, reply.ttft_any_seconds) == (None, None)
    assert said(text)["content"] == "It left our warehouse today."
    assert said(tools)["tool_calls"] == [CALL]
    assert request_of(tools)["tools"][0]["function"]["name"] == "track_order"
    assert said(refusal)["content"] == "I cannot help with that."


def test_spend_logs_of_litellm() -> None:
    api, database, limited, late, cached = imported(LITELLM)
    assert (api.exchange.external_id, api.exchange.conversation_id) == ("chatcmpl-1", "s-1")
    assert api.exchange.arrived_at == at(0.12)
    body = {"model": "gpt-5.1", "messages": MESSAGES, "stream": True, "temperature": 0.2, "user": "customer-7"}
    assert request_of(api) == body
    assert (api.replies[0].ttft_any_seconds, api.replies[0].total_seconds) == (0.4, 1.5)
    assert (api.replies[0].input_tokens, api.replies[0].cached_input_tokens) == (31, 16)
    assert (database.exchange.arrived_at, database.exchange.given) == (at(0, 1), [])
    assert request_of(database)["messages"] == MESSAGES
    assert said(database)["tool_calls"] == [CALL]
    assert (database.replies[0].ttft_any_seconds, database.replies[0].total_seconds) == (None, 2.0)
    assert (limited.replies[0].failure, limited.replies[0].status, limited.replies[0].total_seconds) == ("http", 429, None)
    assert said(limited)["message"] == "litellm.RateLimitError: slow down"
    assert (late.replies[0].failure, late.replies[0].total_seconds) == ("timeout", 30.0)
    assert (cached.replies[0].failure, cached.replies[0].total_seconds) == (None, None)


def test_observations_of_langfuse() -> None:
    api, storage, late, plain = imported(LANGFUSE)
    assert (api.exchange.external_id, api.exchange.conversation_id) == ("0a1b2c3d4e5f6071", "s-1")
    assert request_of(api) == {"model": "gpt-5.1", "messages": MESSAGES, "temperature": 0.2, "max_tokens": 300}
    reply = api.replies[0]
    assert (reply.ttft_any_seconds, reply.total_seconds, reply.model) == (0.4, 1.5, "gpt-5.1")
    assert (reply.input_tokens, reply.cached_input_tokens, reply.output_tokens, reply.reasoning_tokens) == (31, 16, 9, 2)
    assert said(api)["usage"]["langfuse"]["input_cached_tokens"] == 16
    assert (storage.exchange.arrived_at, storage.exchange.conversation_id) == (at(0, 1), "9f86d081884c7d659a2feaa0c55ad015")
    assert (request_of(storage)["temperature"], len(request_of(storage)["tools"])) == (0.7, 1)
    assert said(storage)["tool_calls"] == [CALL]
    assert (storage.replies[0].input_tokens, storage.replies[0].output_tokens) == (31, 9)
    assert (late.replies[0].failure, late.replies[0].total_seconds) == ("timeout", 30.0)
    assert request_of(plain)["messages"] == [{"role": "user", "content": "Where is order 1042?"}]
    assert said(plain)["content"] == "It left our warehouse today."


@pytest.mark.parametrize(
    ("format_", "change", "code", "field"),
    [
        (OPENAI, {"messages": None, "input": None}, "no_messages", "messages"),
        (OPENAI, {"choices": None}, "missing", "choices"),
        (OPENAI, {"id": None}, "missing", "id"),
        (OPENAI, {"created": "today"}, "not_a_time", "created"),
        (OPENAI, {"created": True}, "not_a_time", "created"),
        (LITELLM, {"proxy_server_request": {}, "messages": {}}, "no_messages", "messages"),
        (LITELLM, {"response": {}}, "no_response", "response"),
        (LITELLM, {"response": "{}"}, "no_response", "response"),
        (LITELLM, {"startTime": None}, "missing", "startTime"),
        (LITELLM, {"endTime": "later"}, "not_a_time", "endTime"),
        (LITELLM, {"request_id": ""}, "missing", "request_id"),
        (LITELLM, {"proxy_server_request": {"messages": [{"content": "a ... (litellm_truncated 9 chars) ... b"}]}}, "truncated",
         "proxy_server_request"),
        (LANGFUSE, {"input": None}, "no_messages", "input"),
        (LANGFUSE, {"input": {"question": "?"}}, "no_messages", "input"),
        (LANGFUSE, {"output": {"answer": "!"}}, "no_response", "output"),
        (LANGFUSE, {"startTime": "soon"}, "not_a_time", "startTime"),
        (LANGFUSE, {"output": {"content": "x", "tool_calls": [{"arguments": 1}]}}, "tool_calls",
         "replies.incumbent.tool_calls[0].function.name"),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_an_exchange_is_refused(
    format_: ImportFormat, change: dict[str, Any], code: str, field: str
) -> None:
    found = read(sample(format_)[0] | change, format_=format_)
    assert (code, field) in {(problem.code, problem.field) for problem in found.bad[0]}
    assert found.bad[0][0].line == 1


def test_a_page_of_the_api_is_told_how_to_become_records() -> None:
    found = read({"object": "list", "data": sample(OPENAI)}, format_=OPENAI)
    assert (found.bad[0][0].code, "of its own" in found.bad[0][0].message) == ("page", True)


@pytest.mark.parametrize(
    ("details", "tokens"),
    [
        ({"input": 10, "output": 5}, (10, None, 5)),
        ({"input": 10, "output": 5, "total": 15}, (10, None, 5)),
        ({"input": 10, "output": 5, "total": 15, "input_cached_tokens": 4}, (10, 4, 5)),
        ({"input": 6, "output": 5, "total": 15, "input_cached_tokens": 4}, (10, 4, 5)),
        ({"input": 6, "output": 5, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2}, (12, 4, 5)),
        ({}, (None, None, None)),
    ],
)
def test_tokens_of_langfuse_are_counted_once(details: dict[str, int], tokens: tuple[int | None, ...]) -> None:
    found = read(sample(LANGFUSE)[0] | {"usageDetails": details}, format_=LANGFUSE)
    reply = found.good[0].replies[0]
    assert (reply.input_tokens, reply.cached_input_tokens, reply.output_tokens) == tokens


@pytest.mark.parametrize("format_", [OPENAI, LITELLM, LANGFUSE])
@pytest.mark.parametrize("junk", [None, 0, "x", [], {}, [1], {"a": 1}, [None], True, [{}], "{", 1e300, -5, {"choices": [5]}])
def test_whatever_a_record_holds_it_is_read_skipped_or_refused(format_: ImportFormat, junk: Any) -> None:
    for record in sample(format_):
        for key in record:
            found = read(record | {key: junk}, format_=format_)
            assert len(found.good) + len(found.bad) + found.skipped == 1
