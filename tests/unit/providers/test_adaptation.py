"""What is sent to each server, and that every difference is in the log."""

from typing import get_args

import pytest

from app.domain.exchange import Json
from app.domain.toml_table import Server
from app.providers.adaptation import adapt
from app.providers.model_server import Adaptation, Target
from app.providers.refusals import Refusals, is_ours, refused_parameters

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FULL: Json = {
    "model": "gpt-5.1",
    "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    "max_completion_tokens": 50, "n": 2, "store": True, "metadata": {"pair": "p-1"}, "service_tier": "flex",
    "prompt_cache_key": "k", "safety_identifier": "u", "logit_bias": {"50256": -100}, "reasoning_effort": "low", "seed": 7,
    "parallel_tool_calls": False, "tools": [{"type": "function", "function": {"name": "get"}}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}, "stream": True,
}  # fmt: skip
SERVERS: tuple[Server, ...] = get_args(Server)


def a_target(server: Server = "openai", model: str = "candidate") -> Target:
    return Target("http://127.0.0.1:1/v1", model, server)


def adapted(request: Json, server: Server, *, stream: bool = True) -> tuple[Json, dict[str, Adaptation]]:
    sent, log = adapt(request, a_target(server), stream=stream)
    return sent, {entry.parameter: entry for entry in log}


@pytest.mark.parametrize("server", SERVERS)
def test_every_difference_is_in_the_log_and_the_recorded_request_stays(server: Server) -> None:
    before = repr(FULL)
    sent, log = adapted(FULL, server)
    assert repr(FULL) == before
    differing = {name for name in FULL.keys() | sent.keys() if FULL.get(name) != sent.get(name)}
    logged = {name.split(".")[0] for name in log} | {str(entry.after) for entry in log.values() if entry.action == "renamed"}
    assert differing == logged
    assert all(set(entry.as_json()) == {"parameter", "action", "from", "to", "why"} for entry in log.values())


@pytest.mark.parametrize("server", SERVERS)
def test_the_model_is_the_arms_and_one_reply_is_asked(server: Server) -> None:
    sent, _ = adapted(FULL, server)
    assert sent["model"] == "candidate"
    assert "n" not in sent
    assert "store" not in sent
    assert sent["stream_options"] == {"include_usage": True}
    assert sent["seed"] == 7


def test_metadata_stays_but_where_it_is_refused() -> None:
    kept = {server for server in SERVERS if "metadata" in adapted(FULL, server)[0]}
    assert kept == set(SERVERS) - {"tensorrt-llm"}


def test_the_vendors_own_api_gets_what_was_recorded() -> None:
    sent, log = adapted(FULL, "openai")
    assert set(log) == {"model", "n", "store", "stream_options"}
    assert sent["messages"] == FULL["messages"]
    assert sent["service_tier"] == "flex"


@pytest.mark.parametrize("server", ["tgi", "ollama", "llamacpp"])
def test_the_newer_bound_on_tokens_is_renamed_for_servers_that_know_the_older(server: Server) -> None:
    sent, log = adapted(FULL, server)
    assert sent["max_tokens"] == 50
    assert log["max_completion_tokens"].as_json()["to"] == "max_tokens"
    both, log = adapted(FULL | {"max_tokens": 9}, server)
    assert (both["max_tokens"], log["max_completion_tokens"].action) == (9, "dropped")


@pytest.mark.parametrize("server", [server for server in SERVERS if server != "openai"])
def test_the_developer_speaks_as_system_to_open_models(server: Server) -> None:
    sent, log = adapted(FULL, server)
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert log["messages.role"].why


def test_schemas_go_where_each_server_takes_them() -> None:
    assert adapted(FULL, "llamacpp")[0]["response_format"] == {"type": "json_object", "schema": SCHEMA}
    assert adapted(FULL, "tgi")[0]["response_format"] == {"type": "json", "value": SCHEMA}
    assert adapted(FULL, "vllm")[0]["response_format"] == FULL["response_format"]
    plain = FULL | {"response_format": {"type": "json_object"}}
    assert adapted(plain, "llamacpp")[0]["response_format"] == {"type": "json_object"}
    assert adapted(plain, "tgi")[0]["response_format"] == {"type": "json", "value": {"type": "object"}}


def test_a_default_that_differs_is_said() -> None:
    assert adapted(FULL, "tensorrt-llm")[0]["tool_choice"] == "auto"
    assert adapted(FULL | {"tool_choice": "required"}, "tensorrt-llm")[0]["tool_choice"] == "required"


def test_without_streaming_nothing_speaks_of_it() -> None:
    request = {"messages": [{"role": "user", "content": "x"}], "stream_options": {"include_usage": False}, "stream": False}
    sent, log = adapted(request, "openai", stream=False)
    assert sent == {"messages": request["messages"], "model": "candidate"}
    assert set(log) == {"model", "stream_options"}


def test_recorded_stream_options_are_kept_beside_ours() -> None:
    request = {"messages": [{"role": "user", "content": "x"}], "stream": True, "stream_options": {"include_obfuscation": False}}
    assert adapted(request, "vllm")[0]["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.", {"max_tokens"}),
        ("Unexpected keys in the request: {'stream_options', 'metadata'}", {"stream_options", "metadata"}),
        ("'max_tokens' is too large: 5000. This model's maximum context length is 4096 tokens.", set()),
        ("Extra inputs are not permitted: user_name", set()),
        ("Unknown parameter: 'reasoning_effort'", set()),
    ],
)
def test_which_refusals_can_be_helped(text: str, refused: set[str]) -> None:
    sent = {"max_tokens": 5, "stream_options": {}, "metadata": {}, "user": "u", "reasoning_effort": "low"}
    assert refused_parameters(400, text, sent) == refused
    assert refused_parameters(500, text, sent) == frozenset()


def test_refusals_are_remembered_by_server_and_model() -> None:
    refusals = Refusals()
    refusals.add(a_target(), frozenset({"metadata", "max_tokens"}))
    sent: Json = {"metadata": {}, "max_tokens": 5}
    log = refusals.apply(sent, a_target())
    assert sent == {"max_completion_tokens": 5}
    assert [(entry.parameter, entry.action) for entry in log] == [("max_tokens", "renamed"), ("metadata", "dropped")]
    other: Json = {"metadata": {}}
    assert refusals.apply(other, a_target(model="another")) == []
    assert other == {"metadata": {}}


def test_a_bound_that_is_refused_under_both_names_stays() -> None:
    refusals = Refusals()
    refusals.add(a_target(), frozenset({"max_completion_tokens", "max_tokens"}))
    sent: Json = {"max_tokens": 5}
    assert refusals.apply(sent, a_target()) == []
    assert sent == {"max_tokens": 5}


def test_a_refusal_is_ours_if_it_names_what_we_touched() -> None:
    log = [
        Adaptation("max_completion_tokens", "renamed", "max_completion_tokens", "max_tokens", "older name"),
        Adaptation("model", "changed", "a", "b", "the arm's own model"),
    ]
    assert is_ours("max_tokens is wrong", log)
    assert not is_ours("the model `b` does not exist", log)
    assert not is_ours("temperature is wrong", log)
