"""What is wrong with an import line, in words: the field, what is allowed there, a stable code."""

import difflib
import json
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.capture.line_format import CalledTool, Function, GivenLine, GivenPreference, GivenReply
from app.errors import Problem

MAX_SHOWN = 60
MAX_PER_LINE = 5
_TYPES = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "an object",
    "list_type": "a list",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
_SAID = (("surrogate", "lone_surrogate", "has half of a surrogate pair"), ("depth", "too_deep", "is nested too deeply"))
_LONGEST_ESCAPE = 12  # a surrogate pair
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")
Path = tuple[str | int, ...]


def named(path: Path) -> str:
    """`("preferences", 0, "arm")` as `preferences[0].arm`."""
    text = ""
    for part in path:
        word = f"[{part}]" if isinstance(part, int) else _plain(part)
        text += word if isinstance(part, int) or not text else f".{word}"
    return text


def _plain(key: str) -> str:
    """A key of the line as it is, if people can read it."""
    return key if key.isprintable() and len(key) <= MAX_SHOWN else repr(key[:MAX_SHOWN])


def shown(value: Any) -> str:
    """A value for people, shortened."""
    text = repr(value) if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def nearest(word: str, known: list[str]) -> str:
    """A hint at the known word that is meant."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    return f"; did you mean {found[0]!r}?" if found else ""


def problem(line: int, path: Path, code: str, message: str) -> Problem:
    """A problem whose message begins with the field's name."""
    field = named(path)
    return Problem(f"{field} {message}" if field else message, field=field or None, line=line, code=code)


def format_problems(error: ValidationError, line: int) -> list[Problem]:
    """What the types of `line_format` refused."""
    return [_problem(detail, line) for detail in error.errors(include_url=False)[:MAX_PER_LINE]]


def _problem(detail: ErrorDetails, line: int) -> Problem:
    path = tuple(detail["loc"])
    code, message = _refused(path, detail)
    return problem(line, path, "tool_calls" if "tool_calls" in path else code, message)


def _refused(path: Path, detail: ErrorDetails) -> tuple[str, str]:
    """Code and sentence for what was refused."""
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "extra_forbidden":
        known = _known_keys(path[:-1])
        return "unknown_key", f"is not known{nearest(str(path[-1]), known)} Known: {', '.join(known)}"
    if kind == "missing":
        return "missing", "is missing"
    code, allowed = _allowed(kind, context, detail["msg"])
    return code, allowed + ("" if isinstance(value, dict | list) or "text" in context else f", not {shown(value)}")


def _allowed(kind: str, context: dict[str, Any], message: str) -> tuple[str, str]:
    """Code and sentence for one of pydantic's kinds of error, or one of our own."""
    if "text" in context:
        return kind, str(context["text"])
    if kind in _TYPES:
        return "wrong_type", f"must be {_TYPES[kind]}"
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return "out_of_range", f"must be {word} {context[key]:g}"
    if kind.startswith("string_too"):
        most = context.get("max_length")
        return "wrong_length", f"must have at most {most} characters" if most else "must not be empty"
    if kind == "literal_error":
        return "not_allowed", f"must be one of {context['expected'].replace(' or ', ', ')}"
    return "invalid", f"is not allowed: {message}"


def _known_keys(path: Path) -> list[str]:
    """The keys of the object at a path."""
    if not path:
        return list(GivenLine.__annotations__)
    if path[-1] == "function":
        return list(Function.__annotations__)
    if "tool_calls" in path:
        return list(CalledTool.__annotations__)
    return list((GivenReply if path[0] == "replies" else GivenPreference).__annotations__)


def json_problem(raw: bytes, error: orjson.JSONDecodeError, line: int, *, is_end: bool) -> Problem:
    """Why a line is not JSON. `is_end`: it is the last one and has no line break."""
    code, message = _why_not_json(raw, error, is_end=is_end)
    return problem(line, (), code, message)


def _why_not_json(raw: bytes, error: orjson.JSONDecodeError, *, is_end: bool) -> tuple[str, str]:
    if b"\0" in raw:
        return "nul", f"the line has a NUL byte at byte {raw.index(0) + 1}; is the file UTF-16?"
    if is_end and _ends_early(raw):
        return "cut_off", "the file seems cut off: its last line ends before its JSON does"
    try:
        text = raw.decode()
    except UnicodeDecodeError as wrong:
        return "invalid_utf8", f"the line is not UTF-8: byte {wrong.start + 1} is {raw[wrong.start]:#04x}"
    where = f"at character {error.pos + 1}"
    if text[error.pos :].startswith(_NOT_FINITE) or "infinity" in error.msg:
        return "not_finite", f"the line has a number that is not finite {where}; write null for what is not known"
    for word, code, message in _SAID:
        if word in error.msg:
            return code, f"the line {message} {where}"
    return "not_json", f"the line is not JSON: {error.msg} {where}"


def _ends_early(raw: bytes) -> bool:
    """Whether a line is right as far as it goes: what is missing is its end."""
    text = raw.decode(errors="ignore")  # a character cut in two is dropped
    if not raw.startswith(text.encode()):
        return False
    try:
        json.loads(text)
    except RecursionError:
        return False
    except json.JSONDecodeError as wrong:
        return wrong.pos >= len(text) - _LONGEST_ESCAPE or wrong.msg.startswith("Unterminated string")
    return False
