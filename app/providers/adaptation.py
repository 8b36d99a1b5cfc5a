"""What a recorded request needs so that another server understands it; every difference is logged.

Each rule names its source. Unknown fields that a server ignores are left alone: ignoring is the server's own doing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.domain.exchange import Json
from app.domain.requests import CHAT, COMPLETIONS, RESPONSES
from app.domain.toml_table import Server
from app.providers.model_server import Adaptation, Target
from app.providers.responses_request import dropped_thoughts

SELF_HOSTED: tuple[Server, ...] = ("vllm", "sglang", "tgi", "ollama", "llamacpp", "tensorrt-llm")


@dataclass(frozen=True, slots=True)
class Drop:
    """A parameter that is left out for some servers."""

    parameter: str
    servers: tuple[Server, ...]
    why: str


# Meaningless or refused there; nothing of it changes what a good reply is.
DROPS = (
    # platform.openai.com API reference: these name an account's tier, cache and user at the vendor.
    *(Drop(name, SELF_HOSTED, "means something at the vendor only")
      for name in ("service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier")),
    # Token ids belong to the vendor's tokenizer; with another one they favour arbitrary words.
    Drop("logit_bias", SELF_HOSTED, "its token ids are those of another tokenizer"),
    # NVIDIA/TensorRT-LLM, tensorrt_llm/serve/openai_protocol.py: OpenAIBaseModel forbids fields that it does not declare.
    *(Drop(name, ("tensorrt-llm",), "trtllm-serve refuses fields that it does not know")
      for name in ("metadata", "verbosity", "prediction", "modalities")),
)  # fmt: skip

# huggingface/text-generation-inference#2844, ollama/ollama#14464 (open); llama-cpp-python ignores it (tried).
MAX_TOKENS_ONLY: tuple[Server, ...] = ("tgi", "ollama", "llamacpp")

Step = Callable[[Json, Target], list[Adaptation]]


def adapt(request: Json, target: Target, *, stream: bool, path: str = CHAT) -> tuple[Json, list[Adaptation]]:
    """The request to send under the path and the log of what differs from the recorded one, which stays as it is."""
    sent = dict(request)
    log: list[Adaptation] = []
    for step in _STEPS[path]:
        log += step(sent, target)
    streaming = _streaming_responses if path == RESPONSES else _streaming
    log += streaming(sent, stream=stream)
    return sent, log


def drop(sent: Json, parameter: str, why: str) -> list[Adaptation]:
    """Leaves a parameter out, if it is there."""
    if parameter not in sent:
        return []
    return [Adaptation(parameter, "dropped", sent.pop(parameter), None, why)]


def rename(sent: Json, parameter: str, to: str, why: str) -> list[Adaptation]:
    """Sends a parameter under another name, unless that one is given too."""
    if parameter not in sent:
        return []
    if to in sent:
        return drop(sent, parameter, f"{to} is given too: {why}")
    sent[to] = sent.pop(parameter)
    return [Adaptation(parameter, "renamed", parameter, to, why)]


def _change(sent: Json, parameter: str, to: Any, why: str) -> list[Adaptation]:
    before = sent.get(parameter)
    if before == to:
        return []
    sent[parameter] = to
    return [Adaptation(parameter, "changed", before, to, why)]


def _model(sent: Json, target: Target) -> list[Adaptation]:
    return _change(sent, "model", target.model, "the arm's own model")


def _one_reply(sent: Json, _: Target) -> list[Adaptation]:
    return drop(sent, "n", "one reply is compared") if sent.get("n") not in (None, 1) else []


def _not_stored(sent: Json, _: Target) -> list[Adaptation]:
    return drop(sent, "store", "a copy of production's request must not be kept by the server") if sent.get("store") else []


def _drops(sent: Json, target: Target) -> list[Adaptation]:
    wanted = (rule for rule in DROPS if target.server in rule.servers)
    return [entry for rule in wanted for entry in drop(sent, rule.parameter, rule.why)]


def _max_tokens(sent: Json, target: Target) -> list[Adaptation]:
    if target.server not in MAX_TOKENS_ONLY:
        return []
    return rename(sent, "max_completion_tokens", "max_tokens", "this server knows the older name only")


def _roles(sent: Json, target: Target) -> list[Adaptation]:
    """Open models' chat templates drop or refuse `developer` (sgl-project/sglang#40082, ogx-ai/ogx#6069)."""
    key = "messages" if "messages" in sent else "input"
    messages = sent.get(key)
    if target.server not in SELF_HOSTED or not isinstance(messages, list) or not any(map(_is_developers, messages)):
        return []
    sent[key] = [message | {"role": "system"} if _is_developers(message) else message for message in messages]
    return [Adaptation(f"{key}.role", "changed", "developer", "system", "chat templates of open models know no developer")]


