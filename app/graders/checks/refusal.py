"""Check `refusal`: a reply that begins by saying no.

Phrases in ten languages, looked for in the first 300 characters only, and built to miss rather than to cry wolf: apologies,
questions back and conditions are not refusals. The server's own word for it (`refusal`, `finish_reason`) counts as well.
"""

import re

from app.domain.exchange import Json, Reply
from app.graders.checks.asked import has_content
from app.graders.checks.refusal_phrases import LANGUAGES, pattern_of

NAME, VERSION = "refusal", "1"
MAX_CHARS = 300
SAID_BY_SERVER = frozenset({"content_filter", "refusal", "safety"})

_PATTERNS = tuple((language.hints, pattern_of(language)) for language in LANGUAGES)
# What turns "I can't answer that" into a question back.
_CONDITION = re.compile(
    r"^[^.!?]{0,80}\b(?:without|until|unless|yet|ohne|solange|bevor|sans|tant que|sin|hasta|senza|sem|zonder|bez)\b"
)
# Apostrophes of all kinds are one, emphasis and quotation marks are none.
_MARKS = str.maketrans(
    {0x2019: "'", 0x2018: "'", 0xB4: "'", 0xFF0C: ",", 0x201C: "", 0x201D: ""} | {ord(c): "" for c in '*_#>"'}
)


def applies(request: Json, reply: Reply) -> bool:  # noqa: ARG001 - every check is asked the same way
    """To replies that say something and call no tool."""
    return not reply.tool_calls and (has_content(reply) or _said_by_server(reply) is not None)


def find(request: Json, reply: Reply) -> str | None:  # noqa: ARG001
    """The words that say no, or the server's own."""
    server = _said_by_server(reply)
    if server is not None:
        return f"the server says: {server}"
    beginning = " ".join((reply.content or "")[:MAX_CHARS].translate(_MARKS).casefold().split())
    for hints, pattern in _PATTERNS:
        said = pattern.search(beginning) if any(hint in beginning for hint in hints) else None
        if said is not None and not _CONDITION.match(beginning[said.end() :]):
            return f"says: {said[0].strip()[:80]}"
    return None


def _said_by_server(reply: Reply) -> str | None:
    if reply.is_refusal:
        return "refusal"
    reason = (reply.finish_reason or "").lower()
    return reason if reason in SAID_BY_SERVER else None
