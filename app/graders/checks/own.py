"""The user's own checks: regular expressions that a reply must match, or must not (`[[check]]`)."""

import re

from app.domain.check_table import CheckTable
from app.domain.exchange import Json, Reply
from app.graders.checks.asked import has_content
from app.graders.checks.check import Check, digest_of

PREFIX = "own:"
VERSION = "1"
# A bounded pattern tries at most 1,000 ways from each place: only so much of a reply is searched.
MAX_CHARS = 20_000


def own_check(table: CheckTable) -> Check:
    """The check that a table defines; another pattern under the same name has another version."""
    pattern = re.compile(table.pattern)
    must_match = table.must == "match"

    def applies(request: Json, reply: Reply) -> bool:  # noqa: ARG001 - every check is asked the same way
        return has_content(reply) or not reply.tool_calls

    def find(request: Json, reply: Reply) -> str | None:  # noqa: ARG001
        matches = pattern.search((reply.content or "")[:MAX_CHARS]) is not None
        if matches is must_match:
            return None
        return "does not match" if must_match else "matches"

    return Check(f"{PREFIX}{table.name}", f"{VERSION}-{digest_of(table.pattern, table.must)}", applies, find, table.segment)
