"""Which request goes under which path to which server, what is changed for it, and what nobody can be asked."""

import copy
from typing import Any

import orjson
import pytest

from app.domain.exchange import Json
from app.domain.requests import CHAT, COMPLETIONS, RESPONSES, messages_of, route_of
from app.domain.toml_table import Server
from app.providers.adaptation import adapt
from app.providers.model_server import Target
from app.providers.responses_request import as_chat
from app.providers.routes import Routes, unaskable

TOOL = {"type": "function", "name": "get", "description": "d", "parameters": {"type": "object"}, "strict": True}
FORMAT = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}


def target(server: Server) -> Target:
    return Target("http://m/v1", "candidate", server=server)


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        ({"messages": [{"role": "user"}]}, CHAT), ({"messages": []}, None), ({"messages": ["x"]}, None),
        ({"input": "x"}, RESPONSES), ({"input": []}, RESPONSES), ({"prompt": {"id": "pmpt_1"}}, RESPONSES),
        ({"prompt": "x"}, COMPLETIONS), ({"prompt": ["x"]}, COMPLETIONS), ({"model": "x"}, None), ([], None), (None, None),
    ],
)  # fmt: skip
def test_the_shape_of_a_request_tells_its_route(request_: Any, path: str | None) -> None:
    assert route_of(request_) == path


def test_every_route_shows_its_messages() -> None:
    assert list(messages_of({"prompt": "Once"})) == [{"role": "user", "content": "Once"}]
    items = [
        {"role": "user", "content": "Hi"}, {"type": "reasoning", "encrypted_content": "secret"},
        {"type": "function_call", "call_id": "c", "name": "get", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "42"},
    ]  # fmt: skip
    found = list(messages_of({"instructions": "Be kind.", "input": items}))
    assert [message["role"] for message in found] == ["system", "user", "assistant", "tool"]
    assert found[2]["tool_calls"][0]["function"] == {"name": "get", "arguments": "{}"}
    assert found[3]["content"] == "42"


REQUEST: Json = {
    "model": "gpt", "instructions": "Be kind.", "max_output_tokens": 50, "temperature": 0.2, "stream": True, "store": True,
    "truncation": "auto", "include": ["reasoning.encrypted_content"], "tools": [TOOL],
    "tool_choice": {"type": "function", "name": "get"},
    "text": {"format": FORMAT, "verbosity": "low"}, "reasoning": {"effort": "low", "summary": "auto"}, "metadata": {"a": "b"},
    "input": [
        {"role": "developer", "content": "Short."},
        {"role": "user", "content": [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"},
            {"type": "input_file", "file_data": "data:x;base64,AA", "filename": "f.pdf"},
        ]},
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "secret", "summary": []},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "Let me ", "annotations": []}, {"type": "output_text", "text": "look."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "get", "arguments": "{}"},
        {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "get", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "42"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "43"}]},
    ],
}  # fmt: skip


def test_a_request_of_the_responses_api_as_one_of_chat_completions() -> None:
    before = copy.deepcopy(REQUEST)
    chat, log = as_chat(REQUEST)
    assert before == REQUEST
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "get", "arguments": "{}"}},
        {"id": "c2", "type": "function", "function": {"name": "get", "arguments": '{"a":1}'}},
    ]
    assert chat["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "developer", "content": "Short."},
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
            {"type": "file", "file": {"file_data": "data:x;base64,AA", "filename": "f.pdf"}},
        ]},
        {"role": "assistant", "content": "Let me look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        {"role": "tool", "tool_call_id": "c2", "content": "43"},
    ]  # fmt: skip
    described = {key: value for key, value in FORMAT.items() if key != "type"}
    assert {name: value for name, value in chat.items() if name != "messages"} == {
        "model": "gpt", "max_completion_tokens": 50, "temperature": 0.2, "stream": True, "metadata": {"a": "b"},
        "tools": [{"type": "function", "function": {key: value for key, value in TOOL.items() if key != "type"}}],
        "tool_choice": {"type": "function", "function": {"name": "get"}}, "verbosity": "low", "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": described},
    }  # fmt: skip
    assert {(entry.parameter, entry.action) for entry in log} == {
        ("path", "changed"), ("input", "renamed"), ("input.reasoning", "dropped"), ("instructions", "renamed"),
        ("max_output_tokens", "renamed"), ("store", "dropped"), ("truncation", "dropped"), ("include", "dropped"),
        ("tools", "changed"), ("tool_choice", "changed"), ("text.verbosity", "renamed"), ("text.format", "renamed"),
        ("reasoning.effort", "renamed"), ("reasoning.summary", "dropped"),
    }  # fmt: skip