def _is_developers(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") == "developer"


def _one_prompt(sent: Json, target: Target) -> list[Adaptation]:
    """Ollama's Completions takes a text, no list (docs.ollama.com/api/openai-compatibility)."""
    prompt = sent.get("prompt")
    if target.server != "ollama" or not isinstance(prompt, list) or len(prompt) != 1:
        return []
    sent["prompt"] = prompt[0]
    return [Adaptation("prompt", "changed", "a list of one text", "the text", "this server takes no list")]


def _stateless(sent: Json, _: Target) -> list[Adaptation]:
    """The Responses API keeps every response unless it is told not to."""
    log = _change(sent, "store", to=False, why="a copy of production's request must not be kept by the server")
    return log + drop(sent, "background", "the reply is awaited")


def _include(sent: Json, _: Target) -> list[Adaptation]:
    return drop(sent, "include", "adds to the reply what nobody compares")


def _thoughts(sent: Json, target: Target) -> list[Adaptation]:
    if target.server not in SELF_HOSTED or "input" not in sent:
        return []
    sent["input"], log = dropped_thoughts(sent)
    return log


def _response_format(sent: Json, target: Target) -> list[Adaptation]:
    """llama-cpp-python refuses `json_schema` (tried) and both llama.cpp servers take a schema in `json_object`.

    TGI takes a grammar whose schema is its `value` (huggingface/huggingface_hub#2383).
    """
    wanted = sent.get("response_format")
    if not isinstance(wanted, dict) or target.server not in ("llamacpp", "tgi"):
        return []
    schema = _schema_of(wanted)
    if target.server == "llamacpp":
        to = {"type": "json_object", "schema": schema} if schema is not None else wanted
        return _change(sent, "response_format", to, "llama.cpp takes the schema inside json_object")
    if wanted.get("type") in ("json_schema", "json_object") and "value" not in wanted:
        to = {"type": "json", "value": schema if schema is not None else {"type": "object"}}
        return _change(sent, "response_format", to, "TGI takes the schema as the grammar's value")
    return []


def _schema_of(response_format: Json) -> Json | None:
    described = response_format.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    return schema if isinstance(schema, dict) else None


def _tool_choice(sent: Json, target: Target) -> list[Adaptation]:
    """OpenAI's default with tools is `auto`; trtllm-serve's is `none` (its openai_protocol.py)."""
    if target.server != "tensorrt-llm" or not sent.get("tools") or "tool_choice" in sent:
        return []
    return _change(sent, "tool_choice", "auto", "trtllm-serve's default is none, the recorded API's is auto")


def _streaming(sent: Json, *, stream: bool) -> list[Adaptation]:
    if not stream:
        recorded = sent.pop("stream", None)
        log = drop(sent, "stream_options", "refused by servers where nothing is streamed")
        return log + ([Adaptation("stream", "changed", recorded, False, "asked without streaming")] if recorded else [])
    options = sent.get("stream_options")
    wanted = (options if isinstance(options, dict) else {}) | {"include_usage": True}
    log = _change(sent, "stream", True, "asked with streaming")
    return log + _change(sent, "stream_options", wanted, "token counts are needed")


def _streaming_responses(sent: Json, *, stream: bool) -> list[Adaptation]:
    """The last event of the Responses API brings the token counts unasked."""
    if stream:
        return _change(sent, "stream", to=True, why="asked with streaming")
    recorded = sent.pop("stream", None)
    log = drop(sent, "stream_options", "refused by servers where nothing is streamed")
    return log + ([Adaptation("stream", "changed", recorded, False, "asked without streaming")] if recorded else [])


_STEPS: dict[str, tuple[Step, ...]] = {
    CHAT: (_model, _one_reply, _not_stored, _drops, _max_tokens, _roles, _response_format, _tool_choice),
    COMPLETIONS: (_model, _one_reply, _drops, _one_prompt),
    RESPONSES: (_model, _stateless, _drops, _include, _roles, _thoughts, _tool_choice),
}
