"""Grader `tool_calls`: declared tools, valid arguments, the same calls. Nothing is ever executed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.exchange import Json, Reply, ToolCall
from app.graders.canonical import arguments_of, canonical_json
from app.graders.grade import Grade, Validity
from app.graders.json_schema import check_document
from app.graders.matching import Couples, best_alignment, best_matching
from app.providers.draft import cut

NAME = "tool_calls"
VERSION = "2"
MAX_MATCHED = 50
FREE_FORM = object()


def check_tool_calls(request: Json, reply: Reply) -> Validity:
    """Whether a reply calls only tools that its request declares, with arguments that fit the tool's own schema.

    Arguments that are no JSON object violate whatever the schema says. A declared schema that is itself invalid is said,
    and violated by nothing.
    """
    declared = declared_tools(request)
    checks = [_check_call(call, declared, f"{NAME}[{number}]") for number, call in enumerate(reply.tool_calls)]
    return sum(checks, Validity())


def grade_tool_calls(request: Json, incumbent: Reply, other: Reply) -> Grade:
    """Agreement with an incumbent that counts as right: half of the F1 over the calls, without regard to their order.

    Each call counts as far as its arguments agree with those of the call that it fits best; another tool agrees nothing, and
    a call too many or too few costs as a wrong one. Two replies without calls agree.

    Args:
        request: What it declares as an argument's default may be spelled out by the arm, where the incumbent left it out.
        incumbent: The right reply.
        other: The arm's.
    """
    declared = declared_tools(request)
    wanted, given = ([called(call, declared) for call in reply.tool_calls] for reply in (incumbent, other))
    return grade_calls(wanted, given)


@dataclass(frozen=True, slots=True)
class Called:
    """A tool call as it is compared; names and arguments may be digests.

    Attributes:
        tool: The tool's name.
        arguments: Name and value of each argument, as one text each.
        defaults: Those of them that only spell out what the tool declares as default.
    """

    tool: str
    arguments: frozenset[str]
    defaults: frozenset[str] = frozenset()


def called(call: ToolCall, declared: Mapping[str, Any]) -> Called:
    """A call by name and arguments; arguments that are no JSON object are one argument, the text."""
    try:
        arguments = {name: canonical_json([name, value]) for name, value in arguments_of(call).items()}
        declares = _defaults(declared.get(call.name))
        spelled = {arguments[name] for name in declares if arguments.get(name) == canonical_json([name, declares[name]])}
    except ValueError:
        return Called(call.name, frozenset({call.arguments}))
    return Called(call.name, frozenset(arguments.values()), frozenset(spelled))


def grade_calls(wanted: Sequence[Called], given: Sequence[Called]) -> Grade:
    """`grade_tool_calls` of calls as they are compared; facts hold the agreement, and how many calls each side makes."""
    if not wanted and not given:
        return Grade(0.5, "neither calls a tool", _facts(1.0, wanted, given))
    scores = [[_call_agreement(one, other) for other in given] for one in wanted]
    agreement = 2 * sum(scores[row][column] for row, column in _couples(scores)) / (len(wanted) + len(given))
    if agreement == 1:
        return Grade(0.5, "the same tool calls", _facts(1.0, wanted, given))
    same_tools = Counter(call.tool for call in wanted) == Counter(call.tool for call in given)
    reason = "the same tools with other arguments" if same_tools else "other tools"
    return Grade(0.5 * agreement, reason, _facts(agreement, wanted, given))


def _couples(scores: list[list[float]]) -> Couples:
    """The best matching; of more than 50 calls each side in their order."""
    if max(len(scores), len(scores[0]) if scores else 0) <= MAX_MATCHED:
        return best_matching(scores)
    return best_alignment(len(scores), len(scores[0]) if scores else 0, lambda row, column: scores[row][column])


def _facts(agreement: float, wanted: Sequence[Called], given: Sequence[Called]) -> Json:
    return {"agreement": agreement, "calls": {"incumbent": len(wanted), "arm": len(given)}}


def _call_agreement(wanted: Called, given: Called) -> float:
    """F1 over the arguments of two calls of one tool; 1 where neither has any."""
    if wanted.tool != given.tool:
        return 0.0
    said = given.arguments - (given.defaults - wanted.arguments)
    total = len(wanted.arguments) + len(said)
    return 2 * len(wanted.arguments & said) / total if total else 1.0


def _defaults(schema: Any) -> Json:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return {}
    return {name: given["default"] for name, given in properties.items() if isinstance(given, dict) and "default" in given}


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