def test_the_log_of_a_conversion_holds_no_text() -> None:
    _, log = as_chat(REQUEST)
    text = orjson.dumps([entry.as_json() for entry in log]).decode()
    assert not any(word in text for word in ("kind", "Short", "What is", "secret", "look", "42", "base64"))


def test_a_text_is_one_message_of_the_user() -> None:
    assert as_chat({"input": "Hi", "text": {"format": {"type": "text"}}, "tools": []})[0] == {
        "messages": [{"role": "user", "content": "Hi"}]
    }


def test_only_allowed_tools_are_declared() -> None:
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get"}]}
    chat, _ = as_chat({"input": "x", "tools": [TOOL, TOOL | {"name": "set"}], "tool_choice": choice})
    assert [tool["function"]["name"] for tool in chat["tools"]] == ["get"]
    assert chat["tool_choice"] == "required"


def test_servers_with_a_responses_api_are_asked_natively() -> None:
    request = {"model": "gpt", "input": REQUEST["input"], "stream": True, "store": True, "service_tier": "flex", "user": "u"}
    for server, is_vendor in (("vllm", False), ("openai", True)):
        asked, path, log = Routes().asked(request, target(server), RESPONSES)  # type: ignore[arg-type]
        assert (asked, path, log) == (request, RESPONSES, [])
        sent, log = adapt(asked, target(server), stream=True, path=path)  # type: ignore[arg-type]
        assert (sent["model"], sent["store"], sent["stream"], "stream_options" in sent) == ("candidate", False, True, False)
        assert ("service_tier" in sent) is is_vendor
        assert ("reasoning" in [item.get("type") for item in sent["input"]]) is is_vendor
        assert ("developer" in [item.get("role") for item in sent["input"]]) is is_vendor
        assert {entry.parameter for entry in log} >= {"model", "store"}
    sent, _ = adapt({"input": "x", "stream": True, "background": False}, target("vllm"), stream=False, path=RESPONSES)
    assert sent == {"model": "candidate", "input": "x", "store": False}


def test_servers_without_one_are_asked_by_chat_completions() -> None:
    for server in ("sglang", "llamacpp", "tgi"):
        asked, path, log = Routes().asked({"input": "x"}, target(server), RESPONSES)
        assert (path, log[0].parameter) == (CHAT, "path")
        sent, _ = adapt(asked | {"max_completion_tokens": 5}, target(server), stream=True, path=path)
        assert sent["stream_options"] == {"include_usage": True}


def test_a_server_that_turns_out_to_have_no_such_route_is_remembered() -> None:
    routes, whom = Routes(), target("openai")
    routes.note(whom, RESPONSES, RESPONSES, {"input": "x"}, 404)
    assert routes.asked({"input": "x"}, whom, RESPONSES)[1] == CHAT
    assert routes.asked({"prompt": "x"}, whom, COMPLETIONS)[1] == COMPLETIONS
    routes.note(whom, CHAT, RESPONSES, {"input": "x"}, 404)  # it was the model that is missing
    assert routes.asked({"input": "x"}, whom, RESPONSES)[1] == RESPONSES
    routes.note(whom, RESPONSES, RESPONSES, {"input": [{"role": "user", "content": [{"file_url": "http://f"}]}]}, 404)
    assert routes.asked({"input": "x"}, whom, RESPONSES)[1] == RESPONSES


def test_completions_are_asked_as_they_are() -> None:
    request = {"model": "gpt", "prompt": ["Once"], "max_tokens": 5, "n": 2, "logit_bias": {"1": 2}, "user": "u"}
    sent, log = adapt(request, target("vllm"), stream=True, path=COMPLETIONS)
    assert sent == {
        "model": "candidate", "prompt": ["Once"], "max_tokens": 5, "user": "u", "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert {entry.parameter for entry in log} == {"model", "n", "logit_bias", "stream", "stream_options"}
    assert adapt(request, target("ollama"), stream=False, path=COMPLETIONS)[0]["prompt"] == "Once"


CHAT_FILE = {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]}


