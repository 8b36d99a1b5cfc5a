"""How replies are written as JSON: tool calls in OpenAI's shape, everything else by our own names."""

from typing import Any

from app.domain.exchange import Failure, Json, Reply, ToolCall


def reply_body(reply: Reply | Failure) -> Json:
    """The text of a reply or failure, as it is stored; narrow facts (tokens, times) are columns and not repeated."""
    if isinstance(reply, Failure):
        return {"message": reply.message} if reply.message else {}
    body: Json = {"content": reply.content}
    if reply.tool_calls:
        body["tool_calls"] = [tool_call_body(call) for call in reply.tool_calls]
    if reply.is_refusal:
        body["refusal"] = True
    if reply.reasoning:
        body["reasoning"] = reply.reasoning
    if reply.usage.raw is not None:
        body["usage"] = reply.usage.raw
    return body


def tool_call_body(call: ToolCall) -> Json:
    """A tool call in the shape of Chat Completions."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function} if call.id else {"type": "function", "function": function}


def tool_calls_of(calls: Any) -> tuple[ToolCall, ...]:
    """Tool calls from Chat Completions' shape; `None` and `[]` are no calls.

    Raises:
        ValueError: If it is not a list of function calls with a name and the arguments as text.
    """
    return tuple(_tool_call(call, number) for number, call in enumerate(calls or ()))


def _tool_call(call: Any, number: int) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        message = f'tool_calls[{number}] must be {{"function": {{"name": "…", "arguments": "…"}}}}'
        raise ValueError(message)  # noqa: TRY004 - one error kind for a malformed document
    arguments = function.get("arguments", "")
    if not isinstance(arguments, str):
        message = f"tool_calls[{number}].function.arguments must be text that holds JSON"
        raise ValueError(message)  # noqa: TRY004
    return ToolCall(name=function["name"], arguments=arguments, id=call.get("id"))
