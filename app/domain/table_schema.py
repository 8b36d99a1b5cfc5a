"""What `pilot.toml` allows where, told to people: read off the tables' own JSON schema, so that it cannot drift."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Any

from app.domain.configuration import PilotConfiguration
from app.domain.toml_lines import Path

Schema = dict[str, Any]


@cache
def _document() -> Schema:
    return PilotConfiguration.model_json_schema()


def _plain(schema: Schema) -> Schema:
    """Without what JSON has and TOML has not: references, `null`, and decimals as text."""
    if "$ref" in schema:
        found: Schema = _document()["$defs"][schema["$ref"].rpartition("/")[2]]
        return found
    if "anyOf" not in schema:
        return schema
    options = [option for option in schema["anyOf"] if option.get("type") != "null"]
    numbers = [option for option in options if option.get("type") == "number"]
    return _plain((numbers or options)[0])


def schema_at(path: Path) -> Schema | None:
    """What is allowed at a path; `None` if nothing is."""
    schema = _document()
    for part in path:
        found = schema.get("items") if isinstance(part, int) else schema.get("properties", {}).get(part)
        if found is None:
            return None
        schema = _plain(found)
    return schema


def known_keys(path: Path) -> list[str]:
    """The keys of a table."""
    return list((schema_at(path) or {}).get("properties", {}))


def allowed(schema: Schema) -> str:
    """What a value must be, in words."""
    if "enum" in schema:
        return "one of " + ", ".join(f"'{value}'" for value in schema["enum"])
    if schema.get("format") == "date":
        return "a date without quotes from 2000 to 2100, such as 2026-11-02"
    words = {"integer": "a whole number", "number": "a number", "string": "text in quotes", "boolean": "true or false"}
    tables = {"object": "a table", "array": "an array of tables: write its name in double brackets"}
    return (words | tables)[schema["type"]] + _bounds(schema)


def _bounds(schema: Schema) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    said = [f"{word} {schema[key]:g}" for key, word in words.items() if key in schema]
    return ", " + " and ".join(said) if said else ""


def wrong_types(value: Any, schema: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema, Any]]:
    """Every value of a document whose TOML type is not the one that is allowed at its place."""
    if not _fits(value, schema):
        yield path, schema, value
    elif isinstance(value, dict):
        properties = schema.get("properties", {})
        for key, inner in value.items():
            if key in properties:
                yield from wrong_types(inner, _plain(properties[key]), (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from wrong_types(inner, _plain(schema["items"]), (*path, number))


def wrong_types_of_document(document: dict[str, Any]) -> list[tuple[Path, Schema, Any]]:
    """`wrong_types` of a whole file."""
    return list(wrong_types(document, _document()))


def _fits(value: Any, schema: Schema) -> bool:
    if schema.get("format") == "date":
        return isinstance(value, date) and not isinstance(value, datetime)
    if isinstance(value, bool):
        return bool(schema["type"] == "boolean")
    kinds: dict[str, tuple[type, ...]] = {
        "integer": (int,), "number": (int, float), "string": (str,), "boolean": (bool,), "object": (dict,), "array": (list,),
    }  # fmt: skip
    return isinstance(value, kinds[schema["type"]])
