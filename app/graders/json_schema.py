"""Grader `json_schema`: does JSON keep to a schema that the request itself brought?"""

from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, validator_for
from referencing.jsonschema import EMPTY_REGISTRY

from app.domain.exchange import Json, Reply
from app.graders.canonical import canonical_json, strict_json
from app.graders.grade import Validity
from app.providers.draft import cut

NAME = "json_schema"
VERSION = "1"
MAX_VIOLATIONS = 5
MAX_MESSAGE = 200
MAX_LOOKED_AT = 100


def check_response_format(request: Json, reply: Reply) -> Validity:
    """Whether a reply's content is JSON that fits the schema of the request's `response_format`.

    A reply that calls tools instead has no content to check; a request without a schema asks for nothing. Code fences or
    words around the JSON violate: the client would parse the content as it is.

    Args:
        request: Chat Completions (`response_format`) or Responses (`text.format`).
        reply: The reply to that request.
    """
    schema = requested_schema(request)
    if schema is None or reply.tool_calls:
        return Validity()
    try:
        document = strict_json(reply.content or "")
    except ValueError as error:
        return Validity((cut(f"{NAME}: $: the content is not JSON: {error}", MAX_MESSAGE),))
    return check_document(document, schema, NAME)


def check_document(document: Any, schema: Any, label: str) -> Validity:
    """Whether a JSON value fits a schema; at most five violations, each as `label: path: message`.

    A schema that is itself invalid, or refers to something outside of itself, is said and violated by nothing. Nothing is
    fetched from anywhere.
    """
    try:
        validator = _validator(canonical_json(schema))
        found = islice(validator.iter_errors(document), MAX_LOOKED_AT)
        errors = sorted(found, key=lambda error: [str(part) for part in error.absolute_path])
    except SchemaError as error:
        return Validity(unusable=(cut(f"{label}: the schema is invalid at {error.json_path}: {error.message}", MAX_MESSAGE),))
    except Exception as error:  # a stranger's schema: whatever it breaks, no reply is to blame
        return Validity(unusable=(cut(f"{label}: the schema cannot be used: {type(error).__name__}: {error}", MAX_MESSAGE),))
    return Validity(
        tuple(cut(f"{label}: {error.json_path}: {error.message}", MAX_MESSAGE) for error in errors[:MAX_VIOLATIONS])
    )


def requested_schema(request: Json) -> Any:
    """The JSON schema that the request wants its reply to fit; `None` if it wants none."""
    responses = request.get("text")
    given = request.get("response_format") or (responses.get("format") if isinstance(responses, dict) else None)
    if not isinstance(given, dict) or given.get("type") != "json_schema":
        return None
    inner = given.get("json_schema")
    return inner.get("schema") if isinstance(inner, dict) else given.get("schema")


@lru_cache(maxsize=1024)
def _validator(schema_text: str) -> Validator:
    schema = strict_json(schema_text)
    if not isinstance(schema, dict):
        message = "a schema is an object"
        raise SchemaError(message)
    kind = validator_for(schema, default=Draft202012Validator)
    kind.check_schema(schema)
    made: Validator = kind(schema, registry=EMPTY_REGISTRY)
    return made
