"""Grader `tool_calls`: declared tools, valid arguments, the same calls. Nothing is ever executed."""

from typing import Any

from app.domain.exchange import Json, Reply, ToolCall
from app.graders.canonical import arguments_of
from app.graders.equality import same_calls
from app.graders.grade import Grade, Validity
from app.graders.json_schema import check_document
from app.providers.draft import cut

NAME = "tool_calls"
VERSION = "1"
FREE_FORM = object()


def check_tool_calls(request: Json, reply: Reply) -> Validity:
    """Whether a reply calls only tools that its request declares, with arguments that fit the tool's own schema.

    Arguments that are no JSON object violate whatever the schema says. A declared schema that is itself invalid is said,
    and violated by nothing.
    """
    declared = declared_tools(request)
    checks = [_check_call(call, declared, f"{NAME}[{number}]") for number, call in enumerate(reply.tool_calls)]
    return sum(checks, Validity())


def grade_tool_calls(incumbent: Reply, other: Reply) -> Grade:
    """Agreement with an incumbent that counts as right: 0.5 if both make the same calls (or none), else 0.

    Parallel calls are compared without regard to their order; a reply with one wrong call of several does not agree.
    """
    if same_calls(incumbent, other):
        return Grade(0.5, "the same tool calls" if other.tool_calls else "neither calls a tool")
    names = sorted(call.name for call in incumbent.tool_calls), sorted(call.name for call in other.tool_calls)
    return Grade(0.0, "the same tools with other arguments" if names[0] == names[1] else "other tools")


def declared_tools(request: Json) -> dict[str, Any]:
    """The parameter schema of each tool that a request declares, by name; `None` where a tool has none.

    Knows the shapes of Chat Completions (`tools`, the older `functions`) and Responses (flat `tools`). A custom tool takes
    any text: `FREE_FORM`.
    """
    listed = [*_entries(request.get("tools")), *({"function": entry} for entry in _entries(request.get("functions")))]
    tools = [(entry.get("function") or entry.get("custom") or entry, entry.get("type") == "custom") for entry in listed]
    return {
        tool["name"]: FREE_FORM if is_custom else tool.get("parameters")
        for tool, is_custom in tools
        if isinstance(tool, dict) and _has_name(tool)
    }


def _entries(value: Any) -> list[Json]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _has_name(tool: Json) -> bool:
    return isinstance(tool.get("name"), str)


def _check_call(call: ToolCall, declared: dict[str, Any], label: str) -> Validity:
    if call.name not in declared:
        return Validity((cut(f"{label}: the tool '{call.name[:100]}' is not declared"),))
    if declared[call.name] is FREE_FORM:
        return Validity()
    try:
        arguments = arguments_of(call)
    except ValueError as error:
        return Validity((cut(f"{label}: {call.name[:100]}: the arguments are no JSON object: {error}"),))
    schema = declared[call.name]
    return Validity() if schema is None else check_document(arguments, schema, f"{label}: {call.name}")
