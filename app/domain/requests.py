"""What can be said of a stored request by its shape: its route, and the messages that it shows a model."""

from collections.abc import Iterator
from typing import Any

from app.domain.exchange import Json

CHAT, COMPLETIONS, RESPONSES = "/chat/completions", "/completions", "/responses"
ROUTES = (CHAT, COMPLETIONS, RESPONSES)


def route_of(request: Any) -> str | None:
    """Under which path of `/v1` a request belongs: `messages`, `input` or `prompt` tells; `None` = it has none of them."""
    if not isinstance(request, dict):
        return None
    messages = request.get("messages")
    if messages is not None:
        is_usable = isinstance(messages, list) and messages and all(isinstance(message, dict) for message in messages)
        return CHAT if is_usable else None
    if isinstance(request.get("input"), (str, list)) or isinstance(request.get("prompt"), dict):
        return RESPONSES
    return COMPLETIONS if isinstance(request.get("prompt"), (str, list)) else None


def messages_of(request: Json) -> Iterator[Json]:
    """A request's messages in the shape of Chat Completions, whatever its route.

    Chat Completions as they are; of the Responses API the instructions, then each item of the input, where calls and
    their outputs become messages and the model's own thoughts are left out; of Completions the prompt.
    """
    if request.get("instructions"):
        yield {"role": "system", "content": request["instructions"]}
    given = next((request[key] for key in ("messages", "input", "prompt") if request.get(key) is not None), None)
    if isinstance(given, (str, dict)):
        yield {"role": "user", "content": given}
    elif isinstance(given, list):
        for item in given:
            yield from _message(item) if isinstance(item, dict) else ({"role": "user", "content": item},)


def _message(item: Json) -> Iterator[Json]:
    kind = item.get("type")
    if kind == "reasoning":
        return
    if kind == "function_call":
        function = {"name": item.get("name"), "arguments": item.get("arguments")}
        call = {"id": item.get("call_id"), "type": "function", "function": function}
        yield {"role": "assistant", "content": None, "tool_calls": [call]}
    elif kind == "function_call_output":
        yield {"role": "tool", "tool_call_id": item.get("call_id"), "content": item.get("output")}
    else:
        yield item
