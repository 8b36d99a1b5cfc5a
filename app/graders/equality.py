"""Grader `exact`: are two replies the same, letter case and white space aside?"""

from collections import Counter
from typing import Literal

from app.domain.exchange import Reply
from app.graders.canonical import canonical_calls, fold
from app.graders.grade import Grade

NAME = "exact"
VERSION = "1"

Sameness = Literal["reply", "tool_calls"]


def what_is_equal(one: Reply, other: Reply) -> Sameness | None:
    """What makes two replies equal (CONTRACTS section 5, step 3); `None` if they differ.

    Replies that call tools are equal if they make the same calls, in any order; what they say beside them does not count.
    Others are equal if their contents are, with white space and letter case folded.
    """
    if one.tool_calls or other.tool_calls:
        return "tool_calls" if same_calls(one, other) else None
    return "reply" if fold(one.content) == fold(other.content) else None


def same_calls(one: Reply, other: Reply) -> bool:
    """Whether two replies make the same tool calls: same tools, same arguments as canonical JSON, in any order."""
    return Counter(canonical_calls(one.tool_calls)) == Counter(canonical_calls(other.tool_calls))


def grade_equality(incumbent: Reply, other: Reply) -> Grade:
    """Agreement with an incumbent that counts as right: 0.5 if the replies are equal, else 0."""
    same_text = fold(incumbent.content) == fold(other.content)
    if same_text and same_calls(incumbent, other):
        return Grade(0.5, "the replies are equal")
    return Grade(0.0, "the replies differ in their tool calls" if same_text else "the replies differ")
