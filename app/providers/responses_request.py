"""A request of the Responses API put as one of Chat Completions, for servers that offer nothing else.

The log names what was moved, never the texts: it may be kept where the request may not. Both shapes:
platform.openai.com/docs/guides/migrate-to-responses.
"""

from collections.abc import Iterator
from typing import Any

from app.domain.exchange import Json
from app.domain.requests import messages_of
from app.providers.model_server import Adaptation

_WHY = "this server offers no Responses API"
_RENAMED = {"max_output_tokens": "max_completion_tokens"}
# What Chat Completions calls the same.
_SAME = (
    "model", "temperature", "top_p", "parallel_tool_calls", "user", "metadata", "service_tier", "safety_identifier",
    "prompt_cache_key", "prompt_cache_retention", "stream", "seed", "stop", "presence_penalty", "frequency_penalty",
)  # fmt: skip
_MOVED = {"input", "instructions", "text", "tools", "tool_choice", "reasoning"}
_TEXT_PARTS = ("input_text", "output_text", "text", "summary_text")


def as_chat(request: Json) -> tuple[Json, list[Adaptation]]:
    """The request for `/chat/completions` and the log of what differs."""
    chat: Json = {name: request[name] for name in _SAME if name in request}
    log = [Adaptation("path", "changed", "/responses", "/chat/completions", _WHY)]
    chat["messages"] = _merged(_messages(request))
    log.append(Adaptation("input", "renamed", "input", "messages", _WHY))
    log += dropped_thoughts(request)[1]
    if request.get("instructions"):
        log.append(Adaptation("instructions", "renamed", "instructions", "messages", _WHY))
    for name, to in _RENAMED.items():
        if name in request:
            chat[to] = request[name]
            log.append(Adaptation(name, "renamed", name, to, _WHY))
    log += [*_text(request, chat), *_tools(request, chat), *_reasoning(request, chat)]
    known = {*_SAME, *_RENAMED, *_MOVED}
    log += [Adaptation(name, "dropped", None, None, f"Chat Completions has no {name}") for name in request if name not in known]
    return chat, log


def dropped_thoughts(request: Json) -> tuple[Any, list[Adaptation]]:
    """The input without reasoning of earlier turns, which is encrypted for the vendor that made it."""
    items = request.get("input")
    if not isinstance(items, list):
        return items, []
    kept = [item for item in items if not (isinstance(item, dict) and item.get("type") == "reasoning")]
    count = len(items) - len(kept)
    return kept, [Adaptation("input.reasoning", "dropped", count, None, "only its own vendor can read it")] if count else []


def not_carried_over(request: Json) -> str | None:
    """What of a request that any server with a Responses API could be asked has no place in Chat Completions."""
    items = request.get("input")
    for item in items if isinstance(items, list) else ():
        kind = item.get("type", "message") if isinstance(item, dict) else "message"
        if kind in ("custom_tool_call", "custom_tool_call_output"):
            return "goes on from a custom tool, which Chat Completions of this server does not know"
        content = item.get("content", item.get("output")) if isinstance(item, dict) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("file_url"):
                return "names a file by its address, which Chat Completions does not know"
    return None


def _messages(request: Json) -> Iterator[Json]:
    for message in messages_of(request):
        kept = {key: value for key, value in message.items() if key not in ("type", "id", "status", "phase")}
        content = message.get("content")
        yield kept | {"content": _content(content, is_text=message.get("role") not in ("user", None))}


def _content(content: Any, *, is_text: bool) -> Any:
    """A text where all parts are text and the role has nothing else; else the parts in their other names."""
    if not isinstance(content, list):
        return content
    texts = [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
    refusals = [part["refusal"] for part in content if isinstance(part, dict) and isinstance(part.get("refusal"), str)]
    if len(texts) + len(refusals) == len(content) and (is_text or len(content) == 1):
        return "".join(texts) + "".join(refusals)
    return [_part(part) for part in content]


def _part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    kind = part.get("type")
    if kind in _TEXT_PARTS:
        return {"type": "text", "text": part.get("text")}
    if kind == "input_image":
        image = {"url": part.get("image_url")} | ({"detail": part["detail"]} if part.get("detail") else {})
        return {"type": "image_url", "image_url": image}
    if kind == "input_file":
        return {"type": "file", "file": {key: part[key] for key in ("file_data", "filename") if key in part}}
    return part


def _merged(messages: Iterator[Json]) -> list[Json]:
    """Calls that one reply made are one message, beside what it said."""
    merged: list[Json] = []
    for message in messages:
        last = merged[-1] if merged else {}
        if message.get("tool_calls") and last.get("role") == "assistant":
            merged[-1] = last | {"tool_calls": [*last.get("tool_calls", ()), *message["tool_calls"]]}
        else:
            merged.append(message)
    return merged


def _text(request: Json, chat: Json) -> list[Adaptation]:
    text = request.get("text")
    if not isinstance(text, dict):
        return []
    log = []
    if text.get("verbosity") is not None:
        chat["verbosity"] = text["verbosity"]
        log.append(Adaptation("text.verbosity", "renamed", "text.verbosity", "verbosity", _WHY))
    wanted = text.get("format")
    if isinstance(wanted, dict) and wanted.get("type") not in (None, "text"):
        described = {key: value for key, value in wanted.items() if key != "type"}
        is_schema = wanted["type"] == "json_schema"
        chat["response_format"] = {"type": "json_schema", "json_schema": described} if is_schema else wanted
        log.append(Adaptation("text.format", "renamed", "text.format", "response_format", _WHY))
    return log


def _tools(request: Json, chat: Json) -> list[Adaptation]:
    """Flat tools nested; where the choice allows some of them, only those are declared."""
    tools, choice = request.get("tools"), request.get("tool_choice")
    log = []
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        named = choice.get("tools")
        allowed = [tool.get("name") for tool in (named if isinstance(named, list) else ()) if isinstance(tool, dict)]
        tools = [
            tool
            for tool in (tools if isinstance(tools, list) else ())
            if isinstance(tool, dict) and tool.get("name") in allowed
        ]
        choice = choice.get("mode", "auto")
        log.append(Adaptation("tool_choice", "changed", "allowed_tools", choice, "only the allowed tools are declared"))
    if isinstance(tools, list) and tools:
        chat["tools"] = [_tool(tool) for tool in tools]
        log.append(Adaptation("tools", "changed", "flat", "nested", _WHY))
    if choice is not None:
        is_named = isinstance(choice, dict) and "name" in choice
        chat["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}} if is_named else choice
        if is_named:
            log.append(Adaptation("tool_choice", "changed", "flat", "nested", _WHY))
    return log


def _tool(tool: Any) -> Any:
    if not isinstance(tool, dict):
        return tool
    return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}


def _reasoning(request: Json, chat: Json) -> list[Adaptation]:
    wanted = request.get("reasoning")
    if not isinstance(wanted, dict):
        return []
    log = []
    if wanted.get("effort") is not None:
        chat["reasoning_effort"] = wanted["effort"]
        log.append(Adaptation("reasoning.effort", "renamed", "reasoning.effort", "reasoning_effort", _WHY))
    others = [name for name in wanted if name != "effort" and wanted[name] is not None]
    why = "Chat Completions has no such thing"
    return log + [Adaptation(f"reasoning.{name}", "dropped", wanted[name], None, why) for name in others]
