"""Check `json_invalid`: JSON was asked for, and the content is none."""

from app.domain.exchange import Json, Reply
from app.graders.canonical import strict_json
from app.graders.checks.asked import asks_for_json
from app.providers.draft import cut

NAME, VERSION = "json_invalid", "1"
MAX_REASON = 200


def applies(request: Json, reply: Reply) -> bool:
    """Where the request's format is `json_object` or `json_schema`, and the reply calls no tool instead."""
    return asks_for_json(request) and not reply.tool_calls


def find(request: Json, reply: Reply) -> str | None:  # noqa: ARG001 - every check is asked the same way
    """Not JSON as the client would parse it: fences and words around it, `NaN`, an end too early, nested too deeply."""
    try:
        strict_json(reply.content or "")
    except ValueError as error:
        return cut(str(error), MAX_REASON)
    return None
