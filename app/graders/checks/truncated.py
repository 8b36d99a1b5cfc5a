"""Check `truncated`: a reply that was cut off at its limit of tokens, as the server says."""

from app.domain.exchange import Json, Reply

NAME, VERSION = "truncated", "1"
# Chat Completions say `length`; Responses say why they are incomplete; TGI and others have words of their own.
CUT_OFF = frozenset({"length", "max_tokens", "max_output_tokens", "model_length", "token_limit"})


def applies(request: Json, reply: Reply) -> bool:  # noqa: ARG001 - every check is asked the same way
    """Where it is known how the reply ended."""
    return bool(reply.finish_reason)


def find(request: Json, reply: Reply) -> str | None:  # noqa: ARG001
    """Cut off by a limit."""
    reason = (reply.finish_reason or "").lower()
    return f"cut off: {reason}" if reason in CUT_OFF else None
