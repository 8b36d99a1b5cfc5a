"""Check `empty`: a reply that says nothing and calls nothing. Live replies of that kind are failures, not replies."""

from app.domain.exchange import Json, Reply
from app.graders.checks.asked import has_content

NAME, VERSION = "empty", "1"


def applies(request: Json, reply: Reply) -> bool:  # noqa: ARG001 - every check is asked the same way
    """To every reply that calls no tool."""
    return not reply.tool_calls


def find(request: Json, reply: Reply) -> str | None:  # noqa: ARG001
    """Nothing, or nothing but white space."""
    return None if has_content(reply) else "nothing but white space" if reply.content else "no content"
