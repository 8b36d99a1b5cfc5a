"""What can be said of replies whose text is not kept: keyed digests that are equal where the replies are, and violations."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from app.domain.exchange import Json, Reply
from app.graders.canonical import canonical_calls, canonical_json, fold
from app.graders.equality import NAME as EXACT
from app.graders.equality import Sameness
from app.graders.grade import Grade
from app.graders.json_schema import NAME as JSON_SCHEMA
from app.graders.json_schema import check_response_format
from app.graders.tool_calls import NAME as TOOL_CALLS
from app.graders.tool_calls import check_tool_calls

DIGEST_CHARS = 32


def check_reply(key: bytes, request: Json, reply: Reply) -> Json:
    """What the deterministic graders find in a reply, without any of its text.

    Args:
        key: Keys the digests, so that nobody can try texts out against them.
        request: The request; its digest goes into those of the replies, so that they compare within one exchange only.
        reply: The reply to it.

    Returns:
        `text_digest` of the content, case and white space folded; `tools_digest` of the tool calls in any order, `None` without
        any; `violation`, the name of the grader that found one, or `None`.
    """
    salt = hashlib.sha256(canonical_json(request).encode("utf-8", "surrogatepass")).digest()
    calls = "\n".join(sorted(canonical_calls(reply.tool_calls)))
    return {
        "text_digest": _digest(key, salt, fold(reply.content)),
        "tools_digest": _digest(key, salt, calls) if reply.tool_calls else None,
        "violation": violation_of(request, reply),
    }


def violation_of(request: Json, reply: Reply) -> str | None:
    """Which deterministic grader finds that a reply violates what its request asks for."""
    if check_response_format(request, reply).violations:
        return JSON_SCHEMA
    return TOOL_CALLS if check_tool_calls(request, reply).violations else None


def what_digests_equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> Sameness | None:
    """As `app.graders.equality.what_is_equal`, by the digests of two replies."""
    if one["tools_digest"] is not None or other["tools_digest"] is not None:
        return "tool_calls" if same_tools(one, other) else None
    return "reply" if one["text_digest"] == other["text_digest"] else None


def same_tools(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two replies make the same tool calls, or neither makes one."""
    return bool(one["tools_digest"] == other["tools_digest"])


def grade_digests(grader: str, incumbent: Mapping[str, Any], other: Mapping[str, Any]) -> Grade | None:
    """What a deterministic grader of a segment gives, by the digests of two replies; `None` for all other graders."""
    is_same = same_tools(incumbent, other)
    if grader == TOOL_CALLS:
        return Grade(0.5, "the same tool calls, or none") if is_same else Grade(0.0, "other tool calls")
    if grader != EXACT:
        return None
    is_same = is_same and incumbent["text_digest"] == other["text_digest"]
    return Grade(0.5, "the replies are equal") if is_same else Grade(0.0, "the replies differ")


def _digest(key: bytes, salt: bytes, text: str) -> str:
    return hmac.digest(key, salt + text.encode("utf-8", "surrogatepass"), "sha256").hex()[:DIGEST_CHARS]
