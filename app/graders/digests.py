"""What can be said of replies whose text is not kept: keyed digests that are equal where the replies are, and violations."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from app.domain.exchange import Json, Reply
from app.graders.canonical import canonical_calls, canonical_json, fold
from app.graders.equality import NAME as EXACT
from app.graders.equality import Sameness
from app.graders.grade import Grade, Ungraded
from app.graders.json_schema import NAME as JSON_SCHEMA
from app.graders.json_schema import check_response_format
from app.graders.label import NAME as LABEL
from app.graders.label import label_of, no_label
from app.graders.tool_calls import NAME as TOOL_CALLS
from app.graders.tool_calls import Called, called, check_tool_calls, declared_tools, grade_calls

DIGEST_CHARS = 32
# Calls beyond these are only said to be the same or not.
MAX_CALLS, MAX_ARGUMENTS = 20, 50


def check_reply(key: bytes, request: Json, reply: Reply) -> Json:
    """What the deterministic graders find in a reply, without any of its text.

    Args:
        key: Keys the digests, so that nobody can try texts out against them.
        request: The request; its digest goes into those of the replies, so that they compare within one exchange only.
        reply: The reply to it.

    Returns:
        `text_digest` of the content, case and white space folded; `tools_digest` of the tool calls in any order, `None` without
        any; `violation`, the name of the grader that found one, or `None`; `label_digest` of the label that the content is, or
        `None`; `calls`, digests of the tool's name and of each argument of each call, `None` for very many.
    """
    salt = hashlib.sha256(canonical_json(request).encode("utf-8", "surrogatepass")).digest()
    calls = "\n".join(sorted(canonical_calls(reply.tool_calls)))
    return {
        "text_digest": _digest(key, salt, fold(reply.content)),
        "tools_digest": _digest(key, salt, calls) if reply.tool_calls else None,
        "violation": violation_of(request, reply),
        "label_digest": None if (label := label_of(reply)) is None else _digest(key, salt, label),
        "calls": _calls(key, salt, request, reply),
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


def grade_digests(grader: str, incumbent: Mapping[str, Any], other: Mapping[str, Any]) -> Grade | Ungraded | None:
    """What a deterministic grader of a segment gives, by the digests of two replies; `None` where it needs the texts."""
    if grader == EXACT:
        is_same = same_tools(incumbent, other) and incumbent["text_digest"] == other["text_digest"]
        return Grade(0.5, "the replies are equal") if is_same else Grade(0.0, "the replies differ")
    if grader == TOOL_CALLS:
        return _grade_calls(incumbent, other)
    has_labels = "label_digest" in incumbent and "label_digest" in other  # replies of an earlier version have none
    return _grade_labels(incumbent, other) if grader == LABEL and has_labels else None


def _grade_calls(incumbent: Mapping[str, Any], other: Mapping[str, Any]) -> Grade | None:
    if same_tools(incumbent, other):
        return Grade(0.5, "the same tool calls, or none")
    sides = [checks.get("calls") for checks in (incumbent, other)]
    if None in sides:
        return None
    wanted, given = (
        [Called(tool, frozenset(said), frozenset(spelled)) for tool, said, spelled in side or ()] for side in sides
    )
    return grade_calls(wanted, given)


def _grade_labels(incumbent: Mapping[str, Any], other: Mapping[str, Any]) -> Grade | Ungraded:
    wanted, given = incumbent["label_digest"], other["label_digest"]
    if wanted is None:
        return no_label()
    return Grade(0.5, "the same label") if wanted == given else Grade(0.0, "another label, or none")


def _calls(key: bytes, salt: bytes, request: Json, reply: Reply) -> list[Any] | None:
    declared = declared_tools(request)
    calls = [called(call, declared) for call in reply.tool_calls]
    if len(calls) > MAX_CALLS or any(len(call.arguments) > MAX_ARGUMENTS for call in calls):
        return None
    return [
        [
            _digest(key, salt, call.tool),
            *(sorted(_digest(key, salt, text) for text in said) for said in (call.arguments, call.defaults)),
        ]
        for call in calls
    ]


def _digest(key: bytes, salt: bytes, text: str) -> str:
    return hmac.digest(key, salt + text.encode("utf-8", "surrogatepass"), "sha256").hex()[:DIGEST_CHARS]
