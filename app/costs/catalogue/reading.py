"""Reads a catalogue file strictly: everything that is wrong is named with file, line and field, and nothing of it is used."""

import difflib
import json
import tomllib
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.domain.catalogue import CatalogueFile
from app.domain.table_schema import allowed
from app.domain.toml_lines import Path as TomlPath
from app.domain.toml_lines import key_lines
from app.errors import InvalidInput, Problem

MAX_BYTES = 1024 * 1024
MAX_SHOWN = 60
_TABLES = {"source": "SourceLine", "model": "CatalogueModel", "gpu": "CatalogueGpu", "price": "GpuPrice", "claim": "Claim"}


def read_file(text: str | bytes, name: str) -> tuple[CatalogueFile, dict[TomlPath, int]]:
    """The lines of one file and where each stands.

    Args:
        text: The file.
        name: What errors call it.

    Raises:
        InvalidInput: With one problem for everything that is wrong.
    """
    document, lines = _parse(text, name)
    try:
        # By JSON's strict rules: text is no number, and a list is a tuple.
        return CatalogueFile.model_validate_json(json.dumps(document, default=str), strict=True), lines
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise refused(name, [problem_of(*_read(detail), lines) for detail in details])


def refused(name: str, problems: list[Problem]) -> InvalidInput:
    """The error of a file with problems, first line first."""
    listed = sorted(problems, key=lambda problem: (problem.line or 0, problem.field or ""))
    first = listed[0]
    where = f", line {first.line}" if first.line is not None else ""
    more = f" ({len(listed)} problems in all)" if len(listed) > 1 else ""
    return InvalidInput(f"the catalogue {name}{where} is wrong: {first.message}{more}", tuple(listed), file=name)


def problem_of(path: TomlPath, message: str, code: str, lines: dict[TomlPath, int]) -> Problem:
    """A problem on the line of its key, or of the nearest table around it."""
    known = [path[:length] for length in range(len(path), 0, -1) if path[:length] in lines]
    return Problem(f"{_field(path)}: {message}", field=_field(path), line=lines[known[0]] if known else None, code=code)


def _parse(text: str | bytes, name: str) -> tuple[dict[str, Any], dict[TomlPath, int]]:
    if len(text) > MAX_BYTES:
        raise refused(name, [Problem(f"it is larger than {MAX_BYTES} bytes", code="too_large")])
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        return tomllib.loads(decoded), key_lines(decoded)
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML
        message = f"this is not a TOML file in UTF-8: {error}"
        raise refused(name, [Problem(message, code="not_toml")]) from None


def _read(detail: ErrorDetails) -> tuple[TomlPath, str, str]:
    path, kind, context = tuple(detail["loc"]), detail["type"], detail.get("ctx", {})
    if kind == "rule":
        return (*path, *context["path"]), context["text"], context["code"]
    if kind == "extra_forbidden":
        return path, _unknown(path), "unknown_key"
    if kind == "missing":
        return path, f"is missing: give {_allowed(path)}", "missing"
    said = str(context["error"]) if kind == "value_error" else f"must be {_allowed(path)}"
    return path, f"{said}, not {_shown(detail['input'])}", "value"


def _allowed(path: TomlPath) -> str:
    """What a key may hold, in words, read off the schema."""
    if len(path) < 3:  # noqa: PLR2004 - table, number, key
        return "an array of tables: write its name in double brackets"
    schema = _properties(str(path[0]))[str(path[2])]
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    chosen = next((one for one in options if one.get("type") == "number"), options[0])
    return "texts in quotes, in brackets" if chosen.get("type") == "array" else allowed(chosen)


def _unknown(path: TomlPath) -> str:
    keys = tuple(_properties(str(path[0])) if len(path) > 1 else _TABLES)
    nearest = difflib.get_close_matches(str(path[-1]), keys, n=1, cutoff=0.0)
    return f"unknown key; did you mean '{nearest[0]}'? Known: {', '.join(keys)}"


@cache
def _properties(table: str) -> dict[str, Any]:
    found: dict[str, Any] = CatalogueFile.model_json_schema()["$defs"][_TABLES[table]]["properties"]
    return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def _field(path: TomlPath) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
