"""Check `schema_violation`: the content is JSON, but not such as the request's schema wants (the path is said)."""

from app.domain.exchange import Json, Reply
from app.graders.canonical import strict_json
from app.graders.checks import json_invalid
from app.graders.json_schema import NAME as GRADER
from app.graders.json_schema import check_document, requested_schema

NAME, VERSION = "schema_violation", "1"


def applies(request: Json, reply: Reply) -> bool:
    """Where a schema is asked for; content that is no JSON at all is for `json_invalid` to find."""
    return requested_schema(request) is not None and not reply.tool_calls


def find(request: Json, reply: Reply) -> str | None:
    """The first place that does not fit. A schema that cannot be used is violated by nothing."""
    if json_invalid.find(request, reply) is not None:
        return None
    found = check_document(strict_json(reply.content or ""), requested_schema(request), GRADER)
    return found.violations[0] if found.violations else None
