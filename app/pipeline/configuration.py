"""Reads `pilot.toml`: either a valid configuration, or everything that is wrong with it, by key and line."""

import copy
import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.domain.configuration import PilotConfiguration
from app.domain.table_schema import allowed, known_keys, schema_at, wrong_types_of_document
from app.domain.toml_lines import Path, key_lines
from app.errors import InvalidInput, Problem
from app.graders.user_function import FunctionRules
from app.pipeline.content import content_problems
from app.pipeline.data_residency import residency_problems
from app.pipeline.grader_rules import grader_problems
from app.pipeline.judge_rules import Guess, guess_families, judge_problems

MAX_BYTES = 256 * 1024
MAX_SHOWN = 60
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration and what of it was guessed."""

    configuration: PilotConfiguration
    guesses: tuple[Guess, ...]


def load_configuration(text: str | bytes, now: datetime, *, functions: FunctionRules | None = None) -> Loaded:
    """The configuration that a file says.

    Args:
        text: The file.
        now: Prices are looked up at this moment.
        functions: Which of the users' own functions may be run where the service runs; `None` = not checked.

    Raises:
        InvalidInput: With one problem for everything that is wrong: its message says what is allowed.
    """
    document, lines = _parse(text)
    problems = _type_problems(document)
    configuration, more = _validate(document, known={path for path, _, _ in problems})
    problems += more
    guesses: tuple[Guess, ...] = ()
    if configuration is not None:
        configuration, guesses = guess_families(configuration)
        problems += judge_problems(configuration, now) + content_problems(configuration) + residency_problems(configuration)
        problems += grader_problems(configuration, functions) if functions is not None else []
    if problems or configuration is None:
        listed = sorted((_problem(path, message, code, lines) for path, message, code in problems), key=_by_line)
        message = "pilot.toml is wrong: " + (f"{len(listed)} problems" if len(listed) > 1 else listed[0].message)
        raise InvalidInput(message, tuple(listed))
    return Loaded(configuration, guesses)


_Found = tuple[Path, str, str]


def _parse(text: str | bytes) -> tuple[dict[str, Any], dict[Path, int]]:
    if len(text) > MAX_BYTES:
        raise _unreadable(f"pilot.toml is larger than {MAX_BYTES} bytes", None)
    if isinstance(text, bytes):
        text = _decode(text)
    try:
        return tomllib.loads(text), key_lines(text)
    except RecursionError:
        raise _unreadable("the arrays are nested too deeply", None) from None
    except ValueError as error:  # TOMLDecodeError, and Python's own bound on the digits of a number
        place = _PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1 if place else None
        raise _unreadable(f"this is not TOML: {_PLACE.sub('', str(error))}", line) from None


def _decode(text: bytes) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable("pilot.toml must be UTF-8", text.count(b"\n", 0, error.start) + 1) from None


def _unreadable(message: str, line: int | None) -> InvalidInput:
    return InvalidInput(message, (Problem(message, line=line, code="not_toml"),))


def _type_problems(document: dict[str, Any]) -> list[_Found]:
    return [(path, _must_be(path, allowed(schema), value), "type") for path, schema, value in wrong_types_of_document(document)]


def _validate(document: dict[str, Any], known: set[Path]) -> tuple[PilotConfiguration | None, list[_Found]]:
    """Validates, takes out what is wrong and validates again, so that rules over several keys are checked too."""
    remaining = copy.deepcopy(document)
    problems: list[_Found] = []
    wrong = set(known)
    for path in sorted(known, key=_deepest_last, reverse=True):
        _take_out(remaining, path)
    while True:
        try:
            return PilotConfiguration.model_validate(remaining), problems
        except ValidationError as error:
            details = error.errors(include_url=False)
        found = {path: (path, message, code) for path, message, code in (_read(detail) for detail in details)}
        outer = {path[:length] for path in found for length in range(len(path))}  # "too few" for a list of wrong ones
        new = [f for path, f in found.items() if path not in outer and not any(_touches(path, other) for other in wrong)]
        problems += new
        wrong |= {path for path, _, _ in new}
        taken = [_take_out(remaining, path) for path, _, code in new if code != "missing"]
        if not any(taken):
            return None, problems


def _touches(path: Path, wrong: Path) -> bool:
    """Whether one lies inside the other: then the second is only what the first left behind."""
    shorter = min(len(path), len(wrong))
    return path[:shorter] == wrong[:shorter]


def _take_out(document: Any, path: Path) -> bool:
    for part in path[:-1]:
        document = document[part]
    if not path or isinstance(path[-1], int):  # elements keep their numbers
        return False
    return document.pop(path[-1], None) is not None


def _deepest_last(path: Path) -> tuple[int, str]:
    return len(path), str(path)


def _read(detail: ErrorDetails) -> _Found:
    """One of pydantic's errors as path, sentence, code."""
    path, kind = tuple(detail["loc"]), detail["type"]
    context = detail.get("ctx", {})
    if kind == "rule":
        return (*path, *context["path"]), context["text"], context["code"]
    if kind == "extra_forbidden":
        return path, _unknown_key(path), "unknown_key"
    if kind == "missing":
        return path, _missing(path), "missing"
    if kind == "value_error":
        return path, f"{_name(path)}: {context['error']}" if path else str(context["error"]), "value"
    path = _without_tags(path)
    return path, _must_be(path, allowed(schema_at(path) or {"type": "object"}), detail["input"]), "value"


def _without_tags(path: Path) -> Path:
    """Pydantic adds the name of a union's branch to a path; the document has no such key."""
    while path and schema_at(path) is None:
        path = path[:-1]
    return path


def _unknown_key(path: Path) -> str:
    key, keys = str(path[-1]), known_keys(path[:-1])
    nearest = difflib.get_close_matches(key, keys, n=1, cutoff=0.0)
    where = f" in {_name(path[:-1])}" if path[:-1] else ""
    hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
    return f"unknown key {_shown(key)}{where}{hint} Known: {', '.join(keys)}"


def _missing(path: Path) -> str:
    schema = schema_at(path)
    return f"{_name(path)} is missing: give {allowed(schema) if schema else 'it'}"


def _must_be(path: Path, what: str, value: Any) -> str:
    secret = path and str(path[-1]) == "api_key_env"
    return f"{_name(path)} must be {what}" + ("" if secret or isinstance(value, dict | list) else f", not {_shown(value)}")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def _name(path: Iterable[str | int]) -> str:
    """`("candidate", 0, "server")` as `candidate[0].server`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _problem(path: Path, message: str, code: str, lines: dict[Path, int]) -> Problem:
    """The line is the key's own, or that of the nearest table around it."""
    known = [path[:length] for length in range(len(path), 0, -1) if path[:length] in lines]
    return Problem(message, field=_name(path) or None, line=lines[known[0]] if known else None, code=code)


def _by_line(problem: Problem) -> tuple[int, str]:
    return problem.line or 0, problem.field or ""
