"""Which server is asked under which path, and what no server but the incumbent's vendor can be asked."""

from http import HTTPStatus
from typing import Any

from app.domain.exchange import Json
from app.domain.requests import CHAT, COMPLETIONS, RESPONSES, route_of
from app.domain.toml_table import Server
from app.providers.adaptation import SELF_HOSTED
from app.providers.model_server import Adaptation, Target
from app.providers.responses_request import as_chat, not_carried_over

# All servers of CONTRACTS section 3 offer Chat Completions and Completions. The Responses API (decision 16):
# vllm: docs.vllm.ai, "OpenAI-Compatible Server"; ollama: stateless, since 0.13.3 (ollama/ollama#13595); trtllm-serve:
# nvidia.github.io/TensorRT-LLM, "OpenAI Responses Client"; sglang gives no streamed tool calls there
# (sgl-project/sglang#14189); llama.cpp: ggml-org/llama.cpp#19138 is open; TGI: only the Messages API in its reference.
OFFERS_RESPONSES: tuple[Server, ...] = ("openai", "vllm", "ollama", "tensorrt-llm")
NO_SUCH_ROUTE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})

_AT_THE_VENDOR = {
    "previous_response_id": "goes on from a response that only the incumbent's vendor has",
    "conversation": "belongs to a conversation that only the incumbent's vendor has",
    "prompt": "uses a prompt that is stored at the incumbent's vendor",
    "web_search_options": "searches the web at the incumbent's vendor",
}
# Asked of the reply only; none changes what the model says.
_HARMLESS_INCLUDES = ("reasoning.encrypted_content", "message.output_text.logprobs", "message.input_image.image_url")


def unaskable(request: Json, path: str, server: Server) -> str | None:
    """Why a server cannot be asked this, in words that follow "the request"; `None` = it can.

    Such a call says nothing about the arm: it is `not_asked`, never a failure.

    Args:
        request: Production's request.
        path: Its route, as in `/chat/completions`.
        server: The kind of server.
    """
    if route_of(request) != path and not _is_responses_without_input(request, path):
        return "has not the shape of its route"
    if path == COMPLETIONS:
        return _prompt_reason(request["prompt"])
    for name, reason in _AT_THE_VENDOR.items():
        if request.get(name) is not None:
            return reason
    found = _tool_reason(request.get("tools"), server) or _file_reason(request.get("messages", request.get("input")))
    if path == CHAT or found:
        return found
    found = _responses_reason(request)
    return found or (None if server in OFFERS_RESPONSES else not_carried_over(request))


class Routes:
    """Which servers turned out to offer no Responses API."""

    def __init__(self) -> None:
        self._without: set[str] = set()

    def asked(self, request: Json, target: Target, path: str) -> tuple[Json, str, list[Adaptation]]:
        """The request and path that this server understands, and what was changed for it."""
        if path != RESPONSES or (target.server in OFFERS_RESPONSES and target.base_url not in self._without):
            return request, path, []
        chat, log = as_chat(request)
        return chat, CHAT, log

    def note(self, target: Target, called: str, path: str, request: Json, status: int | None) -> None:
        """What the server answered under `called` to a request of `path`.

        Without a route its answer is that of a model that it does not have; then Chat Completions says the same.
        """
        if called == RESPONSES and status in NO_SUCH_ROUTE and not_carried_over(request) is None:
            self._without.add(target.base_url)
        elif path == RESPONSES and called == CHAT and status in NO_SUCH_ROUTE:
            self._without.discard(target.base_url)


def _is_responses_without_input(request: Json, path: str) -> bool:
    return path == RESPONSES and route_of(request) is None and "messages" not in request


def _prompt_reason(prompt: Any) -> str | None:
    if isinstance(prompt, str) or (isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str)):
        return None
    if isinstance(prompt, list) and any(isinstance(part, (int, list)) for part in prompt):
        return "gives its prompt as token ids of the incumbent's tokenizer"
    return "has several prompts, of which each has a reply of its own"


def _tool_reason(tools: Any, server: Server) -> str | None:
    """Hosted tools run at the vendor, and tools are never executed here; free-form ones exist at OpenAI only."""
    for tool in tools if isinstance(tools, list) else ():
        kind = tool.get("type", "function") if isinstance(tool, dict) else "function"
        if kind == "custom" and server in SELF_HOSTED:
            return "declares a custom tool, which this server does not know"
        if kind not in ("function", "custom"):
            return f"uses the vendor's own tool {str(kind)[:40]!r}"
    return None


def _file_reason(messages: Any) -> str | None:
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content", message.get("output")) if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            inner = part.get("file") if isinstance(part, dict) else None
            if any(isinstance(given, dict) and given.get("file_id") for given in (part, inner)):
                return "names a file that only the incumbent's vendor has"
    return None


def _responses_reason(request: Json) -> str | None:
    if request.get("input") is None:
        return "has no input"
    if request.get("background") is True:
        return "is answered in the background: its reply is not in the response"
    include = request.get("include")
    unknown = [name for name in include if name not in _HARMLESS_INCLUDES] if isinstance(include, list) else []
    if unknown:
        return f"asks for {str(unknown[0])[:60]!r}, which only the incumbent's vendor has"
    items = request["input"] if isinstance(request["input"], list) else []
    kinds = (item.get("type", "message") for item in items if isinstance(item, dict))
    foreign = next((kind for kind in kinds if kind not in ITEM_KINDS), None)
    return f"goes on from an item of type {str(foreign)[:40]!r}, which only the incumbent's vendor has" if foreign else None


ITEM_KINDS = ("message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output")
