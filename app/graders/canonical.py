"""JSON and text in one form, so that what means the same compares equal."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from app.domain.exchange import Json, ToolCall

# Beyond it a float no longer says which integer it is.
_EXACT_INTEGERS = 2**53
_TOO_DEEP = "nested too deeply"


def fold(text: str | None) -> str:
    """A text without regard to letter case and white space: runs of it are one space, none at the ends."""
    return " ".join((text or "").split()).casefold()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces, text as it is and whole numbers without a fraction (as in RFC 8785).

    Raises:
        ValueError: If it is nested too deeply.
    """
    try:
        return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def strict_json(text: str) -> Any:
    """A JSON text as RFC 8259 has it.

    Raises:
        ValueError: If it is none: `NaN`, `Infinity`, something before or after it, nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def arguments_of(call: ToolCall) -> Json:
    """A tool call's arguments; no text at all means none.

    Raises:
        ValueError: If the text is not a JSON object.
    """
    if not call.arguments.strip():
        return {}
    arguments = strict_json(call.arguments)
    if not isinstance(arguments, dict):
        message = "the arguments are not a JSON object"
        raise ValueError(message)  # noqa: TRY004 - one error kind for a malformed document
    return arguments


def canonical_call(call: ToolCall) -> str:
    """A call without its id as canonical JSON: name and arguments, as an object where they are one, else as text."""
    try:
        return canonical_json({"name": call.name, "arguments": arguments_of(call)})
    except ValueError:
        return canonical_json({"name": call.name, "arguments": call.arguments})


def canonical_calls(calls: Sequence[ToolCall]) -> list[str]:
    """Each call as canonical JSON, in the order given."""
    return [canonical_call(call) for call in calls]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_INTEGERS:
        return int(value)
    return value


def refuse_constant(name: str) -> NoReturn:
    """For `parse_constant` of the JSON decoder: `NaN` and the infinities are not JSON."""
    message = f"{name} is not JSON"
    raise ValueError(message)
