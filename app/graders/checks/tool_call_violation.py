"""Check `tool_call_violation`: a call of a tool that was not offered, or with arguments that it does not take."""

from app.domain.exchange import Json, Reply
from app.graders.tool_calls import check_tool_calls, declared_tools

NAME, VERSION = "tool_call_violation", "1"


def applies(request: Json, reply: Reply) -> bool:
    """Where the request offers tools, or the reply calls one all the same."""
    return bool(reply.tool_calls) or bool(declared_tools(request))


def find(request: Json, reply: Reply) -> str | None:
    """The first violation. Nothing is executed."""
    violations = check_tool_calls(request, reply).violations if reply.tool_calls else ()
    return violations[0] if violations else None