@pytest.mark.parametrize(
    ("path", "request_", "reason"),
    [
        (CHAT, {"messages": [{"role": "user", "content": "x"}]}, None),
        (
            CHAT,
            {"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": {"name": "f"}}]},
            None,
        ),
        (CHAT, {"input": "x"}, "shape"),
        (CHAT, {"messages": []}, "shape"),
        (CHAT, CHAT_FILE, "a file"),
        (CHAT, {"messages": [{"role": "user", "content": "x"}], "web_search_options": {}}, "searches the web"),
        (COMPLETIONS, {"prompt": "x"}, None),
        (COMPLETIONS, {"prompt": ["x"]}, None),
        (COMPLETIONS, {"prompt": ["x", "y"]}, "several prompts"),
        (COMPLETIONS, {"prompt": [1, 2]}, "token ids"),
        (COMPLETIONS, {"prompt": [[1, 2]]}, "token ids"),
        (RESPONSES, REQUEST, None),
        (RESPONSES, {"input": "x"}, None),
        (RESPONSES, {"input": "x", "previous_response_id": None, "conversation": None}, None),
        (RESPONSES, {"input": "x", "previous_response_id": "resp_1"}, "a response that only"),
        (RESPONSES, {"input": "x", "conversation": "conv_1"}, "a conversation that only"),
        (RESPONSES, {"input": "x", "prompt": {"id": "pmpt_1"}}, "a prompt that is stored"),
        (RESPONSES, {"prompt": {"id": "pmpt_1"}}, "a prompt that is stored"),
        (RESPONSES, {"previous_response_id": "resp_1"}, "a response that only"),
        (RESPONSES, {"model": "x"}, "no input"),
        (RESPONSES, {"input": "x", "background": True}, "in the background"),
        (RESPONSES, {"input": "x", "tools": [{"type": "web_search"}]}, "'web_search'"),
        (RESPONSES, {"input": "x", "tools": [{"type": "file_search", "vector_store_ids": []}]}, "'file_search'"),
        (RESPONSES, {"input": "x", "tools": [{"type": "code_interpreter"}]}, "'code_interpreter'"),
        (RESPONSES, {"input": "x", "tools": [{"type": "mcp", "server_url": "http://x"}]}, "'mcp'"),
        (RESPONSES, {"input": "x", "include": ["file_search_call.results"]}, "'file_search_call.results'"),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]}, "a file"),
        (RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}, "'item_reference'"),
        (RESPONSES, {"input": [{"type": "web_search_call", "id": "ws_1"}]}, "'web_search_call'"),
    ],
)
@pytest.mark.parametrize("server", ["vllm", "llamacpp", "openai"])
def test_what_cannot_be_asked_is_said(path: str, request_: Json, reason: str | None, server: Server) -> None:
    found = unaskable(request_, path, server)
    assert found is None if reason is None else reason in (found or "")


def test_custom_tools_exist_at_openai_only() -> None:
    request = {"input": "x", "tools": [{"type": "custom", "name": "run"}]}
    assert unaskable(request, RESPONSES, "openai") is None
    assert "custom tool" in (unaskable(request, RESPONSES, "vllm") or "")


def test_a_file_by_its_address_is_known_to_the_responses_api_only() -> None:
    request = {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "http://f"}]}]}
    assert unaskable(request, RESPONSES, "vllm") is None
    assert "by its address" in (unaskable(request, RESPONSES, "tgi") or "")


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, [1], [[]], [{}], [{"type": []}], {"type": {}}, [{"content": [1, {"file": 1}]}]]
)
@pytest.mark.parametrize("name", ["input", "messages", "prompt", "tools", "include", "text", "tool_choice", "reasoning"])
def test_requests_of_any_shape_are_looked_at(name: str, value: Any) -> None:
    for path in (CHAT, COMPLETIONS, RESPONSES):
        for server in ("openai", "tgi"):
            unaskable({"input": "x", name: value}, path, server)
    list(messages_of({name: value}))
    as_chat({"input": "x", name: value})
